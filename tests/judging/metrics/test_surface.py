"""The Hausdorff distance against brute force and against distance transforms."""

import math

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.judging.metrics.surface import hd95
from mrtoct.volume import Grid
from volumes import oblique_grid


def brute_force(first, second, grid):
    """Loop over voxels, look at the six neighbours, take every distance."""

    def surface(structure):
        points = []
        for index in np.argwhere(structure):
            for axis in range(3):
                for step in (-1, 1):
                    other = index.copy()
                    other[axis] += step
                    if not 0 <= other[axis] < structure.shape[axis] or not structure[*other]:
                        points.append(tuple(grid.affine[:3, :3] @ index + grid.affine[:3, 3]))
        return np.array(sorted(set(points)))

    one, two = surface(first), surface(second)
    distances = np.linalg.norm(one[:, None] - two[None], axis=-1)
    there, back = distances.min(axis=1), distances.min(axis=0)
    return max(np.percentile(there, 95), np.percentile(back, 95))


SHEARED = Grid(
    (9, 7, 11),
    np.array([[1.8, 0.3, 0, -20], [-0.3, 1.8, 0.2, 11], [0, -0.2, 2.4, 5], [0, 0, 0, 1]]),
)


@pytest.mark.parametrize("grid", [oblique_grid((11, 8, 7)), SHEARED], ids=["oblique", "sheared"])
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_brute_force_on_ragged_shapes(grid, seed):
    generator = np.random.default_rng(seed)
    first, second = (
        ndimage.gaussian_filter(generator.normal(0, 1, grid.shape), 1.2) > level
        for level in (0.02, 0.1)
    )
    assert first.any()
    assert second.any()
    expected = brute_force(first, second, grid)
    assert hd95(first, second, grid) == pytest.approx(expected, rel=1e-9)
    assert hd95(second, first, grid) == pytest.approx(expected, rel=1e-9)


def test_agrees_with_distance_transforms_on_thick_slices():
    generator = np.random.default_rng(3)
    shape, spacing = (40, 35, 15), (0.9, 1.1, 4.0)
    first, second = (
        ndimage.gaussian_filter(generator.normal(0, 1, shape), (4, 3, 1)) > 0.03 for _ in range(2)
    )
    edges = [s & ~ndimage.binary_erosion(s) for s in (first, second)]
    far = [ndimage.distance_transform_edt(~e, sampling=spacing) for e in edges]
    expected = max(np.percentile(far[1][edges[0]], 95), np.percentile(far[0][edges[1]], 95))
    found = hd95(first, second, Grid(shape, np.diag([*spacing, 1.0])))
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_moved_box_is_as_far_as_it_was_moved():
    grid = Grid((20, 9, 9), np.diag([1.5, 1, 1, 1.0]))
    box = np.zeros(grid.shape, dtype=bool)
    box[2:6, 2:7, 2:7] = True
    assert hd95(box, box, grid) == 0
    assert hd95(box, np.roll(box, 4, axis=0), grid) == pytest.approx(4 * 1.5)


def test_a_small_part_that_one_lacks_is_not_hidden_by_the_larger_surface():
    grid = Grid((60, 60, 40), np.eye(4))
    first = np.zeros(grid.shape, dtype=bool)
    first[5, 5:14, 5:14] = True  # a plate of 81 voxels in both
    second = first.copy()
    second[30, 5:9, 5:7] = True  # 8 more, far away: 9 % of its surface, 4.7 % of both together
    assert hd95(first, second, grid) == pytest.approx(25)
    assert np.percentile([0] * (81 + 81) + [25] * 8, 95) == 0  # pooled, they would not be seen


def test_what_is_empty_has_no_distance():
    grid = Grid((4, 5, 6), np.eye(4))
    full, none = np.ones(grid.shape, bool), np.zeros(grid.shape, bool)
    for pair in ((full, none), (none, full), (none, none)):
        assert math.isnan(hd95(*pair, grid))
    assert hd95(full, full, grid) == 0
