"""A head that lies otherwise in the MR than in the CT: the jaw opened, the neck bent.

The skull stays where it is. Below it the anatomy is carried by a smooth map known everywhere: the
mandible turns about the axis through its condyles, the neck about the atlas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.frame import HIGH, LOW
from mrtoct.volume import Array, Grid, Volume

CONDYLES, CHIN = np.array([0.0, -12.0, -56.0]), np.array([0.0, 62.0, -119.0])
ATLAS, LOW_NECK = np.array([0.0, -35.0, -78.0]), np.array([0.0, -40.0, -132.0])
"""Template mm, see `mrtoct.phantom.frame`."""
TEETH = np.array([0.0, 66.0, -96.0])
"""Edges of the upper teeth: what lies below the plane through them and the condyles opens."""
SPREAD_MM = 16.0
"""Over which a motion grows from nothing to its whole."""
INVERSIONS = 25
"""Steps of a fixed point that shrink the rest by half each at least; 10 mm are then < 0.001 mm."""


@dataclass(frozen=True)
class Posture:
    """How far the MR's posture is from the CT's."""

    jaw: float = 0.0
    """mm that the chin goes down and back; negative where the MR's jaw is the more closed one."""
    neck: float = 0.0
    """mm that the neck goes to the front, 54 mm below the atlas."""

    @property
    def changed(self) -> bool:
        """Whether anything lies elsewhere in the MR."""
        return bool(self.jaw or self.neck)

    def displacement(self, points: Array) -> Array:
        """Return where template points (..., 3) of the CT's head go, less the points, mm."""
        y, z = points[..., 1], points[..., 2]
        along = (TEETH - CONDYLES)[1:] / np.linalg.norm(TEETH - CONDYLES)
        below = along[1] * (y - CONDYLES[1]) - along[0] * (z - CONDYLES[2])
        opens = _growing(below / SPREAD_MM) * _growing((y + 22) / 22)
        bends = _growing((-82 - z) / (1.4 * SPREAD_MM)) * _growing((-2 - y) / 22)
        jaw = _turned(points, CONDYLES, -self.jaw / np.linalg.norm((CHIN - CONDYLES)[1:]))
        neck = _turned(points, ATLAS, self.neck / np.linalg.norm((LOW_NECK - ATLAS)[1:]))
        return np.asarray(opens[..., None] * jaw + bends[..., None] * neck)

    def origin(self, points: Array) -> Array:
        """Return where template points (..., 3) of the MR's head come from in the CT's."""
        before = points
        for _ in range(INVERSIONS):
            before = points - self.displacement(before)
        return before


def take_posture(head: Volume, posture: Posture) -> Volume:
    """Return the labels of a head in the MR's posture; the neck goes on below the anatomy's end."""
    stretch = stretch_of(head.grid)
    voxels = head.voxels.copy()
    # A plane at a time: positions of the whole head would take a gigabyte.
    for k in range(head.grid.shape[2]):
        index = np.indices((*head.grid.shape[:2], 1)).reshape(3, -1).T + np.array([0, 0, k])
        points = head.grid.to_world(index) / stretch
        if points[0, 2] > CONDYLES[2] + SPREAD_MM:
            break
        source = np.rint(head.grid.to_index(posture.origin(points) * stretch)).astype(int)
        source = np.clip(source, 0, np.array(head.grid.shape) - 1)
        voxels[:, :, k] = head.voxels[tuple(source.T)].reshape(head.grid.shape[:2])
    return head.with_voxels(voxels)


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
