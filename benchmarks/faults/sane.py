"""What may come out of a reader: a value that the rest of mrtoct can work with."""

from __future__ import annotations

import numpy as np

from mrtoct.volume import Volume

MOST_VOXELS = 1 << 24
"""Of what a file of some kilobytes can hold, bombs aside."""


class InsaneError(AssertionError):
    """A damaged file was taken for a good one with impossible content."""


def require(condition: object, what: str) -> None:
    if not condition:
        raise InsaneError(what)


def require_volume(volume: Volume) -> None:
    affine, voxels = volume.affine, volume.voxels
    require(np.isfinite(affine).all(), f"affine {affine.tolist()}")
    require(abs(np.linalg.det(affine[:3, :3])) > 0, "axes that span nothing")
    require(voxels.shape == volume.grid.shape and voxels.ndim == 3, f"shape {voxels.shape}")
    require(0 < voxels.size <= MOST_VOXELS, f"{voxels.size} voxels")
    require(voxels.dtype.kind in "biuf" and voxels.dtype.isnative, f"type {voxels.dtype}")
    require(voxels.dtype.kind != "f" or np.isfinite(voxels).all(), "voxels that are not finite")


def require_finite(numbers: object, what: str) -> None:
    array = np.asarray(numbers, dtype=np.float64)
    require(np.isfinite(array).all(), f"{what} that is not finite")
