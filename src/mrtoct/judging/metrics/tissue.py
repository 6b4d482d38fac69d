"""Errors by tissue class inside a mask: where a synthetic CT is wrong, and in which direction.

Classes follow the reference CT alone, so that every method is judged on the same voxels. An
average over no voxel is NaN here and null in JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mrtoct.judging.metrics.surface import hd95
from mrtoct.volume import AIR_BELOW_HU, BONE_ABOVE_HU, Array, Grid

BIAS_BIN_HU = 100.0
"""Width of the bins of the bias curve; one bin is centred on water."""
FEWEST_IN_BIN = 30
"""Bins of a subject's bias curve with fewer voxels show noise, not bias."""


@dataclass(frozen=True)
class ClassError:
    """Mean absolute error and mean error (synthetic minus real) in HU over so many voxels."""

    voxels: int
    mae: float
    me: float


@dataclass(frozen=True)
class StructureError:
    """As ClassError, and how well the class lies in its place: Dice (0 to 1) and HD95 in mm.

    These two compare the class by threshold in both CTs, inside the mask. NaN where undefined, or
    not measured by an older version.
    """

    voxels: int
    mae: float
    me: float
    dice: float = float("nan")
    hd95_mm: float = float("nan")


@dataclass(frozen=True)
class BiasBin:
    """Mean HU of the real and the synthetic CT over the voxels of one bin of real HU."""

    ct: float
    sct: float
    voxels: int


def class_error(sct: Array, ct: Array, where: Array) -> ClassError:
    """Return mean |sct - ct| and mean (sct - ct) over the voxels of a boolean array."""
    error = sct[where].astype(np.float64) - ct[where]
    if error.size == 0:
        return ClassError(0, float("nan"), float("nan"))
    return ClassError(int(error.size), float(np.abs(error).mean()), float(error.mean()))


def soft_tissue(ct: Array, mask: Array) -> Array:
    """Return which voxels of the mask hold -250 to 250 HU in the reference."""
    return mask & (ct >= AIR_BELOW_HU) & (ct <= BONE_ABOVE_HU)


def bone(ct: Array, mask: Array) -> Array:
    """Return which voxels of the mask hold more than 250 HU."""
    return mask & (ct > BONE_ABOVE_HU)


def air(ct: Array, mask: Array) -> Array:
    """Return which voxels of the mask hold less than -250 HU."""
    return mask & (ct < AIR_BELOW_HU)


def dice(first: Array, second: Array) -> float:
    """Return 2 |A and B| / (|A| + |B|) of two boolean arrays; NaN where both are empty."""
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def structure_error(
    sct: Array, ct: Array, mask: Array, grid: Grid, classify: Callable[[Array, Array], Array]
) -> StructureError:
    """Return the error inside a class of the reference, and how the class of both agrees.

    classify is one of soft_tissue, bone and air.
    """
    real, synthetic = classify(ct, mask), classify(sct, mask)
    error = class_error(sct, ct, real)
    return StructureError(
        error.voxels, error.mae, error.me, dice(real, synthetic), hd95(real, synthetic, grid)
    )


def bias_curve(sct: Array, ct: Array, mask: Array) -> tuple[BiasBin, ...]:
    """Return mean synthetic against mean real HU per 100 HU bin of real HU inside the mask.

    Bins are centred on multiples of 100 HU; empty ones are left out. On the identity line the
    synthetic CT is unbiased; a flat curve has regressed to the mean.
    """
    real = ct[mask].astype(np.float64)
    synthetic = sct[mask].astype(np.float64)
    number = np.floor(real / BIAS_BIN_HU + 0.5).astype(np.int64)
    _, index, voxels = np.unique(number, return_inverse=True, return_counts=True)
    real_mean = np.bincount(index, real) / voxels
    synthetic_mean = np.bincount(index, synthetic) / voxels
    return tuple(
        BiasBin(float(r), float(s), int(n))
        for r, s, n in zip(real_mean, synthetic_mean, voxels, strict=True)
    )
