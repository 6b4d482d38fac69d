"""What of a pair neither teaches nor counts, and why: not there in one scan, or not its tissue.

The one scan shows where the head is, the other where it was measured: together they find what was
removed, whatever its shape. Metal is seen on the CT, and what it did to the MR around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from mrtoct.prepare.absent import find_absent
from mrtoct.prepare.blank import blank
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.prepare.metal import Metal
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import Array, Volume

LeftOut = Sequence[tuple[str, Array]]
"""Reasons and where (I, J, K) each holds, on the grid of the store."""

LEAST_MM, LEAST_ML = 4.0, 5.0
"""What is blank in one scan and head in the other counts if a ball of this radius fits in: skins
lie 2 mm apart. Smaller pieces are hair, ears, and jaws that moved."""
VOID_MM, VOID = 25.0, 0.25
"""Around metal, soft tissue with less than this part of the head's median MR signal is a void."""
SOFT_HU = (-150.0, 150.0)


def shares(left_out: LeftOut, head: Array) -> dict[str, float]:
    """Return which part of a head (I, J, K) each reason leaves out; nothing of those with none."""
    parts = {why: float((where & head).sum() / max(head.sum(), 1)) for why, where in left_out}
    return {why: round(part, 4) for why, part in parts.items() if part >= 0.0001}


def in_words(parts: Mapping[str, float]) -> str:
    """Say which parts of a head are left out and why; empty where nothing is."""
    if not parts:
        return ""
    each = ", ".join(f"{part:.1%} of the head ({why})" for why, part in parts.items())
    return f"left out of training and scores: {each}"


def blank_where_head(scan: Volume, own_head: Volume, other_head: Volume) -> Array:
    """Return where (I, J, K) a scan holds nothing of the head, all on one upright grid.

    own_head is the head as found on the scan, other_head the same head as found on the other one.
    """
    radius = max(round(LEAST_MM / max(scan.spacing)), 1)
    lost = blank(scan) & other_head.voxels & ~own_head.voxels
    lost &= dilated(eroded(lost, radius), radius)
    lost = _large(lost, scan.grid.voxel_volume) | find_absent(scan, own_head).mask.voxels
    return dilated(lost, 1)  # resampling drew what is blank into the next voxel


def spoilt_by_metal(
    metal: Metal | None, ct: Volume, mr: Mapping[str, Volume], head: Array
) -> Array:
    """Return where (I, J, K) metal made HU or MR signal that is none of tissue.

    ct and mr lie on one grid, on which the result is; metal on the CT's own.
    """
    if metal is None:
        return np.zeros(ct.grid.shape, dtype=np.bool_)
    spoilt = resample_mask(metal.spoilt, ct.grid).voxels
    where = resample(metal.metal, ct.grid, fill=0.0).voxels > 0
    if not where.any():
        return spoilt
    near = ndimage.distance_transform_edt(~where, sampling=ct.spacing) <= VOID_MM
    soft = near & head & (ct.voxels > SOFT_HU[0]) & (ct.voxels < SOFT_HU[1])
    for volume in mr.values():
        void = soft & (volume.voxels < VOID * np.median(volume.voxels[head]))
        spoilt = spoilt | (dilated(void, 1) & near)
    return spoilt


def _large(mask: Array, voxel_mm3: float) -> Array:
    """Return the pieces of a mask that are large enough."""
    labels, _ = ndimage.label(mask)
    large = np.bincount(labels.ravel()) * voxel_mm3 >= 1000 * LEAST_ML
    large[0] = False
    return np.asarray(large[labels])
