import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.registration.starts import joined, near_starts, other_positions, start_at, targets
from mrtoct.volume import Volume
from volumes import oblique_grid


def test_targets_are_the_centres_or_where_the_initial_transform_says() -> None:
    fixed = Volume(np.full((8, 9, 7), 40), oblique_grid((8, 9, 7), (20, 20, 20)), "HU")
    signal = np.zeros((10, 10, 10))
    signal[6:9, 2:7, 1:6] = 100
    moving = Volume(signal, oblique_grid((10, 10, 10), (15, 15, 15)), "a.u.")
    center = np.array([3.0, 4.0, 5.0])
    of_grids, of_mass = targets(fixed, moving, center, None)
    np.testing.assert_allclose(of_grids, moving.grid.center + center - fixed.grid.center)
    expected = moving.grid.to_world(np.argwhere(signal > 0).mean(axis=0))
    np.testing.assert_allclose(of_mass, expected, atol=8)
    initial = np.array([[0, -1, 0, 10], [1, 0, 0, 20], [0, 0, 1, 30], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(targets(fixed, moving, center, initial), [[6, 23, 35]])


def test_starts_lean_and_turn_about_what_is_upright() -> None:
    goals = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    upright = Rotation.from_euler("z", 150, degrees=True).as_matrix()
    near = near_starts(upright, goals, 15.0)
    angles = Rotation.from_matrix(near.rotations @ upright.T).magnitude()
    np.testing.assert_allclose(np.sort(np.rad2deg(angles)), [0] * 2 + [15] * 12, atol=1e-6)
    np.testing.assert_array_equal(near.positions, np.tile(goals, (7, 1)))
    others = other_positions(upright, goals)
    turns = np.rint(others.rotations @ upright.T)
    assert len({tuple(t.ravel()) for t in turns}) == 23
    assert not (turns == np.eye(3)).all(axis=(1, 2)).any()
    np.testing.assert_allclose(np.linalg.det(others.rotations), 1)


def test_joined_starts_keep_their_votes() -> None:
    pose = np.eye(4)
    pose[:3, 3] = (7, 8, 9)
    both = joined(start_at(pose, 5), near_starts(np.eye(3), np.zeros((1, 3)), 0.0))
    np.testing.assert_array_equal(both.votes, [5, 1])
    np.testing.assert_array_equal(both.positions, [[7, 8, 9], [0, 0, 0]])
