"""The head's own frame: fine label voxels, and coarse lattices for what is smooth.

Shapes are written in template millimetres: RAS, origin at the anterior commissure, the size of
a large adult head. A subject stretches the template along each axis, so a fine voxel's template
coordinates stay separable: one number along each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.fields import cubic_weights, interpolate
from mrtoct.phantom.shapes import Points, Position
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array, Grid, Volume

LOW: Position = (-97.0, -122.0, -132.0)
HIGH: Position = (97.0, 112.0, 104.0)
"""Template box that holds the head, its ears and nose, and as much neck as a scan may reach."""

Slices = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Region:
    """A box of the head: its labels (a view that paints through) and its template points."""

    labels: Array
    points: Points

    def paint(self, where: Array, tissue: Tissue, over: Sequence[Tissue] = ()) -> None:
        """Label the voxels where the condition holds, only those now in `over` if given."""
        if over:
            allowed = np.zeros(max(Tissue) + 1, dtype=np.bool_)
            allowed[list(over)] = True
            where = where & allowed[self.labels]
        np.copyto(self.labels, np.uint8(tissue), where=where)


@dataclass(frozen=True, eq=False)
class Lattice:
    """A coarse lattice over a box, for functions smooth at its step."""

    points: Points
    step: float
    weights: tuple[Array, Array, Array]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of lattice points along x, y, z."""
        x, y, z = (p.size for p in self.points)
        return x, y, z

    def upsampled(self, values: Array) -> Array:
        """Interpolate values on the lattice to the fine voxels of its box."""
        full = np.broadcast_to(values, self.shape)
        return interpolate(np.asarray(full, dtype=np.float32), self.weights)


@dataclass(frozen=True, eq=False)
class Frame:
    """A grid (RAS mm, origin at the anterior commissure) with template coordinates per axis."""

    grid: Grid
    axes: Points
    labels: Array

    @classmethod
    def stretched(cls, stretch: Position, spacing: float) -> Frame:
        """Return an empty frame whose head is the template times `stretch` along x, y, z."""
        low, high = (np.multiply(end, stretch) for end in (LOW, HIGH))
        grid = Grid.from_box(low, high, (spacing,) * 3)
        x, y, z = (
            ((np.arange(n) * spacing + o) / s).astype(np.float32)
            for n, o, s in zip(grid.shape, grid.affine[:3, 3], stretch, strict=True)
        )
        return cls(grid, (x, y, z), np.zeros(grid.shape, dtype=np.uint8))

    def slices(self, low: Position, high: Position) -> Slices:
        """Return the index box of the voxels between two template corners."""
        i, j, k = (
            slice(int(np.searchsorted(a, lo)), int(np.searchsorted(a, hi)))
            for a, lo, hi in zip(self.axes, low, high, strict=True)
        )
        return i, j, k

    def region(self, low: Position, high: Position) -> Region:
        """Return the part of the head between two template corners."""
        box = self.slices(low, high)
        return Region(self.labels[box], _open(*(a[s] for a, s in zip(self.axes, box, strict=True))))

    def lattice(self, step: float, low: Position = LOW, high: Position = HIGH) -> Lattice:
        """Return a lattice over the box of two template corners, two steps wider on each side."""
        box = self.slices(low, high)
        axes, weights = [], []
        for a, s, lo, hi in zip(self.axes, box, low, high, strict=True):
            count = int(np.ceil((hi - lo) / step)) + 5
            start = lo - 2 * step
            axes.append((start + step * np.arange(count)).astype(np.float32))
            weights.append(cubic_weights((a[s] - start) / step, count))
        return Lattice(_open(*axes), step, (weights[0], weights[1], weights[2]))

    def volume(self) -> Volume:
        """Return the labels as a volume."""
        return Volume(self.labels, self.grid, "label")


def _open(x: Array, y: Array, z: Array) -> Points:
    return x[:, None, None], y[None, :, None], z[None, None, :]
