"""How far the standard deviations that come with synthetic CTs can be trusted.

A standard deviation is calibrated where the errors are as large as it says, and useful where it is
large at the voxels that are wrong: the two are measured apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array, Volume, require_same_grid

NOMINAL = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6827, 0.75, 0.8, 0.85, 0.9, 0.9545, 0.975, 0.99)
"""Probabilities of the intervals that are measured, those of one and two sd among them."""
REMOVED = tuple(round(0.05 * n, 2) for n in range(20))
BINS = 20


@dataclass(frozen=True)
class CalibrationCurve:
    """Coverage and sparsification of the voxels of one or several subjects; HU but for parts of 1.

    Sources: coverage as in Kuleshov et al. 2018, sparsification and AUSE as in Ilg et al. 2018,
    the calibration error of standard deviations as in Levi et al. 2022.
    """

    voxels: int
    nominal: tuple[float, ...]
    """Probability of an interval sCT +- z sd of a normal distribution."""
    observed: tuple[float, ...]
    """Part of the voxels whose real HU lies in that interval."""
    removed: tuple[float, ...]
    """Part of the voxels taken away, the most uncertain first."""
    mae_by_deviation: tuple[float, ...]
    """MAE of what is left, in the order of the standard deviation."""
    mae_by_error: tuple[float, ...]
    """MAE of what is left, in the order of the errors themselves: the best that can be."""
    ause: float
    """Area between the two curves over that of random order (0: perfect, about 1: useless)."""
    calibration_error: float
    """Mean of |root mean square of error - of sd| over bins of equal numbers of voxels, HU."""
    rank_correlation: float
    """Spearman's, of standard deviation and absolute error."""
    rms_deviation: float
    """Root mean square of the standard deviations; calibrated ones have that of the errors."""
    rmse: float
    """Root mean square of the errors."""

    def coverage(self, probability: float) -> float:
        """Return the part of the voxels inside the interval of a nominal probability."""
        return float(np.interp(probability, self.nominal, self.observed))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> CalibrationCurve:
        """Return what `asdict` made and JSON kept."""
        restored: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**restored)


def calibration_curve(error: Array, deviation: Array) -> CalibrationCurve:
    """Compare signed errors with standard deviations, both (N,) in HU.

    Raises ValueRangeError for fewer than two voxels, other shapes, or deviations below zero.
    """
    error = np.asarray(error, dtype=np.float64).ravel()
    deviation = np.asarray(deviation, dtype=np.float64).ravel()
    if error.shape != deviation.shape or error.size < 2:
        raise ValueRangeError(
            "calibration compares an error and a standard deviation for each of at least 2 voxels, "
            f"got {error.size} and {deviation.size}"
        )
    if not (np.isfinite(error).all() and np.isfinite(deviation).all() and deviation.min() >= 0):
        raise ValueRangeError("errors must be finite, and standard deviations at least 0")
    size = np.abs(error)
    order = np.argsort(-deviation, kind="stable")
    by_deviation = _mae_left(size[order])
    by_error = _mae_left(np.sort(size)[::-1])
    gap = np.subtract(by_deviation, by_error)
    random = size.mean() - np.asarray(by_error)
    return CalibrationCurve(
        voxels=error.size,
        nominal=NOMINAL,
        observed=tuple(float((size <= norm.ppf((1 + p) / 2) * deviation).mean()) for p in NOMINAL),
        removed=REMOVED,
        mae_by_deviation=by_deviation,
        mae_by_error=by_error,
        ause=float(gap.sum() / random.sum()) if random.sum() > 0 else 0.0,
        calibration_error=_calibration_error(error[order], deviation[order]),
        rank_correlation=_rank_correlation(deviation, size),
        rms_deviation=float(np.sqrt((deviation**2).mean())),
        rmse=float(np.sqrt((error**2).mean())),
    )


def head_voxels(
    sct: Volume, deviation: Volume, ct: Volume, mask: Volume, *, most: int = 200_000
) -> tuple[Array, Array]:
    """Return signed errors and standard deviations (N,), HU, of at most so many voxels of a mask.

    They are drawn evenly and without chance, from where the deviation is not 0: elsewhere none was
    estimated, because the MR shows no head there.
    """
    for other, name in ((sct, "synthetic CT"), (deviation, "standard deviation"), (mask, "mask")):
        require_same_grid(other.grid, ct.grid, name, "CT")
    index = np.flatnonzero(mask.voxels & (deviation.voxels > 0))
    index = index[:: max(1, -(-index.size // most))]
    error = sct.voxels.ravel()[index].astype(np.float64) - ct.voxels.ravel()[index]
    return error, deviation.voxels.ravel()[index].astype(np.float64)


def cohort_curve(curves: Sequence[CalibrationCurve]) -> CalibrationCurve:
    """Return the mean of several subjects' curves and figures: each subject counts alike."""
    if not curves:
        raise ValueRangeError("a cohort's calibration needs at least one subject, got none")

    def mean(name: str) -> Any:
        values = np.mean([getattr(curve, name) for curve in curves], axis=0)
        return tuple(values.tolist()) if values.ndim else float(values)

    means = {f.name: mean(f.name) for f in fields(CalibrationCurve) if f.name != "voxels"}
    return CalibrationCurve(voxels=sum(curve.voxels for curve in curves), **means)


def _mae_left(sizes: Array) -> tuple[float, ...]:
    """Return the mean of what is left of sizes when the first so many parts are removed."""
    # Sums from the end: element n is the sum of the voxels from the n-th on.
    sums = np.cumsum(sizes[::-1])[::-1]
    starts = [min(int(part * sizes.size), sizes.size - 1) for part in REMOVED]
    return tuple(float(sums[start] / (sizes.size - start)) for start in starts)


def _calibration_error(error: Array, deviation: Array) -> float:
    """Return the mean over bins of equal numbers of voxels, in the order given."""
    bins = np.array_split(np.arange(error.size), min(BINS, error.size))
    return float(
        np.mean(
            [
                abs(np.sqrt((error[b] ** 2).mean()) - np.sqrt((deviation[b] ** 2).mean()))
                for b in bins
            ]
        )
    )


def _rank_correlation(a: Array, b: Array) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)
