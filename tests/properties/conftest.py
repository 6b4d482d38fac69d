"""A head whose skull is known by formula: shells around a middle, in HU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from mrtoct.phantom import TINY, PhantomSubject, make_subject
from mrtoct.volume import Array, Grid, Volume


@dataclass(frozen=True)
class Shells:
    """A ball of brain in a skull in a scalp, with a neck, on an upright grid."""

    brain_mm: float = 60.0
    skull_mm: float = 8.0
    scalp_mm: float = 6.0
    bone_hu: float = 1000.0
    spacing: tuple[float, float, float] = (2.0, 1.8, 2.4)
    middle: tuple[float, float, float] = (4.0, -7.0, 11.0)

    def radii(self) -> tuple[Grid, Array]:
        """Return the grid and each voxel's distance from the middle."""
        reach = self.brain_mm + self.skull_mm + self.scalp_mm + 12
        middle = np.array(self.middle)
        grid = Grid.from_box(middle - reach, middle + reach, self.spacing)
        points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
        return grid, np.linalg.norm(points - middle, axis=-1)

    def ct(self) -> Volume:
        """Return its CT, int16, with a bevel of a voxel at each border."""
        grid, radius = self.radii()
        ends = np.cumsum([self.brain_mm, self.skull_mm, self.scalp_mm])
        knots: list[float] = []
        for end in ends:
            knots += [end - 0.5, end + 0.5]
        values = [40, self.bone_hu, self.bone_hu, 10, 10, -1000]
        hu = np.interp(radius, knots, values)
        return Volume(np.rint(hu).astype(np.int16), grid, "HU")


@pytest.fixture(scope="session")
def shells() -> Shells:
    return Shells()


@pytest.fixture(scope="session")
def head() -> PhantomSubject:
    """A coarse phantom; what a synthetic CT would be at its best is its CT."""
    return make_subject(3, TINY)
