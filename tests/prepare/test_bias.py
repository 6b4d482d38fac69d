"""A shading that was put on a head comes off again, whatever the scale, grid and type."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.bias import Corrected, correct_bias
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.volume import Grid, Volume
from shaded_head import head_on, ramp, spread
from volumes import oblique_grid

GRID = Grid.from_box((-63, -72, -66), (63, 72, 66), (3, 3, 4))
INSIDE = ndimage.binary_erosion(head_on(GRID).voxels > 200, iterations=1)


@pytest.fixture(scope="module")
def even() -> Volume:
    return head_on(GRID)


@pytest.fixture(scope="module")
def shaded(even: Volume) -> Volume:
    return even.with_voxels(even.voxels * ramp(GRID, 5.0))


@pytest.fixture(scope="module")
def found(shaded: Volume) -> Corrected:
    return correct_bias(shaded)


def test_a_ramp_of_five_to_one_comes_off(even: Volume, shaded: Volume, found: Corrected) -> None:
    there = spread(ramp(GRID, 5.0)[head_mask_mr(even).voxels])
    assert 3.0 < there < 4.0
    assert spread(found.mr.voxels[INSIDE] / even.voxels[INSIDE]) < 1.35
    assert found.strength == pytest.approx(there, rel=0.25)
    # The ramp is 1 in the middle, and so is what is taken off.
    brightness = np.median(found.mr.voxels[INSIDE]) / np.median(even.voxels[INSIDE])
    assert brightness == pytest.approx(1, abs=0.05)


def test_an_even_head_stays_as_it_is(even: Volume) -> None:
    found = correct_bias(even)
    assert found.strength < 1.25
    assert spread(found.mr.voxels[INSIDE] / even.voxels[INSIDE]) < 1.25


def test_scale_type_and_offset_do_not_matter(shaded: Volume, found: Corrected) -> None:
    one = found.mr.voxels
    tiny = correct_bias(shaded.with_voxels(shaded.voxels * np.float32(1e-4))).mr.voxels
    np.testing.assert_allclose(tiny[INSIDE] * 1e4, one[INSIDE], rtol=0.01)
    whole = shaded.with_voxels(np.rint(shaded.voxels).astype(np.int16) - np.int16(300))
    lowest = float(whole.voxels.min()) + 300
    other = correct_bias(whole).mr.voxels
    assert other.dtype == np.float32
    np.testing.assert_allclose(other[INSIDE], one[INSIDE], rtol=0.02, atol=2 * lowest + 2)


def test_thick_oblique_slices_and_empty_voxels() -> None:
    grid = oblique_grid((42, 50, 24), (3.0, 3.0, 6.0), flip=(-1, 1, 1))
    even = head_on(grid)
    voxels = even.voxels * ramp(grid, 4.0)
    voxels[:, :3] = 0
    found = correct_bias(even.with_voxels(voxels))
    assert found.mr.grid.matches(grid)
    assert np.isfinite(found.mr.voxels).all()
    assert (found.mr.voxels[:, :3] == 0).all()
    assert (found.mr.voxels >= 0).all()
    inside = ndimage.binary_erosion(even.voxels > 200)
    inside[:, :3] = False
    assert spread(found.mr.voxels[inside] / even.voxels[inside]) < 1.35


def test_what_shows_no_head_is_refused() -> None:
    with pytest.raises(ValueRangeError):
        correct_bias(Volume(np.full(GRID.shape, 7, np.int16), GRID, "a.u."))
