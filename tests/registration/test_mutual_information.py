from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.spatial.transform import Rotation

from mrtoct.registration.mutual_information import (
    BINS,
    Poses,
    climb,
    evaluate,
    hinged,
    information,
    make_pair,
    rotation_matrices,
)
from mrtoct.volume import Grid, Volume


def reference(fixed: np.ndarray, values: np.ndarray) -> float:
    """Mutual information in nats from scipy's B-splines and a plain double loop's histogram."""
    spline = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)
    joint = np.zeros((BINS, BINS))
    for f, v in zip(fixed, values, strict=True):
        joint[f] += np.nan_to_num(spline(1 + v * (BINS - 4) - np.arange(BINS)))
    joint /= joint.sum()
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    full = joint > 0
    return float((joint[full] * np.log(joint[full] / alone[full])).sum())


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    fixed = rng.integers(0, BINS, 300)
    return fixed, np.clip(fixed / BINS + rng.normal(0, 0.1, 300), 0, 1)


def test_information_of_two_poses_leaves_out_what_is_outside() -> None:
    fixed, values = samples()
    inside = np.random.default_rng(1).uniform(size=300) < 0.7
    result = information(
        torch.from_numpy(fixed * BINS),
        torch.from_numpy(np.stack([values, values[::-1].copy()])),
        torch.from_numpy(np.stack([inside, np.ones(300, dtype=bool)])),
    )
    expected = [reference(fixed[inside], values[inside]), reference(fixed, values[::-1])]
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_the_gradient_is_that_of_the_value() -> None:
    fixed, values = samples()
    everywhere = torch.ones(1, 300, dtype=torch.bool)

    def metric(v: torch.Tensor) -> torch.Tensor:
        return information(torch.from_numpy(fixed * BINS), v, everywhere)

    # Away from the clipped ends, where the value may not move.
    inner = torch.from_numpy(np.clip(values, 0.05, 0.95))[None].requires_grad_(True)
    assert torch.autograd.gradcheck(metric, (inner,), atol=1e-6)


def test_hinged_points_go_part_of_the_way() -> None:
    rng = np.random.default_rng(5)
    volume = Volume(
        rng.uniform(size=(9, 8, 7)).astype(np.float32), Grid((9, 8, 7), np.eye(4)), "a.u."
    )
    center = np.array([4.0, 3.5, 3.0])
    points = rng.uniform(2, 5, (1, 400, 3))
    share = rng.uniform(size=(1, 400))
    pose, still = np.eye(4), np.eye(4)
    pose[:3, 3], still[:3, 3] = center + np.array([1.0, 0.5, 0.0]), center
    # By hand: each point shifted by its share, and all of it followed.
    by_hand = make_pair(volume, volume, points, center)
    shifted = points + share[..., None] * np.array([1.0, 0.5, 0.0])
    moved = replace(by_hand, points=make_pair(volume, volume, shifted, center).points)
    one = slice(0, 1)
    expected, _ = evaluate(moved, torch.from_numpy(still[None].astype(np.float32)), one)
    pair = hinged(by_hand, share, still)
    found, _ = evaluate(pair, torch.from_numpy(pose[None].astype(np.float32)), one)
    rigid, _ = evaluate(by_hand, torch.from_numpy(pose[None].astype(np.float32)), one)
    assert float(found) == pytest.approx(float(expected), abs=1e-4)
    assert abs(float(rigid) - float(expected)) > 0.01


def test_rotation_vectors_follow_rodrigues() -> None:
    vectors = np.random.default_rng(2).normal(size=(5, 3))
    expected = Rotation.from_rotvec(vectors).as_matrix()
    np.testing.assert_allclose(rotation_matrices(torch.from_numpy(vectors)), expected, atol=1e-9)


def test_points_meet_the_moving_voxels_they_belong_to() -> None:
    # The moving volume is its own x coordinate: at the true pose each point's value is known.
    rng = np.random.default_rng(3)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (20, -30, 40), degrees=True).as_matrix() * (2, 3, 5)
    affine[:3, 3] = (10, -20, 30)
    grid = Grid((11, 9, 7), affine)
    x = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))[..., 0]
    low, high = x.min(), x.max()
    moving = Volume((x - low) / (high - low), grid, "a.u.")
    fixed_grid = Grid((40, 40, 40), np.diag([3.0, 3.0, 3.0, 1.0]))
    fixed = Volume(rng.uniform(size=fixed_grid.shape), fixed_grid, "a.u.")
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", 33, degrees=True).as_matrix()
    pose[:3, 3] = (5, 6, 7)
    # Points whose image is well inside the moving grid; one more lies outside it.
    image = grid.to_world(rng.uniform(1, 5, (50, 3)))
    points = np.linalg.solve(pose[:3, :3], (image - pose[:3, 3]).T).T
    points = np.concatenate([points, [[500.0, 0.0, 0.0]]])
    center = np.array([1.0, 2.0, 3.0])
    pair = make_pair(fixed, moving, points[None], center)
    poses = Poses.at(pose[None, :3, :3], (pose[:3, :3] @ center + pose[:3, 3])[None], 80.0)
    metric, overlap = evaluate(pair, poses.matrices(), slice(0, 1))
    assert float(overlap) == np.float32(50 / 51)
    values = (image[:, 0] - low) / (high - low)
    np.testing.assert_allclose(
        metric, reference(pair.fixed_bins[0, :50].numpy() // BINS, values), atol=1e-3
    )


def test_everything_is_computed_where_the_pair_is() -> None:
    """On torch's device without memory a tensor left elsewhere is an error, as it is on a GPU."""
    grid = Grid((9, 8, 7), np.diag([2.0, 2.0, 3.0, 1.0]))
    rng = np.random.default_rng(4)
    volume = Volume(rng.random(grid.shape, dtype=np.float32), grid, "a.u.")
    points = rng.uniform(2, 10, (2, 50, 3))
    pair = make_pair(volume, volume, points, np.full(3, 6.0), "meta")
    poses = Poses.at(np.stack([np.eye(3)] * 2), np.full((2, 3), 6.0), 80.0)
    climbed = climb(pair, poses, 3, 1.0)
    metric, overlap = evaluate(pair, climbed.matrices(), slice(0, 2))
    for tensor in (climbed.change, climbed.matrices(), metric, overlap):
        assert tensor.device.type == "meta"
