"""Planes in order, their distances, and the grid they fill."""

from __future__ import annotations

import numpy as np
import pytest

from dicom_series import plane_directions, positions, world_position
from mrtoct.errors import GeometryError
from mrtoct.io.dicom.geometry import stack_planes

OBLIQUE = plane_directions((12, -7, 25))


@pytest.mark.parametrize("shear", [(0, 0), (0.05, -0.3)])
def test_every_voxel_lies_where_the_standards_formula_puts_it(shear):
    firsts = positions(OBLIQUE, 2.5 * np.arange(7), shear=shear)
    shuffled = np.random.default_rng(1).permutation(7)
    stack = stack_planes(firsts[shuffled], OBLIQUE)
    assert [shuffled[p[0]] for p in stack.places] == list(range(7))
    grid = stack.grid((10, 13), (1.3, 0.9), 2.5)
    assert grid.shape == (13, 10, 7)
    for i, j, k in [(0, 0, 0), (12, 0, 6), (5, 9, 3), (12, 9, 6)]:
        expected = world_position(OBLIQUE, firsts[k], (1.3, 0.9), i, j)
        np.testing.assert_allclose(grid.to_world((i, j, k)), expected, atol=1e-9)
    tilt = np.degrees(np.arctan(np.hypot(*shear)))
    assert stack.tilt == pytest.approx(tilt, abs=1e-6)


@pytest.mark.parametrize("decimals", [1, 2, 4])
def test_rounded_positions_are_even_and_not_sheared(decimals):
    exact = positions(OBLIQUE, 1.17 * np.arange(40))
    stack = stack_planes(np.round(exact, decimals), OBLIQUE)
    assert stack.fault([""] * 40) is None
    assert stack.tilt < 1e-6
    grid = stack.grid((10, 13), (1.3, 0.9), 1.17)
    for k in (0, 20, 39):
        np.testing.assert_allclose(
            grid.to_world((0, 0, k)) * (-1, -1, 1), exact[k], atol=10**-decimals
        )


def test_missing_slices_are_counted_and_named():
    distances = 3.0 * np.delete(np.arange(12), [4, 5, 9])
    names = [f"s{round(d / 3)}" for d in distances]
    fault = stack_planes(positions(OBLIQUE, distances), OBLIQUE).fault(names)
    assert "missing, 3 mm apart" in fault
    assert "2 between s3 and s6" in fault
    assert "1 between s8 and s10" in fault


def test_uneven_distances_are_named():
    distances = np.array([0, 3, 6, 9.7, 12.7, 15.7])
    names = list("abcdef")
    fault = stack_planes(positions(OBLIQUE, distances), OBLIQUE).fault(names)
    assert "uneven, 3 to 3.7 mm" in fault
    assert "between c and d" in fault


def test_copies_share_a_place():
    firsts = positions(OBLIQUE, np.array([0, 2, 2.001, 4]))
    assert stack_planes(firsts, OBLIQUE).places == ((0,), (1, 2), (3,))


def test_planes_beside_each_other_or_shifted_at_random_are_refused():
    row = np.array(OBLIQUE[:3])
    beside = positions(OBLIQUE, np.array([0.0, 2, 4]))
    with pytest.raises(GeometryError, match="side by side"):
        stack_planes(np.vstack([beside, beside[:1] + 30 * row]), OBLIQUE)
    beside[1] += 0.5 * row
    with pytest.raises(GeometryError, match="sideways against each other"):
        stack_planes(beside, OBLIQUE)
