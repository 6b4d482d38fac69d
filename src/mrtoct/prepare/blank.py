"""Where a scan holds nothing: one value without noise, as where a face or the air was set to 0.

A scanner's air is never quite even: of ten real MR none has such a part near its head but the two
whose background was taken away as a whole.
"""

from __future__ import annotations

import numpy as np

from mrtoct.prepare.mask import dilated
from mrtoct.volume import Array, Volume

LEAST_ML = 5.0
"""Of one value, in pieces of three voxels across: less is chance in a scan of few values."""
MOST_VALUES = 3
"""A picture of more such values was drawn, not scanned: then only the lowest counts."""


def blank(volume: Volume) -> Array:
    """Return which voxels (I, J, K) lie in pieces of one value, at least three voxels across.

    The highest value is no blank: bright tissue and metal are often cut off there. Nor is what is
    known not to be measured.
    """
    voxels = volume.voxels
    even = np.ones(voxels.shape, dtype=np.bool_)
    for axis in range(3):
        low, high = ([slice(None)] * 3 for _ in range(2))
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        same = voxels[tuple(low)] == voxels[tuple(high)]
        even[tuple(low)] &= same
        even[tuple(high)] &= same
    if volume.measured is not None:
        even &= volume.measured
    least = max(1000 * LEAST_ML / volume.grid.voxel_volume, 1)
    values, counts = np.unique(voxels[even], return_counts=True)
    large = values[(counts >= least) & (values != voxels.max())]
    if len(large) > MOST_VALUES:
        large = large[large == voxels.min()]
    out = np.zeros(voxels.shape, dtype=np.bool_)
    for value in large:
        here = voxels == value
        out |= dilated(even & here, 1) & here
    return out if volume.measured is None else out & volume.measured
