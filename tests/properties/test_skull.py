from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.properties.rays import along
from mrtoct.properties.skull import skull_mask, thickness_to
from mrtoct.volume import Grid, Volume
from volumes import rotation


def test_the_mask_is_the_shell(shells):
    _, radius = shells.radii()
    mask = skull_mask(shells.ct()).voxels
    assert mask[(radius > 60.6) & (radius < 67.4)].all()
    assert not mask[(radius < 59) | (radius > 69)].any()


def test_marrow_holes_and_sutures_are_closed_but_air_and_loose_bone_are_not_in(shells):
    ct = shells.ct()
    grid, radius = shells.radii()
    hu = ct.voxels.copy()
    away = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - shells.middle
    marrow = (radius > 63) & (radius < 65.5) & (away[..., 2] > 30) & (away[..., 1] > -45)
    suture = (radius < 68) & (radius > 60) & (np.abs(away[..., 0]) < 1.4) & (away[..., 1] > 20)
    sinus = (radius > 62) & (radius < 67) & (away[..., 1] < -55)
    loose = (np.abs(away) < 8).all(axis=-1)
    hu[marrow | suture] = 60
    hu[sinus] = -1000
    hu[loose] = 1200
    mask = skull_mask(ct.with_voxels(hu)).voxels
    assert mask[marrow].mean() > 0.95  # where a table is one voxel thin it may stay open
    inside = suture & (radius > 62.5) & (radius < 65.5) & (away[..., 2] < 25)
    assert mask[inside].mean() > 0.95
    assert not mask[sinus].any()
    assert not mask[loose].any()
    assert not mask[radius < 55].any()


def test_no_bone_is_an_error(shells):
    ct = shells.ct()
    with pytest.raises(ValueRangeError, match="no voxel reaches 250 HU, the highest is 200"):
        skull_mask(ct.with_voxels(np.minimum(ct.voxels, 200)))


@pytest.mark.parametrize("aside", [0.0, 20.0, 40.0])
def test_thickness_is_that_of_a_chord(shells, aside):
    ct = shells.ct()
    middle = np.array(shells.middle)
    direction = rotation((20, -30, 50)) @ np.array([1.0, 0, 0])
    across = rotation((20, -30, 50)) @ np.array([0, 1.0, 0])
    target = middle + aside * across
    found = thickness_to(ct, skull_mask(ct), tuple(target), tuple(target + 110 * direction))
    expected = np.sqrt(68**2 - aside**2) - np.sqrt(60**2 - aside**2)
    assert found.bone_mm == pytest.approx(expected, abs=1.2)  # a voxel is 2 mm
    entry = np.linalg.norm(np.array(found.entry_mm) - middle)
    assert entry == pytest.approx(68, abs=1.2)
    assert 600 < found.mean_hu <= 1000


def test_thickness_where_there_is_no_skull(shells):
    ct = shells.ct()
    middle = np.array(shells.middle)
    found = thickness_to(ct, skull_mask(ct), tuple(middle), tuple(middle + np.array([30.0, 0, 0])))
    assert (found.bone_mm, found.entry_mm) == (0.0, None)
    with pytest.raises(ValueRangeError, match="the same point"):
        thickness_to(ct, skull_mask(ct), tuple(middle), tuple(middle))


def test_values_along_rays_are_those_of_a_linear_field_on_a_sheared_grid():
    affine = np.array([[-1.1, 0.2, 0, 9], [0.1, 1.4, 0.3, -4], [0, -0.2, 2.1, 5], [0, 0, 0, 1]])
    grid = Grid((31, 27, 19), affine)
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    field = Volume((points @ [1.0, -2.0, 0.5] + 7).astype(np.float32), grid, "HU")
    start, direction = grid.center[None], np.array([[0.6, 0.0, 0.8]])
    found = along(field, start, direction, 9.0, 0.5, fill=-99.0)[0]
    steps = (np.arange(18) + 0.5) * 0.5
    expected = (start + steps[:, None] * direction) @ [1.0, -2.0, 0.5] + 7
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert along(field, start, direction, 200.0, 0.5, fill=-99.0)[0, -1] == -99
