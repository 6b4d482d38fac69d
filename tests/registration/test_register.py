import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from analytic_head import TRUE, error, head_pair, rigid, scan, t2_scan, turned
from mrtoct.errors import RegistrationError, ValueRangeError
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.transforms import read_transform
from mrtoct.registration.register import LEVELS, RegistrationSettings, register
from mrtoct.registration.starts import StartSettings
from mrtoct.volume import Volume

COARSE = RegistrationSettings(levels=LEVELS[:2])  # 4 mm: enough to tell right from wrong
NEAR = RegistrationSettings(levels=LEVELS[:2], starts=StartSettings(search="near"))


@pytest.fixture(scope="module")
def pair() -> tuple[Volume, Volume]:
    return head_pair()


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
        register(*pair, RegistrationSettings(LEVELS[:1], starts=NEAR.starts, seed=7))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.transform, second.transform)
    assert first.metric == second.metric
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_an_initial_transform_reaches_what_centres_cannot(pair: tuple[Volume, Volume]) -> None:
    # The MR's world is turned by 150 degrees: no upright start is near the truth.
    turn = rigid((0.0, 0.0, 150.0), (300.0, 20.0, -50.0))
    ct, mr = pair
    mr = turned(mr, turn)
    lost = register(ct, mr, RegistrationSettings(starts=NEAR.starts))
    assert error(lost.transform, turn @ TRUE) > 20
    assert lost.searched == "near"
    assert lost.verdict == "doubtful", lost.reason
    guess = turn @ rigid((0.0, 8.0, 0.0), (10.0, 0.0, -10.0)) @ TRUE
    found = register(ct, mr, COARSE, initial=guess)
    assert error(found.transform, turn @ TRUE) < 2.0
    assert found.verdict == "good", found.reason


def test_a_turned_patient_is_found_by_a_second_look(pair: tuple[Volume, Volume]) -> None:
    turn = rigid((180.0, 0.0, 0.0), (0.0, 30.0, 60.0))
    ct, mr = pair
    found = register(ct, turned(mr, turn), COARSE)
    assert error(found.transform, turn @ TRUE) < 2.0
    assert (found.searched, found.verdict) == ("wide", "good"), found.reason
    assert found.starts == 14 + 46


def test_another_channel_is_registered_to_the_first(pair: tuple[Volume, Volume]) -> None:
    _, mr = pair
    move = rigid((-4.0, 5.0, 3.0), (6.0, -4.0, 7.0))
    moved = turned(t2_scan(), move)
    found = register(mr, moved, COARSE)
    assert error(found.transform, move) < 1.5
    assert error(np.eye(4), move) > 8
    assert found.verdict == "good", found.reason


def test_a_mirrored_head_is_doubtful(pair: tuple[Volume, Volume]) -> None:
    ct, mr = pair
    right = register(ct, mr, NEAR)
    flipped = register(ct, mr.with_voxels(mr.voxels[::-1]), NEAR)
    assert right.mirrored < 1 < flipped.mirrored
    assert flipped.verdict == "doubtful"


def test_coverage_counts_the_body_inside_the_mr(pair: tuple[Volume, Volume]) -> None:
    ct, mr = pair
    low, high = 8, 30
    cut = mr.cropped((slice(0, 97), slice(0, 103), slice(low, high)))
    found = register(ct, cut, COARSE)
    assert error(found.transform) < 2.5
    body = scan(ct.grid, np.eye(4), 2, -1000.0) > -300
    index = mr.grid.to_index(ct.grid.to_world(np.argwhere(body)) @ TRUE[:3, :3].T + TRUE[:3, 3])
    expected = ((index[:, 2] >= low - 0.5) & (index[:, 2] <= high - 0.5)).mean()
    assert 0.3 < expected < 0.8
    assert found.coverage == pytest.approx(expected, abs=0.03)


def test_a_path_and_an_image_are_registered_as_the_volumes_are(
    pair: tuple[Volume, Volume], tmp_path: Path
) -> None:
    settings = RegistrationSettings(LEVELS[:1], starts=NEAR.starts)
    ct, mr = pair
    write_volume(tmp_path / "ct.nii", ct)
    expected = register(read_volume(tmp_path / "ct.nii", "HU"), mr, settings)
    found = register(str(tmp_path / "ct.nii"), mr.to_simpleitk(), settings)
    np.testing.assert_allclose(found.transform, expected.transform, atol=0.05)
    with pytest.raises(ValueRangeError, match=r"the moving MR is in HU, it must be in a\.u\."):
        register(mr, ct, settings)
    with pytest.raises(ValueRangeError, match="the fixed volume is in label, it must be in HU or"):
        register(ct.with_voxels(ct.voxels, "label"), mr, settings)


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
    assert register(ct, mr.with_voxels(noise), NEAR).verdict == "doubtful"


def test_importing_does_not_import_torch() -> None:
    code = "import sys, mrtoct.registration.register; sys.exit('torch' in sys.modules)"
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
