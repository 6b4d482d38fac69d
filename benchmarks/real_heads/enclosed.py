"""The inside of a skull, from its bone alone, down to the base, also where slices show it open."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import ndimage

from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

SPACING_MM = 2.0
BONE_HU = 200.0
SOFT_HU = (-150.0, 200.0)
SIDES = 20
"""Of the 26 directions from a voxel to its neighbours, in so many there must be bone beyond."""


def intracranial(ct: Volume) -> Array:
    """Return which voxels of a CT (HU) lie inside the skull, boolean (I, J, K); may be empty.

    Unlike the paper's mask for training this one may not end where a slice shows an open skull.
    """
    work = resample(ct, ct.grid.upright((SPACING_MM,) * 3), fill=AIR_HU)
    bone = work.voxels > BONE_HU
    soft = (work.voxels > SOFT_HU[0]) & ~bone
    enclosed = soft & (directions_blocked(bone) >= SIDES)
    core = ndimage.binary_erosion(enclosed, iterations=3)
    labels, count = ndimage.label(core)
    if count == 0:
        return np.zeros(ct.grid.shape, dtype=np.bool_)
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    brain = ndimage.binary_dilation(largest, iterations=4, mask=soft)
    brain = ndimage.binary_closing(np.pad(brain, 2), iterations=2)[2:-2, 2:-2, 2:-2] & soft
    return resample_mask(work.with_voxels(brain, "label"), ct.grid).voxels


def directions_blocked(mask: Array) -> Array:
    """Count for each voxel (I, J, K) the directions of its 26 neighbours in which the mask lies."""
    count = np.zeros(mask.shape, dtype=np.uint8)
    for way in product((-1, 0, 1), repeat=3):
        if any(way):
            count += _seen(mask, way)
    return count


def _seen(mask: Array, way: tuple[int, ...]) -> Array:
    """Return where the mask lies somewhere beyond a voxel in one direction."""
    seen = mask.copy()
    step = 1
    # Each pass doubles how far it looks.
    while step < max(mask.shape):
        here, there = [], []
        for w, n in zip(way, mask.shape, strict=True):
            shift = min(step, n) * w
            here.append(slice(0, n - shift) if shift >= 0 else slice(-shift, n))
            there.append(slice(shift, n) if shift >= 0 else slice(0, n + shift))
        moved = seen[tuple(there)].copy()
        seen[tuple(here)] |= moved
        step *= 2
    return seen
