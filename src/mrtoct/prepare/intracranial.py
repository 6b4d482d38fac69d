"""The space that the skull encloses, from the CT: where the paper weights the brain (4.3)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

SPACING_MM = 2.0
BONE_HU = 180.0
GAPS_MM = 8.0
"""Holes of the skull to close: foramina, sutures, the floor's thin plates."""
NECK_MM = 8.0
"""Passages thinner than this (orbits, foramen magnum) do not lead out of the brain's space."""


def intracranial_mask(ct: Volume) -> Volume:
    """Return the boolean mask of what lies inside the skull, bone not included, on the CT's grid.

    Raises ValueRangeError if no bone encloses anything.
    """
    work = resample(ct, ct.grid.upright((SPACING_MM,) * 3), fill=AIR_HU)
    bone = work.voxels > BONE_HU
    shell = _closed(bone, GAPS_MM)
    # The scan may end in the middle of the head: there its slices are closed, the volume is not.
    # Where a temple is missing, sagittal and coronal slices are closed, transverse ones are not.
    enclosed = np.logical_or.reduce([_filled(shell, axis) for axis in range(3)])
    enclosed = _filled(enclosed, 2)
    soft = enclosed & ~bone & (work.voxels > -150)
    core = _eroded(soft, NECK_MM)
    labels, count = ndimage.label(core)
    if count == 0:
        raise ValueRangeError("no space enclosed by bone was found in the CT")
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    brain = _dilated(largest, NECK_MM + SPACING_MM) & soft
    brain = ndimage.binary_fill_holes(brain)
    return resample_mask(work.with_voxels(brain, "label"), ct.grid)


def _filled(mask: Array, axis: int) -> Array:
    """Fill the holes of each slice along an axis."""
    planes = [ndimage.binary_fill_holes(plane) for plane in np.moveaxis(mask, axis, 0)]
    return np.moveaxis(np.array(planes), 0, axis)


def _distance(mask: Array) -> Array:
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=SPACING_MM))


def _dilated(mask: Array, radius: float) -> Array:
    return _distance(~mask) <= radius


def _eroded(mask: Array, radius: float) -> Array:
    # Beyond the ends of the scan the head goes on.
    padded = np.pad(mask, ((0, 0), (0, 0), (int(radius / SPACING_MM) + 1,) * 2), mode="edge")
    margin = int(radius / SPACING_MM) + 1
    return (_distance(padded) > radius)[:, :, margin:-margin]


def _closed(mask: Array, radius: float) -> Array:
    margin = int(radius / SPACING_MM) + 1
    padded = np.pad(mask, margin)
    closed = _distance(_dilated(padded, radius)) > radius
    return closed[margin:-margin, margin:-margin, margin:-margin] | mask
