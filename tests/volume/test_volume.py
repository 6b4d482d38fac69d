"""Grids and volumes: positions, sameness, boxes and what cannot be a grid."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine, voxel_sizes

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.volume import Grid, Volume, require_same_grid, storable
from volumes import oblique_grid, random_volume


def test_positions_agree_with_nibabel_and_return():
    grid = oblique_grid(flip=(1, -1, 1))
    indices = np.random.default_rng(0).uniform(-5, 20, (4, 5, 3))
    points = grid.to_world(indices)
    np.testing.assert_allclose(points, apply_affine(grid.affine, indices), atol=1e-12)
    np.testing.assert_allclose(grid.to_index(points), indices, atol=1e-10)


def test_spacing_volume_and_center():
    grid = oblique_grid(shape=(13, 10, 7), spacing=(0.9, 1.3, 4.0))
    np.testing.assert_allclose(grid.spacing, voxel_sizes(grid.affine))
    assert grid.voxel_volume == pytest.approx(0.9 * 1.3 * 4.0)
    np.testing.assert_allclose(grid.center, grid.to_world([6, 4.5, 3]), atol=1e-12)


def test_outer_corners_span_the_whole_voxels():
    grid = Grid((3, 4, 5), np.diag([2.0, 3.0, 4.0, 1.0]))
    assert grid.corners().min(0).tolist() == [0, 0, 0]
    assert grid.corners().max(0).tolist() == [4, 9, 16]
    assert grid.corners(outer=True).min(0).tolist() == [-1, -1.5, -2]
    assert grid.corners(outer=True).max(0).tolist() == [5, 10.5, 18]
    assert len(np.unique(grid.corners(), axis=0)) == 8


def test_a_box_is_filled_evenly_by_whole_voxels():
    grid = Grid.from_box((-10, 0, 5), (10, 7, 5.5), (4.0, 2.0, 1.0))
    assert grid.shape == (5, 4, 1)
    ends = grid.corners(outer=True)
    np.testing.assert_allclose(ends.min(0), (-10, -0.5, 4.75))
    np.testing.assert_allclose(ends.max(0), (10, 7.5, 5.75))


@pytest.mark.parametrize(
    ("low", "high", "spacing"),
    [
        ((0, 0, 0), (1, 1, 1), (1, 0, 1)),
        ((0, 0, 0), (1, 1, 1), (1, -1, 1)),
        ((0, 2, 0), (1, 1, 1), (1, 1, 1)),
        ((0, np.nan, 0), (1, 1, 1), (1, 1, 1)),
        ((0, 0, 0), (1, np.inf, 1), (1, 1, 1)),
        ((0, 0, 0), (1, 1, 1), (1, np.nan, 1)),
    ],
)
def test_an_impossible_box_is_refused(low, high, spacing):
    with pytest.raises(GeometryError, match="a box needs"):
        Grid.from_box(low, high, spacing)


def affine_with(**entries: float) -> np.ndarray:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    for name, value in entries.items():
        affine[int(name[1]), int(name[2])] = value
    return affine


@pytest.mark.parametrize(
    ("shape", "affine"),
    [
        ((3, 4), np.eye(4)),
        ((3, 4, 0), np.eye(4)),
        ((3, 4, -1), np.eye(4)),
        ((3, 4, 5), np.eye(3)),
        ((3, 4, 5), affine_with(a00=0)),
        ((3, 4, 5), affine_with(a03=np.nan)),
        ((3, 4, 5), affine_with(a03=np.inf)),
        ((3, 4, 5), affine_with(a11=1e300)),
        ((3, 4, 5), affine_with(a32=1)),
        ((3, 4, 5), affine_with(a01=2, a11=0)),  # the second axis repeats the first
        ((3, 4, 5), affine_with(a01=2, a11=1e-4)),  # and almost repeats it
    ],
)
def test_what_is_no_grid_is_refused_in_one_line(shape, affine):
    with pytest.raises(GeometryError) as caught:
        Grid(shape, affine)
    assert "\n" not in str(caught.value)


def test_a_sheared_and_a_left_handed_grid_are_grids():
    sheared = Grid((3, 4, 5), affine_with(a01=1.0))
    assert sheared.spacing == pytest.approx((1, np.sqrt(5), 3))
    assert Grid((3, 4, 5), np.diag([-1.0, 1, 1, 1])).voxel_volume == 1


def test_the_affine_cannot_be_changed_from_outside():
    affine = np.eye(4)
    grid = Grid((3, 4, 5), affine)
    affine[0, 3] = 7
    assert grid.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 3] = 7


def test_same_grid_up_to_rounding():
    grid = oblique_grid()
    require_same_grid(grid, Grid(grid.shape, grid.affine.astype(np.float32)), "CT", "MR")
    moved = grid.affine.copy()
    moved[0, 3] += 0.02
    with pytest.raises(GeometryError, match=r"CT .* and MR .* corners up to 0\.02 mm apart"):
        require_same_grid(grid, Grid(grid.shape, moved), "CT", "MR")
    with pytest.raises(GeometryError, match="different grids;"):
        require_same_grid(grid, oblique_grid(shape=(13, 10, 8)), "CT", "MR")


def test_one_slice_of_another_thickness_is_another_grid():
    thin, thick = (Grid((5, 5, 1), np.diag([1, 1, k, 1.0])) for k in (1, 4))
    assert not thin.matches(thick)


def test_a_turned_grid_is_another_grid():
    upright = Grid((5, 5, 5), np.eye(4))
    turned = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    assert not upright.matches(Grid((5, 5, 5), turned))


def test_cropped_voxels_stay_where_they_were():
    volume = random_volume(oblique_grid(flip=(-1, 1, 1)))
    part = volume.cropped((slice(2, 9), slice(0, 10), slice(3, 4)))
    assert part.grid.shape == (7, 10, 1)
    for index in np.ndindex(part.grid.shape):
        whole = np.rint(volume.grid.to_index(part.grid.to_world(index))).astype(int)
        assert volume.voxels[tuple(whole)] == part.voxels[index]


@pytest.mark.parametrize("box", [(-3, -1), (0, 14), (5, 5), (6, 2)])
def test_a_box_beyond_the_grid_is_refused(box):
    volume = random_volume(oblique_grid())
    with pytest.raises(GeometryError, match="inside the grid"):
        volume.cropped((slice(*box), slice(0, 3), slice(0, 3)))


def test_voxels_must_fit_their_grid():
    with pytest.raises(GeometryError, match=r"\(10, 13, 7\) do not fit"):
        Volume(np.zeros((10, 13, 7)), oblique_grid(), "HU")


@pytest.mark.parametrize(
    ("stored", "kept"),
    [("?", "u1"), ("u1", "u1"), (">i2", "i2"), ("i8", "i8"), ("f2", "f4"), (">f8", "f4")],
)
def test_storable_types_keep_their_values(stored, kept):
    voxels = np.array([0, 1, 1, 0]).astype(stored)
    out = storable(voxels)
    assert out.dtype == np.dtype(kept)
    assert out.dtype.isnative
    assert out.tolist() == voxels.tolist()


def test_complex_voxels_are_refused():
    with pytest.raises(ValueRangeError, match="complex"):
        storable(np.zeros((2, 2, 2), complex))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_a_volume_takes_the_order_and_directions_of_another_grid(axes, flips):
    wanted = random_volume(oblique_grid())
    seen = np.zeros(wanted.voxels.shape, bool)
    seen[2:] = True
    wanted = wanted.measured_where(seen)
    image = nibabel.Nifti1Image(wanted.voxels, wanted.affine)
    turned = image.as_reoriented([[axes.index(n), flips[n]] for n in range(3)])
    given = Volume.from_numpy(np.asarray(turned.dataobj), turned.affine, "HU")
    kept = nibabel.Nifti1Image(np.uint8(seen), wanted.affine)
    there = kept.as_reoriented([[axes.index(n), flips[n]] for n in range(3)])
    given = given.measured_where(np.asarray(there.dataobj) > 0)
    same = given.stored_as(wanted.grid)
    assert same.grid.matches(wanted.grid)
    np.testing.assert_array_equal(same.voxels, wanted.voxels)
    np.testing.assert_array_equal(same.measured, seen)


def test_a_volume_on_other_places_stays_as_it_is():
    volume = random_volume(oblique_grid())
    affine = volume.affine.copy()
    affine[:3, 3] += 1
    assert volume.stored_as(Grid(volume.grid.shape, affine)) is volume
