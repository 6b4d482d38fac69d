"""What of a head is not in its scan: a face that was removed, or a border inside the grid.

Whoever removes something sets it to one value. A scanner's air is noise, so a blank part that
touches the head was cut out of it. Where all air is blank, it was masked at the skin as many
exports are: then the shape tells. A plane is a cut, and a face does not recede behind the forehead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from mrtoct.prepare.blank import blank
from mrtoct.prepare.face import missing_face, where_a_face_was
from mrtoct.prepare.mask import dilated
from mrtoct.resample import coverage, resample
from mrtoct.volume import SIDES, Array, Grid, Volume

WORK_MM = 3.0
MASKED = 0.3
"""Part of what lies around a head that is blank, the median of 26 directions: 0.9 to 1 in real MR
whose air was masked, below 0.01 in those of ten scanners."""
FEWEST = 30
"""Voxels that a direction must have."""
BESIDE, AROUND = 1, 2
"""Voxels of 3 mm: within the first a cut lies beside tissue, though some tools blur their border;
within the second is what lies around a head."""
LEAST_CM2 = 15.0
"""Of the head's surface that a blank part must touch: the nose or an ear may."""
PLANE_CM2 = 70.0
"""Of a masked head's surface within a voxel of a plane that all of it lies behind: 52 at most in
real heads, at a side that was pressed flat."""
FACE_TOP_MM, AHEAD_MM = 35.0, 15.0
"""A face is cut off from so far below the vertex on, and so far ahead of the head's middle."""
BRAIN_WIDTHS_MM, BRAIN_LENGTHS_MM, BRAIN_RATIOS = (100.0, 160.0), (130.0, 205.0), (1.1, 1.6)
"""Of what lies in exact darkness and shows no skull: sizes of a brain, and length by width."""
SKULL_MM = 15.0
"""Of skull and scalp about a brain."""


@dataclass(frozen=True, eq=False)
class Absent:
    """What is not there."""

    mask: Volume
    """Boolean, on the scan's own grid."""
    face_mm: float
    """By how much what is left of a face lies behind the forehead, 0 if it was not removed."""
    stripped: bool
    """Whether all but a brain was removed."""
    cut_cm2: dict[str, float]
    """Area of the head that ends there, by direction; the face's not counted."""


def find_absent(volume: Volume, head: Volume) -> Absent:
    """Return what is not there of a head (a mask on any grid) that stands upright in the world."""
    empty = volume.with_voxels(blank(volume), "label")
    grid = volume.grid.upright((WORK_MM,) * 3)
    inside = coverage(volume.grid, grid)
    if volume.measured is not None:
        inside &= _nearest(volume.with_voxels(volume.measured, "label"), grid)
    gone = _nearest(empty, grid)
    seen = _nearest(head, grid) & inside & ~gone
    cut_out, face, cut = np.zeros_like(seen), 0.0, dict.fromkeys(SIDES, 0.0)
    if not seen.any():  # a picture of one value
        return Absent(volume.with_voxels(np.zeros_like(empty.voxels), "label"), face, False, cut)
    surface = seen & dilated(inside & ~seen, 1)
    is_masked = _is_masked(seen, gone, inside)
    find = _beyond_planes if is_masked else _touching
    for part in find(surface, gone, grid):
        cut_out |= part
        rim = surface & dilated(part, BESIDE)
        if _is_face(rim, seen, grid):
            face = max(face, _recess(rim, seen, grid))
        else:
            for side, area in _areas(rim, part).items():
                cut[side] += area
    stripped = is_masked and not cut_out.any() and _is_brain(seen, inside, grid)
    if stripped:
        cut_out = gone & dilated(seen, round(SKULL_MM / WORK_MM))
    mask = _nearest(Volume(dilated(cut_out, 1), grid, "label"), volume.grid) & empty.voxels
    if not (face or stripped):
        left = Volume(seen, grid, "label")
        face = missing_face(left, inside)
        if face:
            was = where_a_face_was(left) & inside & ~seen
            mask |= _nearest(Volume(was, grid, "label"), volume.grid)
    return Absent(volume.with_voxels(mask, "label"), face, stripped, cut)


def is_brain(width_mm: float, length_mm: float) -> bool:
    """Tell whether something has the size of a brain."""
    return (
        BRAIN_WIDTHS_MM[0] <= width_mm <= BRAIN_WIDTHS_MM[1]
        and BRAIN_LENGTHS_MM[0] <= length_mm <= BRAIN_LENGTHS_MM[1]
        and BRAIN_RATIOS[0] <= length_mm / width_mm <= BRAIN_RATIOS[1]
    )


def _nearest(mask: Volume, grid: Grid) -> Array:
    return resample(mask, grid, fill=0, interpolation="nearest").voxels


def _is_masked(seen: Array, gone: Array, inside: Array) -> bool:
    """Tell whether a head lies in blank air on most sides."""
    around = dilated(seen, AROUND) & ~seen & inside
    away = np.argwhere(around) - np.argwhere(seen).mean(axis=0)
    away /= np.linalg.norm(away, axis=1, keepdims=True) + 1e-6
    # Rounded after stretching: faces, edges and corners of a cube get about the same.
    direction = (np.rint(1.2 * away).astype(int) + 1) @ (9, 3, 1)
    count, blanks = (np.bincount(direction, w, 27) for w in (None, gone[around]))
    known = count >= FEWEST
    return bool(known.any()) and float(np.median(blanks[known] / count[known])) > MASKED


def _is_brain(seen: Array, inside: Array, grid: Grid) -> bool:
    """Tell whether what is left is in view as a whole and has the size of a brain."""
    points = grid.to_world(np.argwhere(seen))
    width, length, _ = points.max(axis=0) - points.min(axis=0)
    return bool((dilated(seen, 1) <= inside).all()) and is_brain(width, length)


def _touching(surface: Array, gone: Array, grid: Grid) -> Iterator[Array]:
    """Yield the blank pieces that touch much of a head's surface."""
    labels, _ = ndimage.label(gone, ndimage.generate_binary_structure(3, 3))
    beside = np.bincount(labels[gone & dilated(surface, BESIDE)])
    for number in np.flatnonzero(beside * WORK_MM**2 / 100 > LEAST_CM2):
        yield labels == number


def _beyond_planes(surface: Array, gone: Array, grid: Grid) -> Iterator[Array]:
    """Yield what is blank beyond each plane that cuts a head off."""
    points, places = (grid.to_world(np.argwhere(m)) for m in (surface, gone))
    try:
        planes = np.unique(ConvexHull(points).equations.round(2), axis=0)
    except (QhullError, ValueError):
        return  # hardly a point
    behind = [(points @ plane[:3] + plane[3] >= -WORK_MM).sum() for plane in planes]
    area = np.array(behind) * WORK_MM**2 / 100
    found: list[Array] = []
    for plane in planes[np.argsort(-area)][: (area > PLANE_CM2).sum()]:
        if all(plane[:3] @ other[:3] < 0.8 for other in found):
            found.append(plane)
            part = np.zeros_like(gone)
            part[gone] = places @ plane[:3] + plane[3] >= -WORK_MM
            yield part


def _is_face(rim: Array, seen: Array, grid: Grid) -> bool:
    """Tell whether a cut surface is where a face is: in front, and below the forehead."""
    points, head = grid.to_world(np.argwhere(rim)), grid.to_world(np.argwhere(seen))
    ahead = points[:, 1].mean() - head[:, 1].mean()
    below = head[:, 2].max() - np.percentile(points[:, 2], 95)
    return bool(ahead > AHEAD_MM and below > FACE_TOP_MM)


def _recess(rim: Array, seen: Array, grid: Grid) -> float:
    """Return by how much a cut surface lies behind the head's foremost point, mm."""
    points, head = grid.to_world(np.argwhere(rim)), grid.to_world(np.argwhere(seen))
    return float(head[:, 1].max() - np.median(points[:, 1]))


def _areas(rim: Array, part: Array) -> dict[str, float]:
    """Return how much of a cut surface faces each direction, in cm2."""
    areas = {}
    for side, (axis, sign) in SIDES.items():
        beyond = np.zeros_like(rim)
        here, there = [slice(None)] * 3, [slice(None)] * 3
        here[axis], there[axis] = slice(None, -1), slice(1, None)
        if sign < 0:
            here, there = there, here
        beyond[tuple(here)] = part[tuple(there)]
        areas[side] = float((rim & beyond).sum()) * WORK_MM**2 / 100
    return areas
