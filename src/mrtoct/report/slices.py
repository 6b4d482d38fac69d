"""Slices as pictures: which plane, which level, and how a picture lies on paper.

Radiological convention: one looks at the patient from the feet and from the front, so that the
patient's right is on the left; in sagittal slices the front is on the left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.report.voxels import mask_box, to_ras
from mrtoct.volume import Array, Volume

Plane = Literal["transverse", "coronal", "sagittal"]

AXES: dict[Plane, int] = {"transverse": 2, "coronal": 1, "sagittal": 0}
"""The axis of an upright (RAS) volume that a slice of a plane stands on."""

SIDES: dict[Plane, str] = {"transverse": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
"""What is on the left, right, top and bottom of a picture."""

BASE = (0.15, 0.6)
"""Where, between the lowest and highest slice of a head, its base is looked for."""
MIDDLE = (0.35, 0.65)
"""Outside it, slices cut along the skull instead of through it."""
UPPER = 0.7
"""Through the upper ventricles of most heads."""
SMOOTHING_MM = 5.0


def upright(volumes: Mapping[str, Volume], mask: Volume) -> dict[str, Volume]:
    """Return the volumes' parts in the mask's box, axes running right, anterior, superior.

    All are on the mask's grid; oblique ones keep their obliqueness.
    """
    box = mask_box(mask)
    return {name: to_ras(volume.cropped(box)) for name, volume in volumes.items()}


def picture(volume: Volume, plane: Plane, index: int) -> Array:
    """Return a slice of an upright volume as rows from top to bottom, in its own type."""
    return np.asarray(np.take(volume.voxels, index, axis=AXES[plane])[::-1, ::-1].T)


def extent(volume: Volume, plane: Plane) -> tuple[float, float]:
    """Return how wide and high (mm) a slice of an upright volume is, edge to edge."""
    wide, high = (
        n * spacing
        for axis, (n, spacing) in enumerate(zip(volume.grid.shape, volume.spacing, strict=True))
        if axis != AXES[plane]
    )
    return wide, high


def at_height(inside: Array, plane: Plane, fraction: float) -> int:
    """Return the slice a fraction of the way from the first to the last that meets a mask."""
    present = _present(inside, plane)
    return int(present[round(fraction * (len(present) - 1))]) if present.size else 0


def at_depth(inside: Array, depth: float, spacing: float) -> int:
    """Return the transverse slice so many mm below the top of a mask, or its lowest."""
    present = _present(inside, "transverse")
    if not depth >= 0:
        raise ValueRangeError(f"a depth below the top is 0 mm or more, got {depth:g}")
    return max(int(present[-1] - round(depth / spacing)), int(present[0])) if present.size else 0


def richest(
    inside: Array, detail: Array, plane: Plane, between: tuple[float, float], spacing: float
) -> int:
    """Return the slice with the most detail, averaged over neighbours, in a part of the mask.

    inside and detail are boolean and upright, between holds fractions of the mask's extent, and
    spacing (mm) is the distance of the slices. Without detail it is the middle of that part.
    """
    first, last = (at_height(inside, plane, fraction) for fraction in between)
    # What lies outside the part must not reach into it by the averaging.
    part = _smooth(_count(inside & detail, plane)[first : last + 1], spacing)
    return first + int(part.argmax()) if part.max() > 0 else (first + last) // 2


def richest_depth(subjects: Sequence[tuple[Array, Array, float]]) -> float:
    """Return the depth below the tops of masks (mm) at which heads hold the most detail together.

    Each subject is its mask, its detail (both boolean, upright) and the distance of its transverse
    slices in mm; the depth lies in the same part of the lowest mask as `richest` looks at.
    """
    reaches = [_present(inside, "transverse").size * spacing for inside, _, spacing in subjects]
    depths = min(reaches) * np.linspace(1 - BASE[1], 1 - BASE[0], 50)
    total = np.zeros(len(depths))
    for inside, detail, spacing in subjects:
        at = [at_depth(inside, float(depth), spacing) for depth in depths]
        # Slices of 1 mm hold as many voxels as those of 2, but half of the tissue.
        amount = _smooth(_count(inside & detail, "transverse"), spacing)
        total += amount[at] / inside.sum() / spacing
    return float(depths[total.argmax() if total.max() > 0 else len(depths) // 2])


def levels(
    inside: Array, detail: Array, spacing: tuple[float, float, float]
) -> list[tuple[Plane, int]]:
    """Return four slices that show a head: transverse higher up and at its base, coronal, sagittal.

    They follow the real anatomy alone (detail is bone and air in the real CT), never the synthetic
    CT or its errors: nothing is chosen for or against a method.
    """
    i, j, k = spacing
    return [
        ("transverse", at_height(inside, "transverse", UPPER)),
        ("transverse", richest(inside, detail, "transverse", BASE, k)),
        ("coronal", richest(inside, detail, "coronal", MIDDLE, j)),
        ("sagittal", richest(inside, detail, "sagittal", MIDDLE, i)),
    ]


def _count(detail: Array, plane: Plane) -> Array:
    """Return how many voxels of detail each slice holds."""
    return np.asarray(np.count_nonzero(detail, axis=_others(plane)), dtype=np.float64)


def _smooth(amounts: Array, spacing: float) -> Array:
    return np.asarray(ndimage.gaussian_filter1d(amounts, SMOOTHING_MM / spacing, mode="constant"))


def _present(inside: Array, plane: Plane) -> Array:
    return np.flatnonzero(inside.any(axis=_others(plane)))


def _others(plane: Plane) -> tuple[int, ...]:
    return tuple(n for n in range(3) if n != AXES[plane])
