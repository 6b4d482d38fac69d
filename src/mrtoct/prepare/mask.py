"""Where the head is: on the CT without table and holder, on the MR without background."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from mrtoct.errors import ValueRangeError
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

BODY_HU = -300.0
"""Between air and fat; foam of tables and holders lies below it, their shells may lie above."""

WORK_SPACING_MM = 2.0
"""Masks are found at this spacing (thin shells still show) and refined on the volume's grid."""


def head_mask_ct(ct: Volume) -> Volume:
    """Return the head in a CT (HU) as a boolean mask: skin and all inside, no table, no holder.

    Threshold; opening that cuts thin shells and their contact with the skin; largest body; cavities
    filled, also those open at the end slices (nose, ear canals up to about 5 mm wide).
    """
    work = _at_work_spacing(ct, fill=AIR_HU)
    dense = np.asarray(work.voxels > BODY_HU)
    core = _largest(_eroded(dense, work.spacing, 5.0), "CT", ct)
    # Grow back only over what was dense: ears and nose return, the distant table does not.
    body = _dilated(core, work.spacing, 7.0) & dense
    head = _without_cavities(_closed(body, work.spacing, 6.0))
    return _refined(work, head, ct, lambda fine: fine > BODY_HU)


def head_mask_mr(mr: Volume) -> Volume:
    """Return the head in an MR (arbitrary units) as a boolean mask, dark bone and sinuses inside.

    Otsu's threshold on the root of the signal, scaled down because skin and fat at the rim must be
    in and only noise out; largest body; gaps closed; cavities filled.
    """
    work = _at_work_spacing(mr, fill=0.0)
    signal = np.sqrt(np.clip(work.voxels, 0, np.percentile(work.voxels, 99.5)))
    if not signal.max() > signal.min():
        raise ValueRangeError(f"the MR is constant ({float(mr.voxels.flat[0]):g})")
    threshold = float(threshold_otsu(signal)) * 0.75
    bright = np.asarray(ndimage.gaussian_filter(signal, 0.7) > threshold)
    core = _largest(_eroded(bright, work.spacing, 3.0), "MR", mr)
    body = _dilated(core, work.spacing, 4.0) & bright
    head = _without_cavities(_closed(body, work.spacing, 8.0))
    return _refined(work, head, mr, lambda fine: np.sqrt(np.clip(fine, 0, None)) > threshold)


def bounding_box(mask: Array, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, ...]:
    """Return the index slices that hold a non-empty mask, widened by a margin in voxels."""
    box = []
    for axis, extra in enumerate(margin):
        others = tuple(a for a in range(3) if a != axis)
        where = np.flatnonzero(mask.any(axis=others))
        if where.size == 0:
            raise ValueRangeError("the mask is empty")
        start, stop = int(where[0]) - extra, int(where[-1]) + 1 + extra
        box.append(slice(max(start, 0), min(stop, mask.shape[axis])))
    return tuple(box)


def _at_work_spacing(volume: Volume, fill: float) -> Volume:
    return resample(volume, volume.grid.upright((WORK_SPACING_MM,) * 3), fill=fill)


def _refined(work: Volume, head: Array, volume: Volume, inside: Callable[[Array], Array]) -> Volume:
    """Carry a coarse mask to the volume's grid; within a voxel of its rim the volume decides."""
    inner = resample_mask(work.with_voxels(_eroded(head, work.spacing, 2.0)), volume.grid).voxels
    outer = resample_mask(work.with_voxels(_dilated(head, work.spacing, 2.0)), volume.grid).voxels
    return volume.with_voxels(inner | (outer & inside(volume.voxels)), "label")


def _eroded(mask: Array, spacing: tuple[float, ...], radius: float) -> Array:
    # Beyond the ends of the scan the head goes on: only a background inside the volume erodes.
    if mask.all():
        return mask
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing) > radius)


def _dilated(mask: Array, spacing: tuple[float, ...], radius: float) -> Array:
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing) <= radius)


def _closed(mask: Array, spacing: tuple[float, ...], radius: float) -> Array:
    # Padded, so that what is dilated past the volume's faces can be eroded back from there.
    pad = [int(np.ceil(radius / s)) + 1 for s in spacing]
    padded = np.pad(mask, [(p, p) for p in pad])
    closed = _eroded(_dilated(padded, spacing, radius), spacing, radius)
    inner = tuple(slice(p, p + n) for p, n in zip(pad, mask.shape, strict=True))
    return np.asarray(closed[inner] | mask)


def _largest(mask: Array, kind: str, volume: Volume) -> Array:
    labels, count = ndimage.label(mask)
    if count == 0:
        raise ValueRangeError(
            f"no head found in the {kind}: its values run from {float(volume.voxels.min()):g} to "
            f"{float(volume.voxels.max()):g}"
        )
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _without_cavities(mask: Array) -> Array:
    """Fill holes in 3-D and in each transverse and sagittal slice (the neck leaves 3-D open)."""
    filled = ndimage.binary_fill_holes(mask)
    for axis in (2, 0):
        slices = np.moveaxis(filled, axis, 0)
        for one in slices:
            if one.any():
                one[...] = ndimage.binary_fill_holes(one)
    return np.asarray(filled)
