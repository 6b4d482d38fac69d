"""Each effect against what it does to a point, a step or nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.simulation import scanner
from mrtoct.volume import Array


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def point(*index: int, n: int = 20, value: float = 1.0) -> Array:
    image = np.zeros((n, n, n), dtype=np.float32)
    image[index] = value
    return image


@pytest.mark.parametrize(("thickness", "spacing", "offset"), [(3, 3, 1), (5.5, 7, 2.2), (1, 4, 0)])
def test_rows_of_a_slice_matrix_sum_to_one(thickness: float, spacing: float, offset: float) -> None:
    matrix = scanner.slice_matrix(23, thickness, spacing, offset)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
    assert matrix.min() >= 0


def test_slices_are_boxes_joined_by_lines() -> None:
    matrix = scanner.slice_matrix(12, 3, 3, 1)  # centres at 1, 4, 7, 10
    expected = np.zeros((3, 12))
    expected[0, :3] = 1 / 3 + 2 / 9, 2 / 9, 2 / 9  # beyond the end the first voxel goes on
    expected[1, 3:6] = 1 / 3
    expected[2, 3:9] = [2 / 9] * 3 + [1 / 9] * 3
    np.testing.assert_allclose(matrix[[0, 4, 5]], expected, atol=1e-6)


def test_slices_with_gaps_do_not_see_what_lies_between() -> None:
    image = point(3, 3, 4)
    seen = scanner.sliced(image, 2, thickness=1, spacing=4, offset=0)
    np.testing.assert_allclose(seen[3, 3, 2:8], [0.5, 0.75, 1, 0.75, 0.5, 0.25], atol=1e-6)
    assert not scanner.sliced(point(3, 3, 6), 2, thickness=1, spacing=4, offset=0).any()


def test_the_bias_field_has_its_ratio() -> None:
    field = scanner.biased(np.ones((30, 40, 20), np.float32), 3.0, rng())
    assert field.max() / field.min() == pytest.approx(3.0, rel=1e-5)
    assert field.max() * field.min() == pytest.approx(1.0, rel=1e-5)
    assert np.abs(np.diff(field, axis=0)).max() < 0.2  # smooth


@pytest.mark.parametrize("voxels", [-3, 2])
def test_fat_moves_and_nothing_else(voxels: int) -> None:
    fat = point(5, 9, 5, value=1) + point(5, 19 if voxels > 0 else 0, 5) > 0
    image = np.where(fat, np.float32(0.8), np.float32(0.2))
    moved = scanner.shifted_fat(image, fat, voxels, axis=1)
    expected = np.where(fat, np.float32(0), np.float32(0.2))
    expected[5, 9 + voxels, 5] += 0.8  # and what leaves the field of view does not return
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_a_ghost_has_its_amount_and_place() -> None:
    seen = scanner.ghosted(point(2, 15, 3), axis=1, shift=8, amount=0.1)
    np.testing.assert_allclose(seen, point(2, 15, 3, value=0.9) + point(2, 3, 3, value=0.1))


def test_pulsing_vessels_come_back_by_halves_bright_and_dark() -> None:
    vessels = point(10, 10, 10) > 0
    seen = scanner.pulsating(np.ones((20, 20, 20), np.float32), vessels, 0, apart=3, amount=0.4)
    np.testing.assert_allclose(
        seen[:, 10, 10][[1, 4, 7, 10, 13, 16, 19]], [1.1, 0.8, 1.4, 1, 1.4, 0.8, 1.1], atol=1e-6
    )
    assert (seen != 1).sum() == 6


def test_what_lies_beyond_a_narrow_field_of_view_is_folded_in() -> None:
    seen = scanner.wrapped(point(1, 5, 5) + point(18, 6, 6, value=2), axis=0, voxels=4)
    np.testing.assert_array_equal(seen, point(13, 5, 5) + point(6, 6, 6, value=2))


def test_ringing_overshoots_a_step_and_leaves_the_even() -> None:
    step = np.zeros((3, 128, 3), np.float32)
    step[:, 32:96] = 1
    assert 1.03 < scanner.ringing(step, 1, 0.5).max() < 1.12
    np.testing.assert_allclose(scanner.ringing(step, 0, 0.5), step, atol=1e-6)


def test_noise_is_rician() -> None:
    air = scanner.noisy(np.zeros((40, 40, 40), np.float32), 0.05, rng())
    assert air.mean() == pytest.approx(0.05 * np.sqrt(np.pi / 2), rel=0.01)
    tissue = scanner.noisy(np.ones((40, 40, 40), np.float32), 0.05, rng())
    assert tissue.std() == pytest.approx(0.05, rel=0.02)
    assert tissue.mean() == pytest.approx(1 + 0.05**2 / 2, abs=6e-4)


def test_blur_spreads_along_its_axes_alone() -> None:
    seen = scanner.blurred(point(10, 10, 10), 1.2, (0, 2))
    assert seen.sum() == pytest.approx(1, abs=1e-5)
    place = np.arange(20) - 10
    line = seen.sum(axis=(1, 2))
    assert (line * place**2).sum() == pytest.approx(1.2**2, rel=0.04)
    assert not seen[:, :10].any() and not seen[:, 11:].any()


def test_texture_is_proportional_to_amount_and_signal() -> None:
    image = np.full((16, 16, 16), 0.5, np.float32)
    once, twice = (scanner.texture(image, 4, amount, rng()) - image for amount in (0.05, 0.1))
    np.testing.assert_allclose(twice, 2 * once, atol=1e-6)
    assert 0.01 < once.std() / 0.5 < 0.05  # less between the lattice's points than at them


def test_regions_change_their_tissue_by_the_amount() -> None:
    image = np.ones((24, 24, 24), np.float32)
    where = np.zeros(image.shape, dtype=bool)
    where[:12] = True
    seen = scanner.regions(image, where, 6, 0.3, rng())
    assert set(np.unique(seen)) == {np.float32(1), np.float32(1.3)}
    assert not (seen[12:] != 1).any()


def test_signal_is_lost_beside_air() -> None:
    air = np.zeros((30, 30, 30), dtype=bool)
    air[:15] = True
    seen = scanner.dropout(np.ones(air.shape, np.float32), air, 0.4, 2.0)
    assert seen[0, 15, 15] == pytest.approx(1 - 0.4 * 2)
    assert seen[14:16, 15, 15].mean() == pytest.approx(1 - 0.4, abs=0.01)
    np.testing.assert_allclose(seen[22:], 1)


def test_metal_leaves_a_void_with_a_bright_rim() -> None:
    image = np.full((31, 31, 31), 0.5, np.float32)
    metal = np.zeros(image.shape, dtype=bool)
    assert scanner.voids(image, metal, 8) is image
    metal[14:17, 14:17, 14:17] = True
    line = scanner.voids(image, metal, 8)[:, 15, 15]
    assert line[15] == pytest.approx(0.5 * 0.03)
    assert line.max() > 0.5
    assert line[0] == pytest.approx(0.5, abs=1e-4)
    dark = np.flatnonzero(line < 0.1)
    assert 15 - dark[0] == dark[-1] - 15 > 3
