"""A head in three parts for models of electric fields: outside the skull, skull, inside it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.prepare.intracranial import intracranial_mask
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.hu import require_hu
from mrtoct.properties.skull import skull_mask
from mrtoct.properties.structures import CAVITY_HU
from mrtoct.volume import AIR_HU, Array, Volume

INSIDE, SKULL, SCALP = 2, 4, 5
"""The numbers that SimNIBS has for grey matter, bone and scalp."""
CHARM_BONE = (4, 7, 8)
"""SimNIBS's bone as a whole, compact and spongy."""
CHARM_BRAIN = (1, 2)
RIM_MM = 4.0
"""Blurred bone on the inner side of the skull is no scalp."""


def compartments(sct: Volume) -> Volume:
    """Return labels of a synthetic CT (HU): 5 outside the skull, 4 skull, 2 inside it, 0 air.

    uint16, on its grid. Raises ValueRangeError if it is no CT in HU, has no head, or no bone that
    encloses a brain.
    """
    require_hu(sct)
    sct = sct.with_voxels(np.maximum(sct.voxels, AIR_HU))
    head, skull = head_mask_ct(sct).voxels, skull_mask(sct).voxels
    tissue = head & (sct.voxels >= CAVITY_HU)
    inside = intracranial_mask(sct).voxels & ~skull
    steps = int(np.ceil(RIM_MM / min(sct.spacing)))
    inside = ndimage.binary_dilation(inside, iterations=steps, mask=tissue & ~skull)
    labels = np.zeros(sct.grid.shape, dtype=np.uint16)
    labels[tissue] = SCALP
    labels[inside] = INSIDE
    labels[skull] = SKULL
    return sct.with_voxels(labels, "label")


def with_skull(labels: Array, skull: Array) -> Array:
    """Return the tissue labels of SimNIBS's charm (I, J, K) with another skull, boolean, in them.

    Bone that the other skull has not becomes the nearest other tissue; brain stays brain.
    """
    bone = np.isin(labels, CHARM_BONE)
    new = labels.copy()
    lost = bone & ~skull
    if lost.any():
        nearest = ndimage.distance_transform_edt(
            bone | skull, return_distances=False, return_indices=True
        )
        new[lost] = labels[tuple(axis[lost] for axis in nearest)]
    new[skull & (labels > 0) & ~np.isin(labels, CHARM_BRAIN)] = SKULL
    return new
