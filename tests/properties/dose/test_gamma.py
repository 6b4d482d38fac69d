"""Gamma against a closed form, and against pymedphys."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.properties.dose.gamma import Criterion, gamma_index, pass_rate
from mrtoct.volume import Grid, Volume

SPACING = (3.0, 2.0, 2.5)


def doses(shape, function, affine=None):
    """A dose, Gy, as a function of world points (..., 3)."""
    grid = Grid(shape, np.diag([*SPACING, 1.0]) if affine is None else affine)
    points = grid.to_world(np.moveaxis(np.indices(shape), 0, -1))
    return Volume(function(points).astype(np.float32), grid, "Gy")


def turned(angle=0.4):
    """An oblique, left-handed grid."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(SPACING)
    affine[:3, 3] = (-20, 31, 7)
    return affine


@pytest.mark.parametrize("affine", [None, turned()], ids=["upright", "oblique"])
@pytest.mark.parametrize("shift", [0.5, 1.0, 1.9])
def test_a_shifted_slope_has_a_gamma_that_is_known(affine, shift):
    slope, prescribed = 0.05, 2.0  # Gy a mm
    towards = np.array([2.0, -1.0, 2.0]) / 3
    real = doses((11, 13, 12), lambda p: 2.5 + slope * (p @ towards), affine)
    moved = doses((11, 13, 12), lambda p: 2.5 + slope * (p @ towards - shift), affine)
    found = gamma_index(real, moved, Criterion(2, 2, 10), prescribed)
    steep = slope * 2.0 / (0.02 * prescribed)  # criteria of dose that a criterion of distance is
    expected = steep * (shift / 2.0) / np.hypot(1, steep)
    inside = found[3:-3, 3:-3, 3:-3]
    inside = inside[np.isfinite(inside)]
    assert inside.size > 150
    # The search's lattice has steps of a tenth: a little above the closed form, never below.
    assert inside.min() > expected - 1e-5
    assert inside.max() < expected + 0.02


def test_the_same_dose_another_dose_and_one_far_away():
    real = doses((4, 5, 3), lambda p: 2.0 - 0.01 * p[..., 0])
    assert np.nanmax(gamma_index(real, real, Criterion(), 2.0)) == 0
    more = real.with_voxels(real.voxels + np.float32(0.03))
    even, higher = (real.with_voxels(np.full_like(real.voxels, gy)) for gy in (2.0, 2.03))
    flat = gamma_index(even, higher, Criterion(), 2.0)
    np.testing.assert_allclose(flat, 0.75, atol=1e-4)
    assert pass_rate(gamma_index(real, more, Criterion(1, 1), 2.0)) < 0.1
    far = gamma_index(real, real.with_voxels(real.voxels * 3), Criterion(), 2.0)
    assert np.nanmin(far) == 2.0
    assert pass_rate(far) == 0


def test_little_dose_does_not_count():
    real = doses((9, 5, 5), lambda p: 0.1 * p[..., 0] / 3.0)
    gamma = gamma_index(real, real, Criterion(cutoff_percent=25), 2.0)
    assert (np.isfinite(gamma) == (real.voxels >= 0.5)).all()
    assert np.isnan(pass_rate(gamma_index(real, real, Criterion(), 50.0)))


def test_what_cannot_be_compared():
    real = doses((5, 5, 5), lambda p: p[..., 0])
    with pytest.raises(GeometryError, match="different grids"):
        gamma_index(real, doses((5, 5, 6), lambda p: p[..., 0]), Criterion(), 2.0)
    with pytest.raises(ValueRangeError, match="finite"):
        gamma_index(real, real.with_voxels(real.voxels * np.nan), Criterion(), 2.0)


@pytest.fixture(scope="module")
def beam():
    """Two crossing beams that stop, and the same where the head was thought softer and noisy."""

    def dose(p, depth, width, height):
        x, y, z = (p - [21.0, 18.0, 16.0])[..., 0], p[..., 1] - 18.0, p[..., 2] - 16.0
        beams = sum(
            np.exp(-(aside**2 + z**2) / (2 * width**2)) / (1 + np.exp((along - depth) / 1.5))
            for along, aside in ((x, y), (y, x))
        )
        return height * beams

    shape = (14, 19, 13)
    real = doses(shape, lambda p: dose(p, 5.0, 7.0, 1.0))
    other = doses(shape, lambda p: dose(p, 7.4, 7.3, 1.01))
    noise = np.random.default_rng(5).normal(0, 0.006, shape).astype(np.float32)
    return real, other.with_voxels(other.voxels + noise)


@pytest.mark.parametrize("criterion", [Criterion(), Criterion(3, 1.5, 20)], ids=str)
def test_gamma_is_what_pymedphys_finds(beam, criterion):
    pymedphys = pytest.importorskip("pymedphys", reason="it is not there for Python 3.13")
    real, other = beam
    axes = tuple(np.arange(n) * s for n, s in zip(real.grid.shape, SPACING, strict=True))
    theirs = pymedphys.gamma(
        axes, real.voxels.astype(float), axes, other.voxels.astype(float),
        criterion.dose_percent, criterion.distance_mm,
        lower_percent_dose_cutoff=criterion.cutoff_percent, interp_fraction=10, max_gamma=2,
        global_normalisation=2.0, interp_algo="scipy",
    )  # fmt: skip
    ours = gamma_index(real, other, criterion, 2.0)
    assert (np.isfinite(ours) == np.isfinite(theirs)).all()
    counted = np.isfinite(ours)
    assert counted.sum() > 500
    apart = (ours - theirs)[counted]
    # Both step by a tenth, through other points: where dose is steep, theirs are a bit sparser.
    assert np.abs(apart).max() < 0.1
    assert abs(apart.mean()) < 0.02
    assert abs(pass_rate(ours) - (theirs[counted] <= 1).mean()) < 0.012
    assert 0.5 < pass_rate(ours) < 0.99
