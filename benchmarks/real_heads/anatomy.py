"""From a CT to what fills its voxels: tissue, fat, marrow, air, and what gives no signal in MR.

CT numbers mix linearly, and so do signals in MR: a voxel half bone and half muscle has the mean of
both. What a CT number cannot tell, such as skin from muscle, place does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array

from .brain import draw_brain
from .enclosed import intracranial
from .heads import INNER_AIR_HU, CtHead

# The brain's own come first, in the numbering of draw_brain.
SOFT_TISSUES = ("csf", "grey", "white", "blood", "muscle", "skin", "mucosa", "eye")
MUSCLE, SKIN, MUCOSA, EYE = 4, 5, 6, 7

FAT_HU, SOFT_HU, MINERAL_HU = -85.0, 45.0, 1250.0
"""CT numbers of the pure tissues between which voxels are mixed; mineral gives no signal."""
SKIN_MM, MUCOSA_MM, EYE_MM = 1.5, 2.0, 11.5
DENSE_HU, BETWEEN_TABLES_MM = 450.0, 4.0
"""Gaps of twice so many mm in what is denser belong to the bone."""
MARROW_DEPTH_MM = 1.2
"""Nearer to the surface of a bone is cortex, mixed with what lies outside, but no marrow."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What fills each voxel, as parts of 1 (I, J, K); what is left is air or gives no signal."""

    soft: Array
    fat: Array
    marrow: Array
    tissue: Array
    """Which of SOFT_TISSUES the soft part is, uint8."""


def anatomy_of(head: CtHead, rng: np.random.Generator) -> Anatomy:
    """Divide a CT head into tissues."""
    hu = _without_streaks(head)
    inside = head.head
    air = inside & (hu < INNER_AIR_HU)
    bone = inside & (hu > 250)
    from_inner_air = ndimage.distance_transform_edt(~air)
    from_outside = ndimage.distance_transform_edt(inside)

    mineral = np.clip((hu - SOFT_HU) / (MINERAL_HU - SOFT_HU), 0, 1)
    mineral[hu < 130] = 0
    # Between the tables of a bone the rest is fatty marrow, also where the CT number is low.
    body = _closed(inside & (hu > DENSE_HU), BETWEEN_TABLES_MM) & inside
    marrow_here = ndimage.distance_transform_edt(body | bone) > MARROW_DEPTH_MM
    marrow_here &= body & (hu > -150)

    near_air = (from_inner_air < 1.8) | (from_outside < 1.8)
    fat = np.clip((SOFT_HU - hu) / (SOFT_HU - FAT_HU), 0, 1)
    fat[near_air] = 0
    aired = np.clip((SOFT_HU - hu) / (SOFT_HU + 1000), 0, 1)
    aired[~near_air] = np.clip((-150 - hu[~near_air]) / 850, 0, 1)
    aired[~inside] = 1

    tissue = np.full(hu.shape, MUSCLE, dtype=np.uint8)
    skin = from_outside < SKIN_MM
    tissue[skin] = SKIN
    tissue[(from_inner_air < MUCOSA_MM) & ~skin] = MUCOSA
    eyes = _eyes(head) & (hu > -60) & (hu < 250)
    tissue[eyes] = EYE
    inner = intracranial(head.ct)
    brain = inner & ~bone & (hu > -150)
    if inner.any():
        tissue[brain] = draw_brain(inner, rng)[brain]
    fat[eyes | brain | skin] = 0
    aired[eyes | brain] = 0

    rest = (1 - mineral) * (1 - aired)
    return Anatomy(
        soft=np.where(marrow_here, 0, rest * (1 - fat)).astype(np.float32),
        fat=np.where(marrow_here, 0, rest * fat).astype(np.float32),
        marrow=np.where(marrow_here, rest, 0).astype(np.float32),
        tissue=tissue,
    )


def _without_streaks(head: CtHead) -> Array:
    """Return the HU with the slices that metal spoils smoothed: streaks are no anatomy."""
    hu = np.asarray(head.ct.voxels, dtype=np.float32).copy()
    for k in np.flatnonzero(head.streaked):
        hu[:, :, k] = ndimage.median_filter(hu[:, :, k], 5)
    return hu


def _closed(mask: Array, radius: float) -> Array:
    """Close gaps by a ball: by steps from voxel to voxel oblique ones would stay open."""
    reached = ndimage.distance_transform_edt(~mask) <= radius
    return np.asarray(ndimage.distance_transform_edt(reached) > radius)


def _eyes(head: CtHead) -> Array:
    eyes = np.zeros(head.head.shape, dtype=np.bool_)
    for centre in head.eyes:
        i, j, k = head.ct.grid.to_index(centre)
        x, y, z = np.ogrid[: eyes.shape[0], : eyes.shape[1], : eyes.shape[2]]
        eyes |= (x - i) ** 2 + (y - j) ** 2 + (z - k) ** 2 < EYE_MM**2
    return eyes
