import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from mrtoct.errors import RegistrationError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.register import LEVELS, RegistrationSettings, register
from mrtoct.prepare.registration_verdict import judge
from mrtoct.prepare.starts import StartSettings
from mrtoct.volume import Grid, Volume

# Ellipsoids (centre, half axes in mm), painted in this order: HU and T1-like signal. The head is
# asymmetric in every direction, so that exactly one pose is right.
HEAD = [
    ((0, 0, 0), (78, 98, 90), 30.0, 700.0),  # scalp
    ((0, 92, -30), (14, 22, 24), 30.0, 650.0),  # nose
    ((0, 0, 2), (72, 92, 84), 1000.0, 20.0),  # skull
    ((0, 0, 3), (66, 86, 78), 5.0, 150.0),  # cerebrospinal fluid
    ((31, 0, 6), (29, 78, 66), 38.0, 420.0),  # brain
    ((-31, -4, 6), (29, 76, 66), 38.0, 420.0),
    ((0, -44, -46), (40, 28, 20), 42.0, 400.0),  # cerebellum
    ((12, 10, 15), (9, 32, 14), 8.0, 120.0),  # ventricles
    ((-14, 6, 12), (8, 26, 12), 8.0, 120.0),
    ((30, -40, 30), (14, 10, 12), 60.0, 250.0),  # lesion
    ((34, 70, -28), (14, 14, 13), 5.0, 130.0),  # eyes
    ((-34, 70, -28), (14, 14, 13), 5.0, 130.0),
    ((0, 66, -52), (20, 18, 20), -1000.0, 10.0),  # nasal air
    ((48, -10, -50), (14, 20, 18), 900.0, 30.0),  # skull base
    ((-48, -10, -50), (14, 20, 18), 900.0, 30.0),
]


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def scan(grid: Grid, world_to_head: np.ndarray, channel: int, background: float) -> np.ndarray:
    """Evaluate the head at a grid's voxel centres; channel 2 is HU, 3 is MR signal."""
    average = np.zeros(grid.shape)
    for part in (-1 / 3, 0, 1 / 3):  # a thick slice averages over its thickness
        points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1) + np.array([0, 0, part]))
        points = points @ world_to_head[:3, :3].T + world_to_head[:3, 3]
        voxels = np.full(grid.shape, background)
        for tissue in HEAD:
            center, half = np.array(tissue[0]), np.array(tissue[1])
            voxels[(((points - center) / half) ** 2).sum(axis=-1) < 1] = tissue[channel]
        average += voxels / 3
    return average


def grid_at(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], pose: np.ndarray
) -> Grid:
    affine = pose @ np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])  # LPS-like: flipped axes
    affine[:3, 3] = pose[:3, 3] - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


TRUE = rigid((11.0, -6.0, 9.0), (14.0, -9.0, 8.0))  # CT point to MR point


@pytest.fixture(scope="module")
def pair() -> tuple[Volume, Volume]:
    rng = np.random.default_rng(4)
    ct_grid = grid_at((101, 111, 45), (2.1, 2.1, 4.0), rigid((3, -2, 5), (2, 5, 7)))
    mr_grid = grid_at((97, 103, 47), (2.2, 2.2, 4.1), rigid((-6, 4, 8), (12, 3, 5)))
    hu = scan(ct_grid, np.eye(4), 2, -1000.0) + rng.normal(0, 10, ct_grid.shape)
    hu[:, 6:8, :] = -250.0  # a table behind the head
    hu[:6, :, :] = -3024.0  # padding
    signal = scan(mr_grid, np.linalg.inv(TRUE), 3, 0.0)
    noise = rng.normal(0, 15, (2, *mr_grid.shape))
    return (
        Volume(hu.astype(np.int16), ct_grid, "HU"),
        Volume(np.hypot(signal + noise[0], noise[1]).astype(np.int16), mr_grid, "a.u."),
    )


def error(found: np.ndarray, true: np.ndarray = TRUE) -> float:
    """Mean displacement in mm over the corners of the head's box."""
    corners = np.array([[x, y, z] for x in (-78, 78) for y in (-98, 98) for z in (-90, 90)])
    difference = corners @ (found - true)[:3, :3].T + (found - true)[:3, 3]
    return float(np.linalg.norm(difference, axis=1).mean())


def test_finds_the_pose_and_calls_it_good(pair: tuple[Volume, Volume]) -> None:
    found = register(*pair)
    assert error(found.transform) < 1.0  # a quarter of a slice
    assert error(np.eye(4)) > 25  # it was not given
    assert found.verdict == "good", found.reason
    assert found.agreeing > found.starts / 2
    np.testing.assert_allclose(
        found.transform[:3, :3] @ found.transform[:3, :3].T, np.eye(3), atol=1e-12
    )


def test_the_same_seed_gives_the_same_result_and_threads_stay(pair: tuple[Volume, Volume]) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, second = (
        register(*pair, RegistrationSettings(levels=LEVELS[:2], seed=7)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.transform, second.transform)
    assert first.metric == second.metric
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_an_initial_transform_reaches_what_centres_cannot(pair: tuple[Volume, Volume]) -> None:
    # The MR's world is turned by 150 degrees: no upright start is near the truth.
    turn = rigid((0.0, 0.0, 150.0), (300.0, 20.0, -50.0))
    ct, mr = pair
    mr = Volume(mr.voxels, Grid(mr.grid.shape, turn @ mr.affine), "a.u.")
    lost = register(ct, mr)
    assert error(lost.transform, turn @ TRUE) > 20
    assert lost.verdict == "doubtful", lost.reason
    guess = turn @ rigid((0.0, 8.0, 0.0), (10.0, 0.0, -10.0)) @ TRUE
    found = register(ct, mr, initial=guess)
    assert error(found.transform, turn @ TRUE) < 1.0
    assert found.verdict == "good", found.reason


def test_a_wide_search_finds_a_turned_patient(pair: tuple[Volume, Volume]) -> None:
    turn = rigid((180.0, 0.0, 0.0), (0.0, 30.0, 60.0))
    ct, mr = pair
    mr = Volume(mr.voxels, Grid(mr.grid.shape, turn @ mr.affine), "a.u.")
    found = register(ct, mr, RegistrationSettings(starts=StartSettings(search="wide", tilt=0.0)))
    assert error(found.transform, turn @ TRUE) < 1.0
    assert found.starts == 48


def test_coverage_counts_the_body_inside_the_mr(pair: tuple[Volume, Volume]) -> None:
    ct, mr = pair
    low, high = 8, 30
    cut = mr.cropped((slice(0, 97), slice(0, 103), slice(low, high)))
    found = register(ct, cut)
    assert error(found.transform) < 1.5
    body = scan(ct.grid, np.eye(4), 2, -1000.0) > -300
    index = mr.grid.to_index(ct.grid.to_world(np.argwhere(body)) @ TRUE[:3, :3].T + TRUE[:3, 3])
    expected = ((index[:, 2] >= low - 0.5) & (index[:, 2] <= high - 0.5)).mean()
    assert 0.3 < expected < 0.8
    assert found.coverage == pytest.approx(expected, abs=0.03)


def test_refuses_what_cannot_be_registered(pair: tuple[Volume, Volume]) -> None:
    ct, mr = pair
    with pytest.raises(RegistrationError, match="constant"):
        register(ct, mr.with_voxels(np.full(mr.grid.shape, 5)))
    with pytest.raises(RegistrationError, match="Hounsfield"):
        register(ct.with_voxels(np.full(ct.grid.shape, -1000)), mr)
    with pytest.raises(RegistrationError, match=r"covers at most \d+%"):
        register(ct, mr.cropped((slice(0, 97), slice(0, 103), slice(20, 24))))


def test_noise_is_doubtful(pair: tuple[Volume, Volume]) -> None:
    ct, mr = pair
    noise = np.random.default_rng(1).normal(size=mr.grid.shape)
    assert register(ct, mr.with_voxels(noise)).verdict == "doubtful"


@pytest.mark.parametrize(
    ("contrast", "agreeing", "rival", "verdict", "word"),
    [
        (0.35, 9, 0.8, "good", "9 of 14"),
        (0.22, 2, 0.77, "good", "2 of 14"),
        (0.22, 14, float("nan"), "doubtful", "wider search"),
        (0.22, 14, 0.95, "doubtful", "wider search"),
        (0.22, 1, 0.77, "doubtful", "wider search"),
        (0.12, 14, 0.5, "doubtful", "12%"),
        (0.35, 1, float("nan"), "good", "1 of 14"),
        (0.35, 5, 0.99, "doubtful", "99%"),
    ],
)
def test_verdict(contrast: float, agreeing: int, rival: float, verdict: str, word: str) -> None:
    given, reason = judge(contrast, agreeing, 14, rival)
    assert given == verdict
    assert word in reason


def test_importing_does_not_import_torch() -> None:
    code = "import sys, mrtoct.prepare.register; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_real_object_in_opposite_positions(real_data: Path) -> None:
    folder = real_data / "pork_phantom_ct_mr"
    ct = read_volume(folder / "ct_full.nii.gz", "HU")
    mr = read_volume(folder / "mr_t2_full.nii.gz", "a.u.")
    found = register(ct, mr, RegistrationSettings(starts=StartSettings(search="wide")))
    difference = found.transform - read_transform(folder / "ct_to_mr.tfm")
    corners = ct.grid.corners() * 0.6 + ct.grid.center * 0.4  # about the object's box
    apart = np.linalg.norm(corners @ difference[:3, :3].T + difference[:3, 3], axis=1)
    assert apart.mean() < 2.0  # the reference itself was checked by eye only
    assert found.verdict == "good", found.reason
