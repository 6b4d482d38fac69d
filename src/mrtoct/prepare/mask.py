"""Where the head is: on the CT without table and holder, on the MR without background."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from mrtoct.errors import ValueRangeError
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Volume, require_signal

BODY_HU = -300.0
"""Between air and fat; foam of tables and holders lies below it, their shells may lie above."""

WORK_SPACING_MM = 2.0
"""Masks are found at this spacing (thin shells still show) and refined on the volume's grid."""

LEAST_OVERLAP = 0.85
"""Dice of the heads found on CT and MR, where both were scanned, below which one doubts them."""

EAR_LENGTH, EAR_PER_BASE = 9, 12
"""What hangs on the head by a thin bridge belongs to it if it ends within so many working voxels
(18 mm) and has at most so many per voxel that touches the head: ears and noses do (about 10 and 5
on phantoms), pieces of a holder do not (above 15)."""


def head_mask_ct(ct: Volume) -> Volume:
    """Return the head in a CT (HU) as a boolean mask: skin and all inside, no table, no holder.

    Threshold; opening that cuts thin shells and their contact with the skin; largest body with
    the small parts that hang on it; cavities filled, also those open at the end slices (nose, ear
    canals up to about 5 mm wide).
    """
    work = _at_work_spacing(ct, fill=AIR_HU)
    head = _head(work.voxels > BODY_HU, "CT", ct, opening=2, closing=3)
    return _refined(work.with_voxels(head, "label"), ct, ct.voxels > BODY_HU)


def head_mask_mr(mr: Volume) -> Volume:
    """Return the head in an MR (arbitrary units) as a boolean mask, dark bone and sinuses inside.

    Otsu's threshold on the root of the signal, scaled down because skin and fat at the rim must be
    in and only noise out; largest body with the small parts that hang on it; gaps closed; cavities
    filled.
    """
    require_signal(mr, "MR")
    work = _at_work_spacing(mr, fill=0.0)
    signal = np.sqrt(np.clip(work.voxels, 0, np.percentile(work.voxels, 99.5)))
    threshold = float(threshold_otsu(signal)) * 0.75
    bright = ndimage.gaussian_filter(signal, 0.7) > threshold
    head = _head(bright, "MR", mr, opening=1, closing=4)
    return _refined(work.with_voxels(head, "label"), mr, mr.voxels > threshold**2)


def bounding_box(
    mask: Array, margin: tuple[int, int, int] = (0, 0, 0)
) -> tuple[slice, slice, slice]:
    """Return the index slices that hold a non-empty mask, widened by a margin in voxels."""
    box = []
    for axis, extra in enumerate(margin):
        others = tuple(a for a in range(3) if a != axis)
        where = np.flatnonzero(mask.any(axis=others))
        if where.size == 0:
            raise ValueRangeError("the mask is empty")
        start, stop = int(where[0]) - extra, int(where[-1]) + 1 + extra
        box.append(slice(max(start, 0), min(stop, mask.shape[axis])))
    return box[0], box[1], box[2]


def _at_work_spacing(volume: Volume, fill: float) -> Volume:
    return resample(volume, volume.grid.upright((WORK_SPACING_MM,) * 3), fill=fill)


def _head(tissue: Array, kind: str, volume: Volume, *, opening: int, closing: int) -> Array:
    """Return the head among the voxels above a threshold; radii in voxels of the work spacing."""
    core = eroded(tissue, opening)
    if not core.any():
        raise ValueRangeError(
            f"no head found in the {kind}: its values run from {float(volume.voxels.min()):g} to "
            f"{float(volume.voxels.max()):g}"
        )
    # Grow back only over tissue, and not far: the table does not return.
    body = dilated(largest_piece(core), opening + 1) & tissue
    body |= _appendages(body, tissue)
    return _without_cavities(_closed(body, closing))


def _appendages(body: Array, tissue: Array) -> Array:
    """Return the parts of the tissue that stand on the body, near it and on a broad base."""
    labels, count = ndimage.label(tissue & ~body)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    bases = np.bincount(labels[dilated(body, 1)], minlength=count + 1)
    wanted = (bases > 0) & (sizes <= EAR_PER_BASE * bases)
    wanted[labels[~dilated(body, EAR_LENGTH)]] = False
    wanted[0] = False
    return np.asarray(wanted[labels])


def _refined(head: Volume, volume: Volume, tissue: Array) -> Volume:
    """Carry a coarse mask to the volume's grid; within a voxel of its rim the volume decides."""
    # 0 outside, 1 at the rim, 2 inside: one pass carries both borders of the rim.
    zones = np.float32(dilated(head.voxels, 1)) + eroded(head.voxels, 1)
    zone = resample(head.with_voxels(zones), volume.grid, fill=0.0).voxels
    fine = (zone >= 1.5) | ((zone >= 0.5) & tissue)
    return volume.with_voxels(largest_piece(_without_cavities(fine)), "label")


def dilated(mask: Array, voxels: int) -> Array:
    """Grow by a number of voxels, nearly by a ball: (2, 1, 1) is reached in 2 steps, not (2, 2, 0).

    Whole arrays shifted by one voxel: a hundred times faster than a distance map.
    """
    for step in range(voxels):
        over_corners = step % 3 == 1  # steps over faces alone would give an octahedron
        grown = mask.copy()
        for axis in range(3):
            source = grown.copy() if over_corners else mask
            low, high = ([slice(None)] * 3 for _ in range(2))
            low[axis], high[axis] = slice(None, -1), slice(1, None)
            grown[tuple(low)] |= source[tuple(high)]
            grown[tuple(high)] |= source[tuple(low)]
        mask = grown
    return mask


def eroded(mask: Array, voxels: int) -> Array:
    """Shrink by a number of voxels, as dilated grows."""
    # Beyond the ends of the scan the head goes on: only a background inside the volume erodes.
    return ~dilated(~mask, voxels)


def _closed(mask: Array, voxels: int) -> Array:
    # Padded, so that what is dilated past the volume's faces can be eroded back from there.
    closed = eroded(dilated(np.pad(mask, voxels + 1), voxels), voxels)
    inner = (slice(voxels + 1, -voxels - 1),) * 3
    return closed[inner]


def largest_piece(mask: Array, connectivity: int = 1) -> Array:
    """Return the largest connected piece: voxels meet at faces (1), edges (2) or corners (3)."""
    labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, connectivity))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _without_cavities(mask: Array) -> Array:
    """Fill the holes of each slice along K, then along I (the neck leaves them open in 3-D)."""
    for axis in (2, 0):
        in_plane = ndimage.generate_binary_structure(3, 1)
        np.moveaxis(in_plane, axis, 0)[::2] = False
        labels, count = ndimage.label(~mask, in_plane)
        outside = np.zeros(count + 1, dtype=np.bool_)
        for border in {0, 1, 2} - {axis}:
            outside[labels.take([0, -1], axis=border)] = True
        outside[0] = False  # the mask itself
        mask = ~outside[labels]
    return mask
