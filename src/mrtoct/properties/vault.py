"""The vault of a skull in a CT, looked at from inside the head along a bundle of rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from mrtoct.errors import ValueRangeError
from mrtoct.properties.rays import along
from mrtoct.volume import AIR_HU, Array, Volume

BELOW_VERTEX_MM = 85.0
"""Where the rays start: about the level of the orbits' roofs and of the sella."""
LOWEST_DEGREES = 12.0
"""Of the rays over the horizontal plane: all meet the vault, none an orbit or an ear."""
RAYS = 2500
SOLID_ANGLE = float(2 * np.pi * (1 - np.sin(np.radians(LOWEST_DEGREES))) / RAYS)
"""Of a ray."""
REACH_MM, STEP_MM = 150.0, 0.5
SKIN_MM = 5.0
"""So near to the head's border air is that of the outside, in its folds and the mask's blur."""
CLEAR_OF_SKULL_MM, BRAIN_BONE_HU = 8.0, 200.0
"""What is denser so far within the skull is no part of it: brain, blood and dura stay below 100."""
FEWEST_BONY = 30
"""Rays with bone from which a plane of symmetry is found."""
FEWEST_SEEN = 0.3
"""Part of the rays that must leave the head within the scan."""
TEMPLE_SIDE, TEMPLE_HEIGHT, TEMPLE_STEP = (55.0, 106.0), (-10.0, 12.0), 2.0
"""Degrees from the front to a side, and above the horizontal plane: thin bone between eye and ear,
and just above the ear."""
FEWEST_TEMPLE = 0.6
"""Part of these rays that must leave the head within the scan."""


@dataclass(frozen=True, eq=False)
class Vault:
    """What n rays met; only those that leave the head within the scan."""

    start: Array
    """RAS mm, (3,)."""
    directions: Array
    """Unit vectors, (n, 3)."""
    skin_mm: Array
    """From the start to where the head ends, (n,)."""
    bone_mm: Array
    """Length within the skull's mask, (n,)."""
    outer_mm: Array
    """From the start to the outer side of the skull, NaN where there is none, (n,)."""
    bone_hu: Array
    """Mean HU within the mask, NaN where there is none, (n,)."""
    brain_air_ml: float
    """Air before the skull's inner side, within the cone of the rays."""
    brain_bone_ml: float
    """Bone well before the skull's inner side, within the cone of the rays."""
    wall_air_mm: Array
    """Length of air from the skull's inner side to the skin, (n,)."""
    seen: float
    """Part of all rays that left the head within the scan."""

    @property
    def azimuth(self) -> Array:
        """Degrees from the front to the left, negative to the right, (n,)."""
        return np.degrees(np.arctan2(-self.directions[:, 0], self.directions[:, 1]))

    @property
    def elevation(self) -> Array:
        """Degrees above the horizontal plane, (n,)."""
        return np.degrees(np.arcsin(self.directions[:, 2]))

    def area_cm2(self, which: Array) -> float:
        """Return the area of some rays on the skull's surface."""
        return float((SOLID_ANGLE * (self.skin_mm[which] - 6) ** 2).sum() / 100)


def look_at_vault(ct: Volume, skull: Volume, head: Volume, air_hu: float = -400.0) -> Vault:
    """Return what rays from the middle of the upper head meet, in a CT in HU and its masks.

    Raises ValueRangeError if too little of the vault is in the scan.
    """
    start = _start(head)
    directions = upper_directions(RAYS)
    starts = np.broadcast_to(start, directions.shape)
    inside, in_scan, seen = _leaving(head, starts, directions)
    if seen.mean() < FEWEST_SEEN:
        raise ValueRangeError(
            f"only {seen.mean():.0%} of the vault is in the scan; {FEWEST_SEEN:.0%} are needed"
        )
    directions, inside, starts = directions[seen], inside[seen], starts[seen]
    bone = along(skull, starts, directions, REACH_MM, STEP_MM, fill=0.0) >= 0.5
    hu = along(ct, starts, directions, REACH_MM, STEP_MM, fill=AIR_HU)
    steps = (np.arange(bone.shape[1]) + 0.5) * STEP_MM
    within = (inside >= 0.5) & in_scan[seen]
    skin = np.where(within, steps, 0).max(axis=1)
    within = steps <= skin[:, None]  # a cavity that opens to the outside is in the head, too
    any_bone = bone.any(axis=1)
    first = np.where(any_bone, steps[bone.argmax(axis=1)], np.inf)
    outer = np.where(bone, steps, -np.inf).max(axis=1)
    air = within & (hu < air_hu)
    inner = np.minimum(first, skin - 12)[:, None]
    before = air & (steps < inner)
    loose = (steps < inner - CLEAR_OF_SKULL_MM) & (hu > BRAIN_BONE_HU)
    # A step of a ray stands for a piece of its cone.
    piece_ml = SOLID_ANGLE * steps**2 * STEP_MM / 1000
    count = np.maximum(bone.sum(axis=1), 1)
    return Vault(
        start,
        directions,
        skin,
        bone.sum(axis=1) * STEP_MM,
        np.where(any_bone, outer, np.nan),
        np.where(any_bone, (hu * bone).sum(axis=1) / count, np.nan),
        float((before * piece_ml).sum()),
        float((loose * piece_ml).sum()),
        (air & ~before & (steps < skin[:, None] - SKIN_MM)).sum(axis=1) * STEP_MM,
        float(seen.mean()),
    )


def open_temples(skull: Volume, head: Volume) -> tuple[float, float]:
    """Return which part of the right and of the left temple has no bone, from a CT's masks.

    The temples lie below the vault's rays and above the ears; NaN where the scan has too little.
    """
    start = _start(head)
    azimuth, elevation = (
        np.radians(np.arange(low, high, TEMPLE_STEP)) for low, high in (TEMPLE_SIDE, TEMPLE_HEIGHT)
    )
    turn, up = (grid.ravel() for grid in np.meshgrid(azimuth, elevation, indexing="ij"))
    parts = []
    for side in (1.0, -1.0):
        x, y = side * np.sin(turn) * np.cos(up), np.cos(turn) * np.cos(up)
        directions = np.stack([x, y, np.sin(up)], axis=1)
        starts = np.broadcast_to(start, directions.shape)
        seen = _leaving(head, starts, directions)[2]
        if seen.mean() < FEWEST_TEMPLE:
            parts.append(float("nan"))
            continue
        bone = along(skull, starts[seen], directions[seen], REACH_MM, STEP_MM, fill=0.0) >= 0.5
        parts.append(round(float((~bone.any(axis=1)).mean()), 3))
    return parts[0], parts[1]


def _leaving(head: Volume, starts: Array, directions: Array) -> tuple[Array, Array, Array]:
    """Return how far steps of rays are in the head, which lie in the scan, and which rays leave it.

    (rays, steps), (rays, steps) and (rays,).
    """
    inside = along(head, starts, directions, REACH_MM, STEP_MM, fill=9.0)
    in_scan = np.cumsum(inside > 1.0, axis=1) == 0
    return inside, in_scan, (in_scan & (inside < 0.5)).any(axis=1)


def upper_directions(count: int) -> Array:
    """Return unit vectors (count, 3), evenly spread over the sphere above LOWEST_DEGREES."""
    n = np.arange(count)
    low = np.sin(np.radians(LOWEST_DEGREES))
    z = 1 - (n + 0.5) / count * (1 - low)
    turn = n * np.pi * (3 - np.sqrt(5))  # the golden angle leaves no rows
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def patches(vault: Vault, which: Array) -> list[Array]:
    """Return the connected groups of some rays, each a boolean array (n,), largest first."""
    numbers = np.flatnonzero(which)
    if numbers.size == 0:
        return []
    apart = 1.6 * np.sqrt(SOLID_ANGLE)
    pairs = cKDTree(vault.directions[numbers]).query_pairs(apart, output_type="ndarray")
    group = np.arange(numbers.size)
    while True:  # each takes the lowest number of its neighbours
        lowest = group.copy()
        np.minimum.at(lowest, pairs[:, 0], group[pairs[:, 1]])
        np.minimum.at(lowest, pairs[:, 1], group[pairs[:, 0]])
        if np.array_equal(lowest, group):
            break
        group = lowest
    found = []
    for first in np.unique(group):
        part = np.zeros(len(which), dtype=np.bool_)
        part[numbers[group == first]] = True
        found.append(part)
    return sorted(found, key=lambda part: -int(part.sum()))


def mirrored(vault: Vault) -> tuple[Array, Array]:
    """Return for each ray with bone the ray at the mirrored place, as two arrays of numbers.

    The plane of symmetry is the one that brings the skull's outer side best onto itself. Only
    rays on the right of it are in the first array; those without a partner near are left out.
    """
    bony = np.flatnonzero(np.isfinite(vault.outer_mm))
    if bony.size < FEWEST_BONY:  # too few to tell a plane by
        return bony[:0], bony[:0]
    points = vault.directions[bony] * vault.outer_mm[bony, None]
    tree = cKDTree(points)

    def misfit(plane: Array) -> float:
        distance, _ = tree.query(_mirror(points[::3], plane), distance_upper_bound=30.0)
        return float(np.minimum(distance, 30.0).mean())

    start = np.array([0.0, 0.0, 0.0])
    simplex = np.vstack([start, start + np.diag([0.1, 0.1, 5.0])])
    plane = minimize(
        misfit, start, method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxiter": 120, "xatol": 1e-3, "fatol": 1e-3},
    ).x  # fmt: skip
    distance, partner = tree.query(_mirror(points, plane))
    normal = _normal(plane)
    right = (points @ normal - plane[2] > 3.0) & (distance < 10.0)
    return bony[right], bony[partner[right]]


def _start(head: Volume) -> Array:
    """Return the middle of the head some way below its vertex."""
    inside = np.flatnonzero(head.voxels)[::13]
    points = head.grid.to_world(np.stack(np.unravel_index(inside, head.grid.shape), axis=1))
    vertex = np.percentile(points[:, 2], 99.95)
    top = points[points[:, 2] > vertex - BELOW_VERTEX_MM]
    low, high = np.percentile(top[:, :2], (1, 99), axis=0)
    return np.array([*(low + high) / 2, vertex - BELOW_VERTEX_MM])


def _normal(plane: Array) -> Array:
    """Return the normal of a plane given by its turn to the front and upwards, and its offset."""
    normal = np.array([1.0, plane[0], plane[1]])
    return np.asarray(normal / np.linalg.norm(normal))


def _mirror(points: Array, plane: Array) -> Array:
    normal = _normal(plane)
    return np.asarray(points - 2 * np.outer(points @ normal - plane[2], normal))
