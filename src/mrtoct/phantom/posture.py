"""A head that lies otherwise in the MR than in the CT: the jaw opened, the neck bent.

The skull stays where it is. Below it the anatomy is carried by a smooth map known everywhere: the
mandible turns about the axis through its condyles, the neck about the atlas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.frame import HIGH, LOW
from mrtoct.volume import Array, Grid, Volume

CONDYLES, CHIN = np.array([0.0, -12.0, -56.0]), np.array([0.0, 62.0, -119.0])
ATLAS, LOW_NECK = np.array([0.0, -35.0, -78.0]), np.array([0.0, -40.0, -132.0])
"""Template mm, see `mrtoct.phantom.frame`."""
TEETH = np.array([0.0, 66.0, -96.0])
"""Edges of the upper teeth: what lies below the plane through them and the condyles opens."""
SPREAD_MM = 18.0
"""Over which the jaw's motion grows from nothing to its whole; the neck's over twice as much."""
INVERSIONS = 80
"""Steps of a damped fixed point; all postures allowed end within 0.01 mm."""


@dataclass(frozen=True)
class Posture:
    """How far the MR's posture is from the CT's."""

    jaw: float = 0.0
    """mm that the chin goes down and back, -6 to 10; negative where the CT's jaw is more open."""
    neck: float = 0.0
    """mm that the neck goes to the front, 54 mm below the atlas, -10 to 10."""

    def __post_init__(self) -> None:
        # Further, the map would come near to folding.
        if not (-6 <= self.jaw <= 10 and -10 <= self.neck <= 10):
            raise ValueRangeError(
                f"the jaw moves by -6 to 10 mm and the neck by -10 to 10, got {self.jaw:g} and "
                f"{self.neck:g}"
            )

    @property
    def changed(self) -> bool:
        """Whether anything lies elsewhere in the MR."""
        return bool(self.jaw or self.neck)

    def displacement(self, points: Array) -> Array:
        """Return where template points (..., 3) of the CT's head go, less the points, mm.

        Nothing goes to the side, and all planes from front to back move alike.
        """
        y, z = points[..., 1], points[..., 2]
        along = (TEETH - CONDYLES)[1:] / np.linalg.norm(TEETH - CONDYLES)
        below = along[1] * (y - CONDYLES[1]) - along[0] * (z - CONDYLES[2])
        opens = _growing(below / SPREAD_MM) * _growing((y + 20) / 30)
        bends = _growing((-80 - z) / (2 * SPREAD_MM)) * _growing((4 - y) / 30)
        jaw = _turned(points, CONDYLES, -self.jaw / float(np.linalg.norm((CHIN - CONDYLES)[1:])))
        neck = _turned(points, ATLAS, self.neck / float(np.linalg.norm((LOW_NECK - ATLAS)[1:])))
        return np.asarray(opens[..., None] * jaw + bends[..., None] * neck)

    def origin(self, points: Array) -> Array:
        """Return where template points (..., 3) of the MR's head come from in the CT's."""
        before = points
        for _ in range(INVERSIONS):
            before = before + 0.6 * (points - before - self.displacement(before))
        return before


def take_posture(head: Volume, posture: Posture) -> Volume:
    """Return the labels of a head in the MR's posture; the neck goes on below the anatomy's end."""
    stretch = stretch_of(head.grid)
    plane = np.moveaxis(np.indices((1, *head.grid.shape[1:])), 0, -1)[0]
    points = head.grid.to_world(plane) / stretch
    source = np.rint(head.grid.to_index(posture.origin(points) * stretch)).astype(int)
    j, k = (np.clip(source[..., a], 0, head.grid.shape[a] - 1) for a in (1, 2))
    return head.with_voxels(head.voxels[:, j, k])


def displacement_on(grid: Grid, to_head: Array, stretch: Array, posture: Posture) -> Array:
    """Return by how much each voxel of a CT's grid is displaced, (I, J, K, 3) float32, RAS mm.

    to_head is the rigid map (4 x 4) of the CT's world to the head's own.
    """
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    places = (points @ to_head[:3, :3].T + to_head[:3, 3]) / stretch
    moved = posture.displacement(places) * stretch
    return np.asarray(moved @ to_head[:3, :3], dtype=np.float32)


def stretch_of(grid: Grid) -> Array:
    """Return a head's size over the template's along x, y, z, from the grid of its labels."""
    size = np.array(grid.shape) * grid.spacing
    return np.asarray(size / np.subtract(HIGH, LOW))


def _turned(points: Array, center: Array, angle: float) -> Array:
    """Return what a turn about an axis along x through center adds to points (..., 3)."""
    y, z = points[..., 1] - center[1], points[..., 2] - center[2]
    cosine, sine = np.cos(angle) - 1, np.sin(angle)
    return np.stack([0 * y, cosine * y - sine * z, sine * y + cosine * z], axis=-1)


def _growing(share: Array) -> Array:
    """Return a smooth step from 0 at 0 to 1 at 1."""
    t = np.clip(share, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
