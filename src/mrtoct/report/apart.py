"""Are two volumes of one head aligned?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import head_mask_ct, head_mask_mr
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

WORK_MM = 3.0
"""Grid on which the heads' surfaces are compared."""
MOST_APART_MM = 4.0
"""Mean distance of the surfaces beyond which heads are not aligned. Of aligned pairs it
is below 2 mm: MR sees the skin less sharply than CT."""
FEWEST = 500
"""Surface voxels that both must show."""


def heads_apart(first: Volume, other: Volume, transform: Array | None = None) -> float | None:
    """Return the mean distance (mm) of the head's surfaces in two volumes of HU or signal.

    transform (4 x 4, RAS mm) takes points of the first to points of the other. None where a volume
    is of labels, shows no head, or too little of it is in both, and where both are on one grid: no
    two scanners share one, so the one was made from the other or resampled to it, and surfaces
    that differ (a synthetic CT may be wrong there) say nothing of how they are aligned.
    """
    if transform is None and other.grid.matches(first.grid):
        return None
    grid = first.grid.upright((WORK_MM,) * 3)
    try:
        one, two = (_head(volume) for volume in (first, other))
    except ValueRangeError:
        return None
    if one is None or two is None:
        return None
    one, two = resample_mask(one, grid), resample_mask(two, grid, transform)
    seen = np.ones(grid.shape, dtype=np.bool_)
    for volume, matrix in ((first, None), (other, transform)):
        signal = volume.with_voxels(np.zeros(volume.grid.shape, np.uint8), "label")
        measured = resample(signal, grid, fill=1, transform=matrix, interpolation="nearest")
        seen &= measured.voxels == 0
    # A cut through the head by the field of view is no surface of it.
    seen = ndimage.binary_erosion(seen, iterations=2)
    surfaces = [mask & ~ndimage.binary_erosion(mask) & seen for mask in (one.voxels, two.voxels)]
    if min(surface.sum() for surface in surfaces) < FEWEST:
        return None
    apart = [
        ndimage.distance_transform_edt(~b, sampling=grid.spacing)[a]
        for a, b in (surfaces, surfaces[::-1])
    ]
    return float(max(distances.mean() for distances in apart))


def _head(volume: Volume) -> Volume | None:
    """Return the head at WORK_MM, on an upright grid of the volume's own; None for labels."""
    if volume.unit not in ("HU", "a.u."):
        return None
    fill = AIR_HU if volume.unit == "HU" else 0.0
    coarse = resample(volume, volume.grid.upright((WORK_MM,) * 3), fill=fill)
    return head_mask_ct(coarse) if volume.unit == "HU" else head_mask_mr(coarse)
