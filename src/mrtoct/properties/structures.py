"""What a planning system wants drawn, from a synthetic CT: body, bone, air, brain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.io.dicom.structures import Structure
from mrtoct.prepare.intracranial import intracranial_mask
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.hu import require_hu
from mrtoct.properties.skull import BONE_HU
from mrtoct.resample import resample_mask
from mrtoct.volume import AIR_HU, Array, Grid, Volume

CAVITY_HU = -400.0


def structures_of(sct: Volume, grid: Grid | None = None) -> list[Structure]:
    """Return EXTERNAL, BONE, AIR and BRAIN of a synthetic CT (HU), on its or another grid.

    EXTERNAL has one outline a slice and no holes. Raises ValueRangeError if it is no CT in HU, has
    no head, or no bone that encloses a brain.
    """
    require_hu(sct)
    sct = sct.with_voxels(np.maximum(sct.voxels, AIR_HU))
    head = head_mask_ct(sct)
    body = sct.with_voxels(_one_outline(head.voxels), "label")
    masks = {
        "EXTERNAL": body.voxels,
        "BONE": body.voxels & (sct.voxels >= BONE_HU),
        "AIR": body.voxels & (sct.voxels < CAVITY_HU),
        "BRAIN": intracranial_mask(sct).voxels,
    }
    kinds = {
        "EXTERNAL": ("EXTERNAL", (0, 255, 0)), "BONE": ("ORGAN", (255, 230, 170)),
        "AIR": ("CAVITY", (90, 160, 255)), "BRAIN": ("ORGAN", (255, 120, 160)),
    }  # fmt: skip
    found = []
    for name, mask in masks.items():
        volume = sct.with_voxels(mask, "label")
        if grid is not None and not grid.matches(sct.grid):
            volume = resample_mask(volume, grid)
            if name == "EXTERNAL":
                volume = volume.with_voxels(_one_outline(volume.voxels))
        kind, color = kinds[name]
        found.append(Structure(name, volume, kind, color))  # type: ignore[arg-type]
    return found


def _one_outline(mask: Array) -> Array:
    """Return of each transverse slice the largest part, filled."""
    result = np.zeros_like(mask)
    for k in range(mask.shape[2]):
        labels, count = ndimage.label(mask[:, :, k])
        if count:
            sizes = np.bincount(labels.ravel())
            sizes[0] = 0
            result[:, :, k] = ndimage.binary_fill_holes(labels == sizes.argmax())
    return result
