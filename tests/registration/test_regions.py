from __future__ import annotations

import numpy as np
import pytest

from analytic_head import rigid
from bent_head import bent_head, regions_of
from mrtoct.errors import RegistrationError
from mrtoct.phantom import Tissue
from mrtoct.registration.regions import find_regions
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid


def test_teeth_jaw_and_spine_are_where_they_belong() -> None:
    head, regions = bent_head(), regions_of()
    labels, number = head.labels.voxels, regions.on(head.ct.grid)
    # The brain and what goes on from it into the spinal canal.
    cord = number[np.isin(labels, (Tissue.GREY_MATTER, Tissue.WHITE_MATTER))]
    assert (cord == 0).mean() > 0.995 and (cord == 1).sum() == 0
    assert (number[np.isin(labels, (Tissue.LENS, Tissue.VITREOUS))] == 0).all()
    teeth = head.ct.grid.to_world(np.argwhere(labels == Tissue.ENAMEL))
    depth, middle = regions.depth(teeth), np.median(teeth[:, 2])
    # The phantom's upper teeth end 2 mm below the plane, its lower ones begin there.
    assert np.median(depth[teeth[:, 2] > middle]) < 3
    assert np.median(depth[teeth[:, 2] < middle]) > 8
    assert not (regions.number(teeth) == 2).any()
    # Third vertebra, and the jaw up to where its chin ends: one slice holds hardly any of it.
    bottom = np.argwhere(labels[:, :, :8] == Tissue.CORTICAL_BONE)
    places = head.ct.grid.to_world(bottom)
    spine = np.abs(places[:, 1] - places[:, 1].min()) < 45
    assert (regions.number(places[spine]) == 2).all()
    front = places[:, 1] > places[:, 1].min() + 80
    assert front.sum() > 20 and (regions.number(places[front]) == 1).all()


@pytest.mark.parametrize("degrees", [-18.0, 12.0])
def test_a_nodding_head_has_the_same_regions(degrees: float) -> None:
    ct, regions = bent_head().ct, regions_of()
    turn = rigid((degrees, 0, 0), (5.0, -8.0, 40.0))
    nodding = find_regions(Volume(ct.voxels, Grid(ct.grid.shape, turn @ ct.affine), "HU"))
    assert nodding is not None
    assert nodding.nod - regions.nod == pytest.approx(degrees, abs=4)
    points = ct.grid.to_world(np.argwhere(ct.voxels > -300))
    turned = points @ turn[:3, :3].T + turn[:3, 3]
    assert (nodding.number(turned) == regions.number(points)).mean() > 0.95


def test_thick_slices_and_another_grid_give_the_same_regions() -> None:
    ct, regions = bent_head().ct, regions_of()
    thick = Volume(
        ct.voxels[:, :, ::2], Grid((76, 80, 36), ct.affine @ np.diag([1, 1, 2, 1])), "HU"
    )
    found = find_regions(thick)
    assert found is not None
    np.testing.assert_allclose(found.floor, regions.floor, atol=4.0)
    assert found.nod == pytest.approx(regions.nod, abs=3)


def test_a_scan_that_ends_above_the_skulls_floor_is_all_skull() -> None:
    ct = bent_head().ct
    assert find_regions(ct.cropped((slice(0, 76), slice(0, 80), slice(30, 72)))) is None


def test_what_is_no_head_has_no_regions() -> None:
    grid = Grid((60, 60, 60), np.diag([3.0, 3.0, 3.0, 1.0]))
    away = np.linalg.norm(np.indices(grid.shape) - 29.5, axis=0) * 3
    ball = np.where(away < 70, 40, -1000).astype(np.int16)
    with pytest.raises(RegistrationError, match="bone encloses 0% of the largest space"):
        find_regions(Volume(ball, grid, "HU"))
    with pytest.raises(RegistrationError, match="the largest space of soft tissue has"):
        find_regions(Volume(np.where(away < 30, 40, -1000).astype(np.int16), grid, "HU"))
    with pytest.raises(RegistrationError, match="no space of soft tissue"):
        find_regions(Volume(np.full(grid.shape, -1000, np.int16), grid, "HU"))


def test_numbers_on_an_oblique_grid_are_those_of_its_points() -> None:
    regions = regions_of()
    grid = oblique_grid(shape=(21, 24, 30), spacing=(9.0, 8.0, 7.0))
    affine = grid.affine.copy()
    affine[:3, 3] = -affine[:3, :3] @ (np.array(grid.shape) / 2)
    grid = Grid(grid.shape, affine)
    number = regions.on(grid)
    for index in ((0, 0, 0), (20, 23, 29), (10, 4, 2), (9, 20, 3)):
        assert number[index] == regions.number(grid.to_world(index))
    assert set(np.unique(number)) == {0, 1, 2}
