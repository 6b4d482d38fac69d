"""Curves of a cohort, with the subject as the unit: bias over HU, error by level of the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.tissue import BIAS_BIN_HU, FEWEST_IN_BIN
from mrtoct.judging.summary import LevelSummary, Summary, summarise, summarise_levels


@dataclass(frozen=True)
class BiasPoint:
    """Mean HU of the real CT in a bin, and the mean synthetic HU there over subjects."""

    ct: float
    sct: Summary


def bias_of(evaluations: Sequence[Evaluation]) -> list[BiasPoint]:
    """Return the bias curve of a cohort, by bins of the real CT's HU.

    A bin counts where at least half of the subjects have 30 voxels or more in it: else the curve
    would jump between different subjects.
    """
    by_bin: dict[int, list[tuple[float, float]]] = {}
    for evaluation in evaluations:
        for found in evaluation.bias_curve:
            if found.voxels >= FEWEST_IN_BIN:
                number = int(np.floor(found.ct / BIAS_BIN_HU + 0.5))
                by_bin.setdefault(number, []).append((found.ct, found.sct))
    return [
        BiasPoint(float(np.mean([ct for ct, _ in found])), summarise([sct for _, sct in found]))
        for _, found in sorted(by_bin.items())
        if 2 * len(found) >= len(evaluations)
    ]


def levels_of(evaluations: Sequence[Evaluation]) -> list[LevelSummary]:
    """Return the errors of each level that at least half of the subjects reach, the top first."""
    return [
        level
        for level in summarise_levels(evaluations)
        if 2 * level.mae.subjects >= len(evaluations)
    ]
