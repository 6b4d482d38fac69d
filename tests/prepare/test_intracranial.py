from __future__ import annotations

import numpy as np

from mrtoct.prepare.intracranial import intracranial_mask
from mrtoct.volume import Grid, Volume


def shell(without: str = "") -> tuple[Volume, np.ndarray]:
    """A skull of 6 mm around 70 x 85 x 75 mm, open to the neck, and each voxel's depth in it."""
    grid = Grid.from_box((-90, -105, -95), (90, 105, 95), (2.5, 2.5, 3.0))
    x, y, z = np.moveaxis(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    radius = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + (z / 75) ** 2)
    hu = np.where(radius < 1.25, 30, -1000)
    bone = (radius > 1) & (radius < 1.09)
    if without == "temples":
        bone &= ~((np.abs(y) < 40) & (np.abs(z + 10) < 22))
    bone &= ~((np.hypot(x, y + 20) < 15) & (z < 0))  # foramen magnum
    hu[bone] = 900
    return Volume(hu.astype(np.int16), grid, "HU"), radius


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def test_the_space_is_that_within_the_shell():
    ct, radius = shell()
    assert dice(intracranial_mask(ct).voxels, radius < 1) > 0.97


def test_temples_that_are_missing_do_not_end_it_half_way():
    ct, radius = shell(without="temples")
    assert dice(intracranial_mask(ct).voxels, radius < 1) > 0.96
