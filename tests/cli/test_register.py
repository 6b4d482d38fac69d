"""mrtoct register: what it writes agrees with what it says, and bad requests write nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread

from analytic_head import TRUE, error, head_pair, rigid
from mrtoct.cli.register import _heading
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.rire.transform import read_rire_transform, to_ras
from mrtoct.io.transforms import read_transform, write_transform
from mrtoct.resample import coverage


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("scans")
    for name, volume in zip(("ct.nii.gz", "mr.mha"), head_pair(), strict=True):
        write_volume(folder / name, volume)
    return folder / "ct.nii.gz", folder / "mr.mha"


def test_writes_a_transform_that_resamplers_take(mrtoct, scans, tmp_path: Path) -> None:
    names = ("t.tfm", "rire.txt", "mr.nii.gz", "look.png")
    tfm, rire, resampled, picture = (tmp_path / name for name in names)
    said = mrtoct(
        *("register", *scans, "--out", tfm, "--rire", rire),
        *("--resampled", resampled, "--picture", picture, "--second-engine", "--json"),
    )
    assert said.status == 0, said.err
    record = json.loads(said.out)
    assert record["verdict"] == "good"
    assert "warning" not in said.err
    found = read_transform(tfm, rigid=True)
    assert error(found) < 1.0
    np.testing.assert_allclose(found, record["transform"], atol=1e-9)
    assert 0 < record["second_engine_mm"] < 3
    ct, mr = (read_volume(path, unit) for path, unit in zip(scans, ("HU", "a.u."), strict=True))
    submitted = to_ras(read_rire_transform(rire), ct.grid, mr.grid)
    np.testing.assert_allclose(submitted, found, atol=1e-3)
    # SimpleITK resamples with the file alone to what was written.
    fixed, moving = (sitk.ReadImage(path, sitk.sitkFloat32) for path in scans)
    expected = sitk.Resample(moving, fixed, sitk.ReadTransform(tfm), sitk.sitkLinear, 0.0)
    ours = read_volume(resampled, "a.u.")
    assert ours.grid.matches(ct.grid)
    apart = np.abs(ours.voxels - sitk.GetArrayFromImage(expected).T)
    assert np.quantile(apart, 0.98) < 0.01  # borders may be counted in or out
    seen = coverage(mr.grid, ct.grid, found)
    assert 0.1 < seen.mean() < 0.99
    np.testing.assert_array_equal(ours.measured, seen)
    missing = f"{100 * (1 - seen.mean()):.1f} % of its voxels were not measured and hold 0"
    assert f"note: {resampled}: {missing}; mr_measured.nii.gz says which" in said.err
    assert imread(picture).std() > 0.1
    again = mrtoct("register", *scans, "--out", tfm)
    assert "exists already" in again.sentence
    resampled.unlink()
    again = mrtoct("register", *scans, "--out", tmp_path / "u.tfm", "--resampled", resampled)
    assert "mr_measured.nii.gz exists already" in again.sentence
    assert not (tmp_path / "u.tfm").exists()


def test_judges_a_given_transform_and_warns(mrtoct, scans, tmp_path: Path) -> None:
    given = tmp_path / "given.tfm"
    write_transform(given, TRUE @ rigid((0, 0, 5.0), (6.0, 0, 0)))
    said = mrtoct("register", *scans, "--check", given)
    assert said.status == 0
    assert said.out.startswith("doubtful: the best alignment found")
    assert "warning: the registration is doubtful" in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["given.tfm"]


@pytest.mark.parametrize(
    ("path", "patient", "target"),
    [
        ("rire/patient_101/mr_PD_rectified/header.ascii", "101", "mr_PD_rectified"),
        ("training_001_mr_T1.mha", "001", "mr_T1"),
        ("head.nii.gz", "", ""),
    ],
)
def test_a_submission_says_which_scan_it_is_for_only_if_known(
    path: str, patient: str, target: str
) -> None:
    heading = _heading(Path(path))
    assert (heading.patient, heading.target, heading.source) == (patient, target, "CT")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ([], "--out"),
        (["--out", "t.h5"], ".tfm"),
        (["--out", "t.tfm", "--picture", "p.pdf"], ".png"),
        (["--out", "t.tfm", "--resampled", "p.png"], "p.png"),
        (["--out", "t.tfm", "--check", "g.tfm"], "--check"),
        (["--out", "t.tfm", "--initial", "absent.tfm"], "absent.tfm"),
    ],
)
def test_bad_requests_write_nothing(
    mrtoct, scans, tmp_path: Path, monkeypatch, options: list[str], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert word in mrtoct("register", *scans, *options).sentence
    assert not list(tmp_path.iterdir())
