"""Every metric by its key: what it is called, its unit, and which way is better.

A new metric is one file with a function and one line in METRICS: it is then evaluated, written,
read, summarised and compared like all others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from mrtoct.judging.metrics.slices import slice_discontinuity
from mrtoct.volume import Array, Grid

Measure = Callable[[Array, Array, Array, Grid], float]
"""Gives a number of a synthetic CT, the real one and a mask (I, J, K) on one grid, HU."""


@dataclass(frozen=True)
class Metric:
    """A number of an Evaluation: its key, its name, its unit and what is better."""

    key: str
    """Where it stands in an Evaluation, dotted; or, with a measure, any name of its own."""
    title: str
    unit: str
    best: Literal["lower", "higher", "zero", "one"]
    decimals: int
    measure: Measure | None = None
    """How it is measured, where it is not part of what every evaluation holds."""

    def of(self, evaluation: Any) -> float:
        """Return the number of an Evaluation, NaN where it is undefined or was not measured."""
        if self.measure or self.key in STRUCTURE_METRICS:
            return float(evaluation.measured.get(self.key, math.nan))
        value: Any = evaluation
        for part in self.key.split("."):
            value = getattr(value, part) if value is not None else None
        return math.nan if value is None else float(value)

    def distance(self, value: float) -> float:
        """Return how far a value is from ideal, such that smaller is better."""
        match self.best:
            case "lower":
                return value
            case "higher":
                return -value
            case "zero":
                return abs(value)
            case "one":
                return abs(value - 1)


def _by_key(*metrics: Metric) -> dict[str, Metric]:
    return {metric.key: metric for metric in metrics}


METRICS = _by_key(
    Metric("body.mae", "MAE, body", "HU", "lower", 1),
    Metric("body.me", "mean error, body", "HU", "zero", 1),
    Metric("soft_tissue.mae", "MAE, soft tissue", "HU", "lower", 1),
    Metric("bone.mae", "MAE, bone", "HU", "lower", 1),
    Metric("air.mae", "MAE, air in the body", "HU", "lower", 1),
    Metric("bone.me", "mean error, bone", "HU", "zero", 1),
    Metric("bone.dice", "Dice, bone", "", "higher", 3),
    Metric("bone.hd95_mm", "HD95, bone", "mm", "lower", 1),
    Metric("air.dice", "Dice, air in the body", "", "higher", 3),
    Metric("synthrad_2023.psnr", "PSNR, SynthRAD 2023", "dB", "higher", 2),
    Metric("synthrad_2023.ssim", "SSIM, SynthRAD 2023", "", "higher", 3),
    Metric("synthrad_2025.psnr", "PSNR, SynthRAD 2025", "dB", "higher", 2),
    Metric("synthrad_2025.ms_ssim", "MS-SSIM, SynthRAD 2025", "", "higher", 3),
    Metric("slice_discontinuity", "slice discontinuity", "", "one", 2, slice_discontinuity),
    Metric("paper.mae", "MAE, paper", "HU", "lower", 1),
    Metric("paper.mse", "MSE, paper", "HU²", "lower", 0),
    Metric("paper.psnr_65535", "PSNR, paper (65535)", "dB", "higher", 2),
)

SEAM_METRICS = _by_key(
    Metric("seam.across", "steps across tile borders", "", "one", 2),
    Metric("seam.elsewhere", "steps elsewhere", "", "one", 2),
)
"""Of volumes that were put together from tiles; NaN for others."""

STRUCTURE_METRICS = _by_key(
    *(
        Metric(f"structures.{name.replace(' ', '_')}", f"Dice, {name} segmented", "", "higher", 3)
        for name in ("bone", "brain", "fat", "soft tissue")
    )
)
"""Of structures that a network finds in both CTs, where that is asked for; NaN elsewhere."""
