"""Skull, face with jaw, and neck in a CT, from the one thing all heads have: the braincase.

The braincase is the largest room of soft tissue that a ball of 24 mm can roam and bone encloses.
Its floor is the foramen magnum, its long axis says how the head nods. Two planes in its frame part
the head: the skull with the upper teeth, which is one bone, lies above the first; what is below it
is face and jaw in front of the second, and neck behind it and below the chin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import ndimage

from mrtoct.errors import RegistrationError
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Grid, Volume

Name = Literal["skull", "face and jaw", "neck"]
NAMES: tuple[Name, ...] = get_args(Name)

SPACING_MM = 3.0
BONE_HU = 180.0
SOFT_HU = -150.0
LEAST_BONE_ML = 5.0
"""Smaller pieces, as clips and calcifications, do not part the braincase."""
ROAM_MM = 12.0
"""Radius of the ball: foramina, orbits, the spinal canal and the scalp are too narrow for it."""
BRAINCASE_ML = (300.0, 2500.0)
"""Less is no braincase, or hardly any of it is in the scan; a large man's is 1900 ml."""
ENCLOSED = 0.6
"""Part of the braincase's sides that must be bone within 6 mm: heads 0.9 and more."""
FLOOR_CM2 = 12.0
"""The lowest section of the braincase so large is its floor; the foramen magnum has 7 to 10."""
BETWEEN = 0.72
"""Sections by which the lowest whole one lies, in the mean, above where the area falls to that:
BELOW_FLOOR_MM was measured from the former, on six phantoms."""
EDGE_SPREADS = 2.0
"""Standard deviations from a section's middle to its edge: of an ellipse."""
NOD_DEGREES = 23.0
"""By how much the braincase's long axis rises to the front where the palate is level. On the
phantom and 8 heads with a chin, this axis and the line to the chin enclosed 58 to 69 degrees."""
BELOW_FLOOR_MM, SLOPE = 21.0, 0.18
"""The plane under the skull, from the tips of the mastoids to the edges of the upper teeth: so far
below the floor at its front edge, and lower to the front by so much of the way."""
SPINE_MM = 4.0
"""Where the neck begins behind the jaw: in front of the floor's front edge."""
CHIN_MM = 75.0
"""The chin's depth below the floor: 60 to 84 mm, 110 mm from it in all heads measured."""


@dataclass(frozen=True)
class Regions:
    """Where the regions of a head are in the world of its CT (RAS mm)."""

    floor: tuple[float, float, float]
    """Middle of the front edge of the braincase's floor."""
    nod: float
    """Degrees by which the palate rises to the front."""

    def forward(self, points: Array) -> Array:
        """Return how far points (..., 3) lie in front of the floor's front edge, mm, (...)."""
        cosine, sine = self._turn()
        return np.asarray(
            cosine * (points[..., 1] - self.floor[1]) + sine * (points[..., 2] - self.floor[2])
        )

    def down(self, points: Array) -> Array:
        """Return how far points (..., 3) lie below the floor, mm, (...)."""
        cosine, sine = self._turn()
        return np.asarray(
            sine * (points[..., 1] - self.floor[1]) - cosine * (points[..., 2] - self.floor[2])
        )

    def out_of_head(self, forward: float, down: float) -> tuple[float, float]:
        """Return y and z (RAS mm) of a place so far in front of the floor's edge and below it."""
        cosine, sine = self._turn()
        return (
            self.floor[1] + cosine * forward + sine * down,
            self.floor[2] + sine * forward - cosine * down,
        )

    def depth(self, points: Array) -> Array:
        """Return how far points (..., 3) lie below the plane under the skull, mm, (...)."""
        under = self.down(points) - BELOW_FLOOR_MM - SLOPE * self.forward(points)
        return np.asarray(under / np.hypot(1, SLOPE))

    def number(self, points: Array) -> Array:
        """Return which of NAMES points (..., 3) belong to, as indices (...)."""
        behind = (self.forward(points) < SPINE_MM) | (self.down(points) > CHIN_MM)
        return np.where(self.depth(points) <= 0, 0, np.where(behind, 2, 1)).astype(np.uint8)

    def on(self, grid: Grid) -> Array:
        """Return the number of each voxel's region, (I, J, K) uint8; air has one, too."""
        numbers = np.empty(grid.shape, dtype=np.uint8)
        plane = np.moveaxis(np.indices((1, *grid.shape[1:])), 0, -1)[0]
        for i in range(grid.shape[0]):
            numbers[i] = self.number(grid.to_world(plane + np.array([i, 0, 0])))
        return numbers

    def _turn(self) -> tuple[float, float]:
        return float(np.cos(np.deg2rad(self.nod))), float(np.sin(np.deg2rad(self.nod)))


def find_regions(ct: Volume) -> Regions | None:
    """Return the regions of a head in a CT (HU), None where the scan ends above the skull's floor.

    The head may nod by some 30 degrees, and lean little. Raises RegistrationError where no
    braincase is found.
    """
    work = resample(ct, ct.grid.upright((SPACING_MM,) * 3), fill=AIR_HU)
    case = _braincase(work)
    areas = case.sum(axis=(0, 1)) * SPACING_MM**2 / 100
    bottom = int(np.flatnonzero(areas >= FLOOR_CM2)[0])
    seen = np.flatnonzero((work.voxels > SOFT_HU).any(axis=(0, 1)))
    if bottom - int(seen[0]) < BELOW_FLOOR_MM / SPACING_MM:
        return None
    points = work.grid.to_world(np.argwhere(case))
    nod = 0.0
    if areas[seen[-1]] < FLOOR_CM2:  # else the vertex is not in the scan
        _, axes = np.linalg.eigh(np.cov(points[:, 1:].T))
        nod = float(np.degrees(np.arctan(axes[1, 1] / axes[0, 1]))) - NOD_DEGREES
    middle = points.mean(axis=0)
    level = Regions((float(middle[0]), float(middle[1]), float(middle[2])), nod)
    y, z = level.out_of_head(*_floor_edge(level.forward(points), level.down(points)))
    return Regions((level.floor[0], y, z), nod)


def _floor_edge(forward: Array, down: Array) -> tuple[float, float]:
    """Return how far in front and how deep a braincase's voxels have the floor's front edge, mm.

    Means and spreads of sections and what lies between two of them, not single voxels: another
    grid moves these by a voxel and more.
    """
    numbers = np.rint(down / SPACING_MM).astype(int)
    first = int(numbers.min())
    sizes = np.bincount(numbers - first) * SPACING_MM**2 / 100
    lowest = int(np.flatnonzero(sizes >= FLOOR_CM2)[-1])
    below = sizes[lowest + 1] if lowest + 1 < len(sizes) else 0.0
    share = float((sizes[lowest] - FLOOR_CM2) / (sizes[lowest] - below))
    middle_of = first + lowest + share - 0.5
    depth = first + lowest + share - BETWEEN
    near = np.abs(numbers - first - lowest) <= 1
    weight = np.maximum(0, 1 - np.abs(down[near] / SPACING_MM - middle_of) / 1.5)
    middle = np.average(forward[near], weights=weight)
    spread = np.sqrt(np.average((forward[near] - middle) ** 2, weights=weight))
    return float(middle + EDGE_SPREADS * spread), SPACING_MM * depth


def _braincase(work: Volume) -> Array:
    """Return the braincase, without its narrow corners, in a CT of cubic voxels."""
    bone = work.voxels > BONE_HU
    pieces, _ = ndimage.label(bone, np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel()) * SPACING_MM**3 / 1000
    sizes[0] = 0
    bone = (sizes >= LEAST_BONE_ML)[pieces]
    # Beyond the ends of the scan the head goes on.
    pad = int(ROAM_MM / SPACING_MM) + 1
    ends = ((0, 0), (0, 0), (pad, pad))
    soft = np.pad(~bone & (work.voxels > SOFT_HU), ends, mode="edge")
    rooms, count = ndimage.label(_distance(soft) > ROAM_MM)
    if count == 0:
        raise RegistrationError("no braincase was found in the CT: no space of soft tissue")
    rooms_of = np.bincount(rooms.ravel())
    rooms_of[0] = 0
    case = (_distance(rooms != rooms_of.argmax()) < ROAM_MM)[:, :, pad:-pad]
    volume = float(case.sum()) * SPACING_MM**3 / 1000
    if not BRAINCASE_ML[0] <= volume <= BRAINCASE_ML[1]:
        raise RegistrationError(
            f"no braincase was found in the CT: the largest space of soft tissue has {volume:.0f} "
            f"ml; a braincase has {BRAINCASE_ML[0]:g} to {BRAINCASE_ML[1]:g} ml"
        )
    away = _distance(~case)
    sides = (away > 0) & (away <= SPACING_MM)
    sides[:, :, [0, -1]] = False
    enclosed = float((_distance(~bone)[sides] <= 2 * SPACING_MM).mean())
    if enclosed < ENCLOSED:
        raise RegistrationError(
            f"no braincase was found in the CT: bone encloses {enclosed:.0%} of the largest space "
            f"of soft tissue, {ENCLOSED:.0%} are needed"
        )
    return np.asarray(case)


def _distance(mask: Array) -> Array:
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=SPACING_MM))
