"""Errors of transforms, against points that are moved one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.judging.metrics.registration import distances, head_box, transform_errors
from mrtoct.volume import Array, Volume
from volumes import oblique_grid


def rigid(rotvec: tuple[float, float, float], shift: tuple[float, float, float]) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotvec, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


A = rigid((5.0, -9.0, 3.0), (12.0, -30.0, 7.0))
B = rigid((5.5, -8.0, 2.0), (13.0, -29.5, 7.5))
CORNERS = oblique_grid().corners()


def moved(matrix: Array, point: Array) -> Array:
    return (matrix @ np.append(point, 1))[:3]


def test_each_point_is_moved_by_both() -> None:
    points = np.random.default_rng(1).normal(size=(20, 3)) * 60
    expected = [np.linalg.norm(moved(A, p) - moved(B, p)) for p in points]
    np.testing.assert_allclose(distances(A, B, points), expected, rtol=1e-10)
    errors = transform_errors(A, B, CORNERS, targets=points).targets
    assert errors is not None
    assert errors.mean == pytest.approx(np.mean(expected))
    assert errors.median == pytest.approx(np.median(expected))
    assert errors.maximum == pytest.approx(max(expected))
    assert errors.each == pytest.approx(expected)


def test_a_shift_is_the_same_everywhere() -> None:
    shifted = rigid((0, 0, 0), (3, 4, 0)) @ A
    result = transform_errors(shifted, A, CORNERS, head=CORNERS * 0.5)
    assert result.corners.each == pytest.approx([5.0] * 8)
    assert result.head is not None
    assert (result.head.mean, result.head.median, result.head.maximum) == pytest.approx((5, 5, 5))
    assert result.rotation == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("angle", [1e-4, 0.5, 90.0, 179.0])
def test_the_rotation_between(angle: float) -> None:
    turned = A @ rigid((0.0, 0.6 * angle, 0.8 * angle), (1, 2, 3))
    assert transform_errors(turned, A, CORNERS).rotation == pytest.approx(angle, rel=1e-4)


def test_over_a_box_every_point_counts_alike() -> None:
    # Against a dense sample of the box, and the largest is found at a corner.
    grid = oblique_grid(shape=(40, 50, 30), spacing=(4.0, 4.0, 4.0))
    head = grid.corners(outer=True)
    result = transform_errors(A, B, CORNERS, head=head).head
    assert result is not None
    inside = np.random.default_rng(2).uniform(-0.5, np.array(grid.shape) - 0.5, (20_000, 3))
    sample = distances(A, B, grid.to_world(inside))
    assert result.mean == pytest.approx(sample.mean(), rel=0.04)
    assert result.median == pytest.approx(np.median(sample), rel=0.04)
    assert result.maximum == pytest.approx(distances(A, B, head).max(), rel=1e-12)
    assert result.maximum >= sample.max()


def test_the_head_box_is_the_masks_outside() -> None:
    grid = oblique_grid()
    voxels = np.zeros(grid.shape, bool)
    voxels[3, 4, 2] = voxels[5, 8, 2] = True
    box = head_box(Volume(voxels, grid, "label"))
    ends = [(2.5, 5.5), (3.5, 8.5), (1.5, 2.5)]
    expected = [(i, j, k) for k in ends[2] for j in ends[1] for i in ends[0]]
    np.testing.assert_allclose(grid.to_index(box), expected, atol=1e-9)
    with pytest.raises(GeometryError, match="empty"):
        head_box(Volume(np.zeros(grid.shape, bool), grid, "label"))


@pytest.mark.parametrize("points", [np.zeros((0, 3)), np.zeros((4, 2)), np.zeros(3)])
def test_points_are_rows_of_three(points: Array) -> None:
    with pytest.raises(ValueRangeError, match="rows of x, y, z"):
        distances(A, B, points)
