"""Warps that move nothing, or everything by a known amount; noise of unit variance."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.simulation.warp import WarpSettings, draw_warp, lattice_noise, warped

STILL = WarpSettings(rotation=0, scale=0, bends=(), mirror=0)
SHAPE = (9, 12, 7)


def numbers() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 200, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("linear", [True, False])
def test_a_still_warp_moves_nothing(linear: bool) -> None:
    place = draw_warp(SHAPE, STILL, np.random.default_rng(1))
    seen = warped(numbers(), place, linear=linear, fill=0)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, numbers())


def test_mirrored_is_the_other_way_round() -> None:
    mirror = WarpSettings(rotation=0, scale=0, bends=(), mirror=1)
    place = draw_warp(SHAPE, mirror, np.random.default_rng(1))
    np.testing.assert_array_equal(warped(numbers(), place, linear=False, fill=0), numbers()[::-1])


def test_what_comes_from_beyond_is_filled() -> None:
    place = draw_warp(SHAPE, STILL, np.random.default_rng(1))
    place[..., 2] += 2 * 3 / (SHAPE[2] - 1)  # three voxels up, in torch's units
    hu = numbers().astype(np.int16)
    seen = warped(hu, place, linear=True, fill=-1024)
    np.testing.assert_array_equal(seen[:, :, :4], hu[:, :, 3:])
    assert (seen[:, :, 4:] == -1024).all()


def test_a_turned_and_scaled_ball_keeps_its_volume_but_for_the_scale() -> None:
    i, j, k = np.ogrid[-20:21, -20:21, -20:21]
    ball = (i**2 + j**2 + k**2 < 12**2).astype(np.uint8)
    turned = WarpSettings(rotation=20, scale=0, bends=(), mirror=0)
    for seed in range(3):
        place = draw_warp((41, 41, 41), turned, np.random.default_rng(seed))
        volume = int(warped(ball, place, linear=False, fill=0).sum())
        assert volume == pytest.approx(int(ball.sum()), rel=0.01)
    scaled = WarpSettings(rotation=0, scale=9, bends=(), mirror=0)  # beyond the limits of 15 %
    sizes = []
    for seed in range(8):
        place = draw_warp((41, 41, 41), scaled, np.random.default_rng(seed))
        sizes.append(float(warped(ball, place, linear=False, fill=0).sum()) / float(ball.sum()))
    assert min(sizes) > 0.97 * 0.85**3 and max(sizes) < 1.03 * 1.15**3
    assert np.ptp(sizes) > 0.5


def test_noise_has_unit_variance_at_its_points_and_is_smooth_between() -> None:
    corners = [
        lattice_noise((5, 5, 5), 9, np.random.default_rng(seed))[::4, ::4, ::4]
        for seed in range(300)
    ]
    assert np.std(corners) == pytest.approx(1, abs=0.05)
    assert np.mean(corners) == pytest.approx(0, abs=0.08)
    smooth = lattice_noise((60, 60, 60), 20, np.random.default_rng(1))
    assert np.abs(np.diff(smooth, 2, axis=0)).mean() < 0.01  # straight between the points


def test_noise_may_differ_along_the_axes() -> None:
    sheets = lattice_noise((40, 40, 40), (2, 30, 30), np.random.default_rng(1))
    across, along = (np.abs(np.diff(sheets, axis=axis)).mean() for axis in (0, 1))
    assert across > 5 * along
