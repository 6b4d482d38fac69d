"""Dose volumes that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.properties.dose.dvh import cumulative, dose_volume
from mrtoct.volume import Grid, Volume

GRID = Grid((101, 1, 3), np.diag([2.0, 3.0, 2.5, 1.0]))


@pytest.fixture
def slope():
    """0 to 2 Gy in 101 equal steps, in one of three slices; more dose in the others."""
    dose = np.full(GRID.shape, 9.0, dtype=np.float32)
    dose[:, 0, 1] = np.random.default_rng(1).permutation(np.linspace(0, 2, 101))
    structure = np.zeros(GRID.shape, dtype=bool)
    structure[:, :, 1] = True
    return Volume(dose, GRID, "Gy"), Volume(structure, GRID, "label")


def test_numbers_of_a_uniform_spread(slope):
    found = dose_volume(*slope, prescribed_gy=1.0)
    assert found.mean_gy == pytest.approx(1.0)
    assert found.d98_gy == pytest.approx(0.04)  # 98 % of the volume get 0.04 Gy or more
    assert found.d95_gy == pytest.approx(0.10)
    assert found.d2_gy == pytest.approx(1.96)
    assert found.v95_percent == pytest.approx(100 * 53 / 101, abs=1e-3)  # 0.96 to 2, by 0.02


def test_a_curve_of_two_doses():
    dose = np.array([1.0, 1.0, 1.0, 2.0], dtype=np.float32).reshape(4, 1, 1)
    grid = Grid((4, 1, 1), np.eye(4))
    doses, percent = cumulative(Volume(dose, grid, "Gy"), Volume(dose > 0, grid, "label"))
    assert (doses[0], doses[-1]) == (0.0, 2.0)
    np.testing.assert_array_equal(percent, np.where(doses <= 1.0, 100.0, 25.0))


def test_an_empty_structure(slope):
    dose, structure = slope
    with pytest.raises(ValueRangeError, match="structure is empty"):
        dose_volume(dose, structure.with_voxels(np.zeros(GRID.shape, bool)), 1.0)
