"""The vault of a skull along rays from its middle: where it is, how thick, whether it is closed.

A ray's thickness is from where it first meets bone to where it last leaves it, within 30 mm, so
that marrow between the tables counts; times the cosine of the angle between the ray and the normal
of the skull's outer surface, which a plane through the neighbouring rays' ends gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from mrtoct.volume import Array, Grid, Volume

from .enclosed import intracranial
from .scores import BONE_HU

RAYS = 3000
LOWEST_DEGREES = 20.0
"""Rays go at least so far above the horizontal plane through the middle of the skull's inside."""
STEP_MM, LONGEST_MM = 0.25, 130.0
WALL_MM = 30.0
"""The wall ends at most so far beyond where it begins."""
THINNEST_MM = 0.75
"""A shorter way through bone leaves the skull open there."""
OUTSIDE_HU = -500.0
BEYOND_MM = 2.0
"""A wall counts where the scan goes on so far beyond it."""
NEIGHBOURS = 16


@dataclass(frozen=True, eq=False)
class Vault:
    """Each ray's wall (N,), in mm; nan where there is none."""

    inner: Array
    """From the middle to the inner table."""
    outer: Array
    thickness: Array
    """Along the normal."""
    known: Array
    """Which rays show, within the scan, either bone and what follows it or air, boolean."""

    @property
    def closed(self) -> float:
        """Share of the known rays that meet bone."""
        known = self.known
        return float(np.isfinite(self.thickness[known]).mean()) if known.any() else float("nan")


def middle_of(ct: Volume) -> Array:
    """Return the middle of the skull's inside, RAS mm (3,); of the head where it has none."""
    inside = intracranial(ct)
    if not inside.any():
        inside = ct.voxels > OUTSIDE_HU
    return ct.grid.to_world(ndimage.center_of_mass(inside))


def directions() -> Array:
    """Return evenly spread unit vectors (N, 3) that rise by more than LOWEST_DEGREES."""
    number = np.arange(4 * RAYS) + 0.5
    z = 1 - 2 * number / len(number)
    turn = np.pi * (1 + 5**0.5) * number
    radius = np.sqrt(1 - z**2)
    ways = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), z])
    return np.asarray(ways[z > np.sin(np.deg2rad(LOWEST_DEGREES))])


def vault(ct: Volume, middle: Array, ways: Array) -> Vault:
    """Measure a CT (HU) along directions (N, 3) from a point (RAS mm)."""
    lengths = np.arange(0, LONGEST_MM, STEP_MM)
    hu, inside = _along(ct, middle + lengths[:, None, None] * ways)  # (lengths, N)
    bone = hu > BONE_HU
    # Specks of bone in the brain, such as a pineal gland, are not the wall: it begins beyond them.
    bone &= lengths[:, None] > 20
    meets = bone.sum(axis=0) * STEP_MM >= THINNEST_MM
    first = np.argmax(bone, axis=0)
    within = bone & (np.arange(len(lengths))[:, None] <= first + WALL_MM / STEP_MM)
    last = len(lengths) - 1 - np.argmax(within[::-1], axis=0)
    inner, outer = (np.where(meets, lengths[n], np.nan) for n in (first, last))
    outer = outer + STEP_MM
    beyond = inside & (hu < OUTSIDE_HU) & (np.arange(len(lengths))[:, None] > first)
    after = np.minimum(last + round(BEYOND_MM / STEP_MM), len(lengths) - 1)
    followed = meets & inside[after, np.arange(len(ways))]
    known = beyond.any(axis=0) | followed
    return Vault(inner, outer, (outer - inner) * _cosines(ways, outer), known)


def vault_difference(sct: Volume, ct: Volume) -> dict[str, float | str]:
    """Compare the vaults of two CTs of one head along the real one's rays and normals."""
    middle, ways = middle_of(ct), directions()
    real, made = vault(ct, middle, ways), vault(sct, middle, ways)
    known = real.known & np.isfinite(real.thickness)
    both = known & np.isfinite(made.thickness)
    error = (made.outer - made.inner - real.outer + real.inner)[both]
    error = error * (real.thickness / (real.outer - real.inner))[both]
    return {
        "vault, mm": float(np.median(real.thickness[known])),
        "thickness bias, mm": float(error.mean()),
        "thickness error, mm": float(np.abs(error).mean()),
        "vault closed, %": 100 * float(both.sum() / max(int(known.sum()), 1)),
    }


def _along(ct: Volume, points: Array) -> tuple[Array, Array]:
    """Return HU at world points (..., 3), and which of them lie in the scan."""
    at = np.moveaxis(_to_index(ct.grid, points), -1, 0)
    top = (np.array(ct.grid.shape) - 1)[:, None, None]
    inside = ((at >= 0) & (at <= top)).all(axis=0)
    hu = ndimage.map_coordinates(
        np.asarray(ct.voxels, np.float32), at, order=1, cval=-1024.0, prefilter=False
    )
    return np.asarray(hu), np.asarray(inside)


def _to_index(grid: Grid, points: Array) -> Array:
    return grid.to_index(points.reshape(-1, 3)).reshape(points.shape)


def _cosines(ways: Array, outer: Array) -> Array:
    """Return the cosine between each ray and the normal of the surface that the rays' ends make."""
    cosines = np.ones(len(ways))
    there = np.flatnonzero(np.isfinite(outer))
    if len(there) < NEIGHBOURS:
        return cosines
    ends = ways[there] * outer[there, None]
    _, near = KDTree(ways[there]).query(ways[there], NEIGHBOURS)
    around = ends[near] - ends[near].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(around.transpose(0, 2, 1) @ around)
    cosines[there] = np.abs(np.einsum("ni,ni->n", axes[:, :, 0], ways[there]))
    return cosines
