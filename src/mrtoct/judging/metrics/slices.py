"""Errors by transverse slice, and whether neighbouring slices fit together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.volume import Array, Grid


@dataclass(frozen=True)
class SliceError:
    """Mean absolute error in HU inside the mask on one transverse slice (index along K)."""

    index: int
    mae: float
    voxels: int


def transverse(grid: Grid, *arrays: Array) -> tuple[Array, ...]:
    """Return the arrays with the axis that is nearest to the vertical as the last one.

    Arrays of a sagittal or coronal acquisition keep their own order in a file.
    """
    axis = int(np.argmax(np.abs(grid.affine[2, :3]) / grid.spacing))
    return tuple(np.moveaxis(array, axis, 2) for array in arrays)


def slice_profile(sct: Array, ct: Array, mask: Array, grid: Grid) -> tuple[SliceError, ...]:
    """Return the in-mask mean absolute error of every transverse slice that meets the mask."""
    sct, ct, mask = transverse(grid, sct, ct, mask)
    error = np.abs(np.where(mask, sct.astype(np.float64) - ct, 0.0)).sum(axis=(0, 1))
    voxels = mask.sum(axis=(0, 1))
    return tuple(
        SliceError(int(k), float(error[k] / voxels[k]), int(voxels[k]))
        for k in np.flatnonzero(voxels)
    )


def slice_discontinuity(sct: Array, ct: Array, mask: Array, grid: Grid) -> float:
    """Return mean |step between adjacent transverse slices| of the sCT over that of the CT.

    Steps count where both voxels are inside the mask. 1 is right; translators that see one
    slice at a time exceed it. NaN where the mask has no such pair or the CT no step.
    """
    sct, ct, mask = transverse(grid, sct, ct, mask)
    both = mask[:, :, 1:] & mask[:, :, :-1]
    real = np.abs(np.diff(ct.astype(np.float64), axis=2))[both].sum()
    synthetic = np.abs(np.diff(sct.astype(np.float64), axis=2))[both].sum()
    return float(synthetic / real) if real > 0 else float("nan")
