"""What a slice shows, and where it is cut, whatever the order of the axes in the file."""

import itertools

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.report.slices import (
    at_depth,
    at_height,
    extent,
    levels,
    picture,
    richest,
    richest_depth,
    upright,
)
from mrtoct.volume import Grid, Volume

SPACING = np.array([2.0, 3.0, 5.0])
# Which picture's side a point is near: (plane, axis of rows and its sign, axis of columns).
# Rows run down: a point above has a low row. Right is on the left, in sagittal cuts the front.
SEEN = {"transverse": (1, 0), "coronal": (2, 0), "sagittal": (2, 1)}


def grid_of(order, signs):
    """An oblique grid whose I, J, K run along any world axes, in either direction."""
    tilt = np.deg2rad(8)
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    affine = np.eye(4)
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        affine[:3, column] = turn[:, axis] * sign * SPACING[axis]
    shape = tuple(np.array((19, 17, 15))[list(order)])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_right_is_on_the_left_and_the_front_above_however_stored(order, signs):
    grid = grid_of(order, signs)
    point = np.array([10.0, 12.0, 20.0])  # right, front, up
    voxels = np.zeros(grid.shape)
    voxels[tuple(np.rint(grid.to_index(point)).astype(int))] = 1
    mask = Volume(np.ones(grid.shape, bool), grid, "label")
    found = upright({"v": Volume(voxels, grid, "a.u.")}, mask)["v"]
    assert found.grid.shape == (19, 17, 15)
    index = np.argwhere(found.voxels)[0]
    for plane, (up, across) in SEEN.items():
        (axis,) = {0, 1, 2} - {up, across}
        cut = picture(found, plane, int(index[axis]))
        assert cut.shape == (found.grid.shape[up], found.grid.shape[across])
        row, column = np.argwhere(cut)[0]
        assert row == cut.shape[0] - 1 - index[up]
        assert column == cut.shape[1] - 1 - index[across]
        assert row < cut.shape[0] / 2 and column < cut.shape[1] / 2
        expected = (found.grid.shape[across] * SPACING[across], found.grid.shape[up] * SPACING[up])
        assert extent(found, plane) == pytest.approx(expected)


def test_heights_and_depths_count_slices_of_the_mask():
    inside = np.zeros((5, 7, 21), bool)
    inside[1:4, 2:5, 4:15] = True  # slices 4 to 14
    assert [at_height(inside, "transverse", f) for f in (0, 0.5, 1)] == [4, 9, 14]
    assert [at_height(inside, "sagittal", f) for f in (0, 1)] == [1, 3]
    assert [at_depth(inside, d, 2.5) for d in (0, 10, 24, 1000)] == [14, 10, 4, 4]
    assert at_height(np.zeros((3, 3, 3), bool), "coronal", 0.5) == 0
    with pytest.raises(ValueRangeError, match="0 mm or more, got -1"):
        at_depth(inside, -1, 2.5)


def test_the_richest_slice_lies_in_the_part_that_is_looked_at():
    inside = np.ones((9, 11, 41), bool)
    detail = np.zeros_like(inside)
    detail[2:5, 3:6, 17:20] = True
    detail[:, :, 40] = True  # a cut along the skull, outside the part
    assert richest(inside, detail, "transverse", (0.15, 0.6), 1.0) == 18
    # Detail outside the mask does not count, and nothing to see means the middle.
    inside[:, :, 15:25] = False
    assert richest(inside, detail, "transverse", (0.15, 0.6), 1.0) == 16
    assert richest(np.ones((9, 11, 41), bool), detail * False, "coronal", (0.4, 0.6), 1.0) == 5


def test_levels_follow_the_anatomy():
    inside = np.ones((21, 31, 41), bool)
    detail = np.zeros_like(inside)
    detail[9:12, 15:19, 10:13] = True
    assert levels(inside, detail, (3.0, 2.0, 1.0)) == [
        ("transverse", 28),
        ("transverse", 11),
        ("coronal", 16),
        ("sagittal", 10),
    ]


def test_one_depth_is_best_for_all_at_any_spacing():
    made = []
    for spacing, top in ((1.0, 200), (4.0, 50)):
        inside = np.zeros((5, 5, top + 3), bool)
        inside[..., :top] = True
        detail = np.zeros_like(inside)
        low, high = (top - 1 - round(d / spacing) for d in (124, 100))
        detail[1:4, 1:4, low : high + 1] = True
        made.append((inside, detail, spacing))
    # Of 100 to 124 mm below the top, the middle; depths are tried about 2 mm apart.
    assert richest_depth(made) == pytest.approx(112, abs=6)
    assert richest_depth([(i, d, s) for i, d, s in made[1:]]) == pytest.approx(112, abs=8)
