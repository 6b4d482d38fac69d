"""Where the skull is in a CT: one closed piece of bone, and how thick it is along a line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import bounding_box, largest_piece
from mrtoct.properties.rays import along
from mrtoct.volume import AIR_BELOW_HU, Array, Grid, Volume

BONE_HU = 250.0
"""skull2medium's threshold; k-Plan's 1150 kg/m3 is 240 HU on its own line."""
GAPS_MM = 2.0
"""Marrow, sutures and holes up to twice as wide are closed."""
LARGEST_HOLE_ML = 2.0
"""Marrow wholly within bone belongs to it up to this size; the skull's inside does not."""
STEP_MM = 0.1


def skull_mask(ct: Volume, *, bone_hu: float = BONE_HU) -> Volume:
    """Return the skull in a CT (HU): the largest piece of bone, its gaps and marrow closed.

    Air, as in sinuses and the mastoid, stays out. Raises ValueRangeError if there is no bone.
    """
    bone = ct.voxels >= bone_hu
    if not bone.any():
        raise ValueRangeError(
            f"no bone: no voxel reaches {bone_hu:g} HU, the highest is {float(ct.voxels.max()):g}"
        )
    margin = tuple(int(np.ceil(2 * GAPS_MM / s)) + 1 for s in ct.spacing)
    box = bounding_box(bone, (margin[0], margin[1], margin[2]))
    # Bone that meets at an edge or a corner is one piece: thin plates are a voxel wide.
    piece = largest_piece(bone[box], connectivity=3)
    closed = _closed(piece, ct.grid)
    holes, count = ndimage.label(~closed)
    sizes = np.bincount(holes.ravel(), minlength=count + 1) * ct.grid.voxel_volume / 1000
    small = sizes <= LARGEST_HOLE_ML
    small[0] = False
    closed |= small[holes]
    closed &= piece | (ct.voxels[box] >= AIR_BELOW_HU)
    mask = np.zeros(ct.grid.shape, dtype=np.bool_)
    mask[box] = closed
    return ct.with_voxels(mask, "label")


@dataclass(frozen=True)
class Thickness:
    """The skull along a straight line to a target."""

    bone_mm: float
    """From where the line enters the mask to where it leaves it, all pieces added up."""
    entry_mm: tuple[float, float, float] | None
    """Where it first meets the skull (RAS); None if it does not."""
    mean_hu: float
    """Of the CT in the skull along the line; NaN if it meets none."""
    lowest_hu: float


def thickness_to(
    ct: Volume,
    skull: Volume,
    target: tuple[float, float, float],
    source: tuple[float, float, float],
) -> Thickness:
    """Return how thick the skull is on the way from a source to a target (RAS mm)."""
    start, end = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    if not length > 0:
        raise ValueRangeError(f"source and target are the same point, {tuple(target)}")
    direction = ((end - start) / length)[None]
    inside = along(skull, start[None], direction, length, STEP_MM, fill=0.0)[0] >= 0.5
    if not inside.any():
        return Thickness(0.0, None, float("nan"), float("nan"))
    hu = along(ct, start[None], direction, length, STEP_MM, fill=-1000.0)[0][inside]
    entry = start + (np.flatnonzero(inside)[0] + 0.5) * STEP_MM * direction[0]
    return Thickness(
        round(float(inside.sum()) * STEP_MM, 2),
        (round(float(entry[0]), 2), round(float(entry[1]), 2), round(float(entry[2]), 2)),
        round(float(hu.mean()), 1),
        round(float(hu.min()), 1),
    )


def _closed(mask: Array, grid: Grid) -> Array:
    """Close gaps by a ball in mm, and gaps of a voxel where voxels are larger."""
    margin = [int(np.ceil(GAPS_MM / s)) + 2 for s in grid.spacing]
    padded = np.pad(mask, [(m, m) for m in margin])
    spacing = np.minimum(grid.spacing, GAPS_MM)
    closed = ~_grown(~_grown(padded, spacing), spacing)
    inner = tuple(slice(m, -m) for m in margin)
    return np.asarray(closed[inner] | mask)


def _grown(mask: Array, spacing: Array) -> Array:
    """Grow by a ball of GAPS_MM: columns shifted as a whole, ten times faster than distances."""
    i, j = (int(GAPS_MM / s + 1e-3) for s in spacing[:2])
    columns = []
    for a, b in product(range(-i, i + 1), range(-j, j + 1)):
        left = GAPS_MM**2 - (a * spacing[0]) ** 2 - (b * spacing[1]) ** 2
        if left > -1e-3:
            columns.append((int(np.sqrt(max(left, 0)) / spacing[2] + 1e-3), a, b))
    grown, column, half = np.zeros_like(mask), mask.copy(), 0
    for reach, a, b in sorted(columns):  # the longer a column, the nearer to the ball's middle
        while half < reach:
            half += 1
            _add(column, mask, (0, 0, half))
            _add(column, mask, (0, 0, -half))
        _add(grown, column, (a, b, 0))
    return grown


def _add(mask: Array, other: Array, shift: tuple[int, int, int]) -> None:
    """Add to a mask another, shifted."""
    onto = tuple(slice(max(n, 0), min(n, 0) or None) for n in shift)
    source = tuple(slice(max(-n, 0), min(-n, 0) or None) for n in shift)
    mask[onto] |= other[source]
