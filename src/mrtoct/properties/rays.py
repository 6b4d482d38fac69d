"""Values of a volume along straight lines through the world."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array, Volume


def along(
    volume: Volume,
    starts: Array,
    directions: Array,
    length_mm: float,
    step_mm: float,
    *,
    fill: float,
) -> Array:
    """Return values (rays, steps), float32, linear between voxels, in the middle of each step.

    starts and directions (rays, 3): RAS mm and unit vectors. Beyond the outermost voxel centres
    the fill value is taken; half a voxel's blend into it lies there.
    """
    steps = (np.arange(max(int(np.ceil(length_mm / step_mm)), 1)) + 0.5) * step_mm
    inverse = np.linalg.inv(volume.affine)
    origin = starts @ inverse[:3, :3].T + inverse[:3, 3]
    towards = directions @ inverse[:3, :3].T
    index = origin[:, None, :] + steps[None, :, None] * towards[:, None, :]
    voxels = np.asarray(volume.voxels)
    if voxels.dtype.kind == "b":
        voxels = voxels.view(np.uint8)
    return np.asarray(
        ndimage.map_coordinates(
            voxels,
            np.moveaxis(index, -1, 0),
            output=np.float32,
            order=1,
            mode="constant",
            cval=fill,
        )
    )
