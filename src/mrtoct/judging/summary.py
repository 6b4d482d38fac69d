"""From subjects to a cohort: means with confidence intervals, and paired comparison of methods.

The subject is the unit of everything here: voxels of one head are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.levels import LevelError
from mrtoct.judging.metrics.metric import Metric

RESAMPLES = 10_000

FEWEST_FOR_A_CLAIM = 6
"""With fewer subjects, even all of them agreeing has a chance above 5 % (2 x 0.5^n)."""


@dataclass(frozen=True)
class Summary:
    """Mean, sample standard deviation, 95 % bootstrap interval and range over so many subjects.

    With one subject there is neither deviation nor interval: they are NaN.
    """

    subjects: int
    mean: float
    deviation: float
    low: float
    high: float
    least: float
    most: float

    def spread(self) -> tuple[str, float, float]:
        """Return what to print beside the mean: the interval, or the range of a few subjects."""
        if self.subjects < FEWEST_FOR_A_CLAIM:
            return "range", self.least, self.most
        return "95 % interval", self.low, self.high


@dataclass(frozen=True)
class LevelSummary:
    """Errors in HU over the subjects that reach a level, from_mm to to_mm below their tops."""

    from_mm: float
    to_mm: float
    mae: Summary
    me: Summary
    bone_mae: Summary


@dataclass(frozen=True)
class PairedDifference:
    """Method minus rival per subject, summarised, and where the method is nearer to ideal."""

    difference: Summary
    better_in: int
    worse_in: int
    verdict: Literal["better", "worse", "undecided", "too few subjects"]


def summarise(values: Sequence[float], *, seed: int = 0) -> Summary:
    """Return the mean over subjects with its percentile bootstrap interval; NaN are left out.

    The interval of a handful of subjects is too narrow to be claimed: see `Summary.spread`.
    """
    finite = np.array([v for v in values if math.isfinite(v)], dtype=np.float64)
    nan = float("nan")
    if finite.size == 0:
        return Summary(0, nan, nan, nan, nan, nan, nan)
    if finite.size == 1:
        value = float(finite[0])
        return Summary(1, value, nan, nan, nan, value, value)
    drawn = np.random.default_rng(seed).integers(finite.size, size=(RESAMPLES, finite.size))
    low, high = np.quantile(finite[drawn].mean(axis=1), (0.025, 0.975))
    return Summary(
        subjects=int(finite.size),
        mean=float(finite.mean()),
        deviation=float(finite.std(ddof=1)),
        low=float(low),
        high=float(high),
        least=float(finite.min()),
        most=float(finite.max()),
    )


def summarise_levels(
    evaluations: Sequence[Evaluation], *, seed: int = 0
) -> tuple[LevelSummary, ...]:
    """Return the errors of each level over the subjects that reach it, the top first."""
    by_level: dict[tuple[float, float], list[LevelError]] = {}
    for evaluation in evaluations:
        for level in evaluation.levels:
            by_level.setdefault((level.from_mm, level.to_mm), []).append(level)
    return tuple(
        LevelSummary(
            *limits,
            mae=summarise([level.mae for level in levels], seed=seed),
            me=summarise([level.me for level in levels], seed=seed),
            bone_mae=summarise([level.bone_mae for level in levels], seed=seed),
        )
        for limits, levels in sorted(by_level.items())
    )


def compare(
    method: Sequence[Evaluation], rival: Sequence[Evaluation], metric: Metric, *, seed: int = 0
) -> PairedDifference:
    """Compare two methods on the same subjects, in the same order.

    "better" and "worse" mean that the interval of the difference in distance from ideal
    excludes 0 over at least six subjects.
    """
    if len(method) != len(rival):
        raise ValueRangeError(
            f"a paired comparison needs the same subjects, got {len(method)} and {len(rival)}"
        )
    pairs = [(metric.of(a), metric.of(b)) for a, b in zip(method, rival, strict=True)]
    pairs = [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
    gained = [metric.distance(a) - metric.distance(b) for a, b in pairs]
    gain = summarise(gained, seed=seed)
    verdict: Literal["better", "worse", "undecided", "too few subjects"] = "undecided"
    if gain.subjects < FEWEST_FOR_A_CLAIM:
        verdict = "too few subjects"
    elif gain.high < 0:
        verdict = "better"
    elif gain.low > 0:
        verdict = "worse"
    return PairedDifference(
        difference=summarise([a - b for a, b in pairs], seed=seed),
        better_in=sum(g < 0 for g in gained),
        worse_in=sum(g > 0 for g in gained),
        verdict=verdict,
    )
