"""A smooth deformation below the skull: what it is, everywhere in the CT's world.

Displacements of jaw and neck are cubic B-splines on a coarse grid of control points, times a weight
that is 0 in the whole skull and grows to 1 within a finger's breadth below it. A rigid map goes on
from there: MR point = map(CT point + displacement).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.registration.regions import Regions
from mrtoct.resample import coverage, resample
from mrtoct.volume import Array, Grid, Volume

FALLOFF_MM = 18.0
"""Depth below the skull at which the deformation has its whole strength."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """Where jaw and neck of a CT lie in an MR, against the skull."""

    grid: Grid
    """Of the control points, in the CT's world."""
    control: Array
    """Their displacements in RAS mm, (I, J, K, 3) float32."""
    regions: Regions
    """Where the skull is, which stays."""

    def at(self, points: Array) -> Array:
        """Return the displacements of points (..., 3), RAS mm."""
        weight = held(self.regions, points)
        place = np.moveaxis(self.grid.to_index(points), -1, 0)
        spline = [
            ndimage.map_coordinates(c, place, order=3, prefilter=False, mode="nearest")
            for c in np.moveaxis(self.control.astype(np.float64), -1, 0)
        ]
        return np.asarray(weight[..., None] * np.stack(spline, axis=-1))

    def on(self, grid: Grid) -> Array:
        """Return the displacement of each voxel of a grid, (I, J, K, 3) float32, RAS mm."""
        field = np.zeros((*grid.shape, 3), dtype=np.float32)
        for i, moves, points in self._below(grid):
            field[i][moves] = self.at(points)
        return field

    def moved(self, grid: Grid) -> Iterator[tuple[int, Array, Array]]:
        """Yield each plane along I: its number, which voxels (J, K) may move, and where to, RAS mm.

        The places are (N, 3), in the order of the voxels.
        """
        for i, moves, points in self._below(grid):
            yield i, moves, points + self.at(points)

    def _below(self, grid: Grid) -> Iterator[tuple[int, Array, Array]]:
        # A plane at a time: the positions of a whole CT would take gigabytes.
        plane = np.moveaxis(np.indices((1, *grid.shape[1:])), 0, -1)[0]
        for i in range(grid.shape[0]):
            points = grid.to_world(plane + np.array([i, 0, 0]))
            moves = self.regions.depth(points) > 0
            yield i, moves, points[moves]


def held(regions: Regions, points: Array) -> Array:
    """Return the weight of the deformation at points (..., 3): 0 in the skull, 1 well below."""
    t = np.clip(regions.depth(points) / FALLOFF_MM, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def carry(
    mr: Volume, grid: Grid, transform: Array, deformation: Deformation, *, fill: float = 0.0
) -> Volume:
    """Return the MR on a grid of the CT's world, through a deformation and a map (4 x 4, RAS mm).

    In the skull it is to the last bit what `resample` gives; below it linear between voxels, even
    where the grid is coarser than the MR.
    """
    carried = resample(mr, grid, fill=fill, transform=transform)
    voxels = np.asarray(mr.voxels, dtype=np.float32)
    for i, moves, points in deformation.moved(grid):
        index = mr.grid.to_index(_mapped(points, transform))
        values = ndimage.map_coordinates(voxels, index.T, order=1, mode="nearest")
        carried.voxels[i][moves] = np.where(_inside(mr.grid, index), values, np.float32(fill))
    return carried


def carried_coverage(source: Grid, grid: Grid, transform: Array, deformation: Deformation) -> Array:
    """Return which voxels (I, J, K) of a grid a source covers, through a deformation and a map."""
    covered = coverage(source, grid, transform)
    for i, moves, points in deformation.moved(grid):
        covered[i][moves] = _inside(source, source.to_index(_mapped(points, transform)))
    return covered


def volume_change(displacement: Array, spacing: tuple[float, float, float]) -> Array:
    """Return the Jacobian determinant at each voxel, (I, J, K): 1 keeps a volume, 0 folds it.

    displacement: (I, J, K, 3), RAS mm, on a world-aligned grid of a spacing in mm.
    """
    matrix = np.stack(
        [np.stack([*np.gradient(displacement[..., a], *spacing)], axis=-1) for a in range(3)],
        axis=-2,
    )
    return np.asarray(np.linalg.det(matrix + np.eye(3)))


def whole_field(deformation: Deformation, transform: Array, grid: Grid) -> Array:
    """Return by how much deformation and map together move each voxel, (I, J, K, 3), RAS mm."""
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    moved = _mapped(points + deformation.on(grid), transform)
    return np.asarray(moved - points, dtype=np.float32)


def _mapped(points: Array, transform: Array) -> Array:
    return np.asarray(points @ transform[:3, :3].T + transform[:3, 3])


def _inside(grid: Grid, index: Array) -> Array:
    """Tell which indices (N, 3) lie in the voxels of a grid."""
    half = np.array(grid.shape) / 2
    return np.asarray((np.abs(index - (half - 0.5)) < half).all(axis=1))
