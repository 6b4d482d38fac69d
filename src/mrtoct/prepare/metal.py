"""Metal in a CT, and how far its streaks reach: what is there is neither tissue nor its HU.

A scan is made slice by slice, so streaks lie in the slices that hold metal, and run as far as the
noise-like texture of soft tissue says. Of 260 such slices of 19 heads, 164 were of no diagnostic
use (Lell et al., Investigative Radiology 47, 415, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array, Volume

METAL_HU = 3000.0
"""Metal from here on; cortical bone ends near 2000 HU, and of enamel little reaches this."""
BEYOND_TISSUE_HU = 4000.0
"""No tissue reaches this: metal without a look at its streaks."""
CUT_HU, LEAST_CUT = 2000.0, 0.001
"""A scale that ends between these is cut where this part of what is above 300 HU holds its end."""
LEAST_ML = 0.05
"""Least piece: a clip; voxels of enamel or noise are less, and have no streaks."""
STREAKS = 3.0
"""Times the texture of slices without metal: 1.0 to 2.2 beside teeth and skull base, 5 to 9 beside
the fillings of a real head."""
FADING = 1.6
"""Times that texture, down to which streaks are followed outwards."""
SOFT_HU = (-150.0, 200.0)
RING_MM, NEAR_MM, FEWEST = 10.0, 30.0, 50
"""Texture is measured in rings about the metal, and a ring needs so many soft pixels. The first is
always left out; streaks must show in those that are near."""
MOST_SLICES, USUAL_HU = 24, 10.0
"""Slices without metal say what texture is usual, so many of them; 4 to 12 HU in three scans, which
must do where all slices hold metal."""


@dataclass(frozen=True, eq=False)
class Metal:
    """Where a CT holds metal, and where its streaks are."""

    metal: Volume
    """Boolean."""
    spoilt: Volume
    """Boolean: the metal and, in its slices and the next ones, all as near to it as streaks reach.
    """
    volume_ml: float
    highest_hu: float
    reach_mm: float
    """How far the streaks reach, the furthest of any slice."""


def find_metal(ct: Volume) -> Metal | None:
    """Return the metal of a CT in HU, None where there is none."""
    voxels = ct.voxels
    highest = float(voxels.max())
    if highest < CUT_HU:
        return None
    cut = highest < METAL_HU
    if cut and np.mean(voxels[voxels > 300] == highest) < LEAST_CUT:
        return None
    metal = _pieces(voxels >= min(highest, METAL_HU), ct.grid.voxel_volume)
    if metal is None:
        return None
    axis = int(np.argmax(np.abs(ct.affine[2, :3]) / ct.spacing))
    planes, inside = np.moveaxis(voxels, axis, 0), np.moveaxis(metal, axis, 0)
    pixel = [spacing for a, spacing in enumerate(ct.spacing) if a != axis]
    with_metal = np.flatnonzero(inside.any(axis=(1, 2)))
    usual = _usual(planes, with_metal)
    spoilt = np.zeros_like(inside)
    reaches = []
    for k in with_metal:
        away = ndimage.distance_transform_edt(~inside[k], sampling=pixel)
        rings = _rings(planes[k], away)
        near = np.nanmax(rings[: int(NEAR_MM / RING_MM)], initial=0.0)
        if highest < BEYOND_TISSUE_HU and near < STREAKS * usual:
            inside[k] = False  # teeth
            continue
        reaches.append(RING_MM * _rough(rings, FADING * usual))
        spoilt[max(k - 1, 0) : k + 2] |= away <= reaches[-1]
    if not reaches:
        return None
    return Metal(
        ct.with_voxels(metal, "label"),
        ct.with_voxels(np.moveaxis(spoilt, 0, axis), "label"),
        float(metal.sum()) * ct.grid.voxel_volume / 1000,
        highest,
        max(reaches),
    )


def _pieces(bright: Array, voxel_mm3: float) -> Array | None:
    """Return the pieces that are large enough, None if there are none."""
    if bright.sum() * voxel_mm3 < 1000 * LEAST_ML:
        return None
    labels, _ = ndimage.label(bright, ndimage.generate_binary_structure(3, 3))
    sizes = np.bincount(labels.ravel()) * voxel_mm3
    sizes[0] = 0
    large = sizes >= 1000 * LEAST_ML
    return np.asarray(large[labels]) if large.any() else None


def _rough(rings: Array, least: float) -> int:
    """Return how many rings, from the first on, streaks cross: at least one.

    Where they are strongest, hardly a voxel looks soft, and a ring is not known.
    """
    calm = np.flatnonzero(rings[1:] <= least)
    crossed = rings[: 1 + int(calm[0])] if calm.size else rings
    rough = np.flatnonzero(crossed > least)
    return 1 + (int(rough[-1]) if rough.size else 0)


def _usual(planes: Array, with_metal: Array) -> float:
    """Return the median texture (HU) of slices without metal and not beside it."""
    others = np.setdiff1d(np.arange(len(planes)), [with_metal + d for d in (-1, 0, 1)])
    chosen = others[:: max(len(others) // MOST_SLICES, 1)]
    found = [_rings(planes[k], np.zeros_like(planes[k], np.float32))[0] for k in chosen]
    return float(np.nanmedian(found)) if np.isfinite(found).any() else USUAL_HU


def _rings(plane: Array, away: Array) -> Array:
    """Return the median texture of soft tissue by distance from metal (mm); NaN where it is rare.

    Texture is how far a pixel lies from the mean of two neighbours, the larger along both axes.
    """
    hu = plane.astype(np.float32)
    bend = np.zeros_like(hu)
    bend[1:-1] = np.abs(hu[1:-1] - (hu[2:] + hu[:-2]) / 2)
    across = np.abs(hu[:, 1:-1] - (hu[:, 2:] + hu[:, :-2]) / 2)
    bend[:, 1:-1] = np.maximum(bend[:, 1:-1], across)
    soft = (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])
    ring, bend = (away[soft] / RING_MM).astype(int), bend[soft]
    sorted_by = np.argsort(ring, kind="stable")
    ends = np.searchsorted(ring[sorted_by], np.arange(1, ring.max(initial=0) + 1))
    parts = np.split(bend[sorted_by], ends)
    return np.array([np.median(p) if p.size >= FEWEST else np.nan for p in parts])
