"""mrtoct register: what it writes agrees with what it says, and bad requests write nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread

from analytic_head import TRUE, error, head_pair, rigid
from bent_head import bent_head, region_points, true_displacement
from mrtoct.cli.register import _heading
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.rire.transform import read_rire_transform, to_ras
from mrtoct.io.transforms import read_transform, write_transform
from mrtoct.resample import coverage, resample


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


@pytest.fixture(scope="module")
def bent_scans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("bent")
    head = bent_head(7.0, 7.0)
    write_volume(folder / "ct.nii.gz", head.ct)
    write_volume(folder / "mr.nii.gz", head.mr["T1"])
    write_transform(folder / "truth.tfm", head.ct_to_mr)
    return folder / "ct.nii.gz", folder / "mr.nii.gz", folder / "truth.tfm"


@pytest.mark.slow
def test_says_what_moved_and_carries_it(mrtoct, bent_scans, tmp_path: Path) -> None:
    ct, mr, truth = bent_scans
    names = ("t.tfm", "field.nii.gz", "mr.nii.gz", "look.png")
    tfm, field, resampled, picture = (tmp_path / name for name in names)
    said = mrtoct(
        *("register", ct, mr, "--initial", truth, "--out", tfm, "--deform", "--field", field),
        *("--resampled", resampled, "--picture", picture),
    )
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["skull", "face", "neck"]
    assert ["moved" in line for line in lines[1:4]] == [False, True, True]
    assert lines[4].startswith("deformed: face and jaw and neck carried")
    assert ["good" in line for line in lines[5:]] == [True, True]
    # ITK takes points of jaw and neck by the field to where they truly are in the MR.
    vectors = sitk.Cast(sitk.ReadImage(field), sitk.sitkVectorFloat64)
    moves = sitk.DisplacementFieldTransform(vectors)
    head = bent_head(7.0, 7.0)
    for number, allowed in ((0, 0.6), (1, 1.5), (2, 1.5)):
        index, points = region_points(number)
        some = np.random.default_rng(1).choice(len(points), 400, replace=False)
        there = points[some] + true_displacement(head, index[some])
        there = there @ head.ct_to_mr[:3, :3].T + head.ct_to_mr[:3, 3]
        lps = [moves.TransformPoint(p) for p in (points[some] * [-1, -1, 1]).tolist()]
        apart = np.linalg.norm(np.array(lps) * [-1, -1, 1] - there, axis=1)
        assert apart.mean() < allowed
    # The MR is written as it was carried: like that of the same head in the CT's posture.
    straight = bent_head()
    on_ct = resample(straight.mr["T1"], head.ct.grid, fill=0.0, transform=head.ct_to_mr).voxels
    rigid_only = resample(head.mr["T1"], head.ct.grid, fill=0.0, transform=head.ct_to_mr).voxels
    carried = read_volume(resampled, "a.u.").voxels
    moved = tuple(np.concatenate([region_points(n)[0] for n in (1, 2)]).T)
    before, after = (np.abs(v - on_ct)[moved].mean() for v in (rigid_only, carried))
    assert after < 0.65 * before
    assert imread(picture).std() > 0.1


@pytest.mark.slow
def test_without_a_braincase_nothing_is_carried_and_no_field_written(
    mrtoct, scans, tmp_path: Path
) -> None:
    field = tmp_path / "field.nii.gz"
    said = mrtoct(
        *("register", *scans, "--out", tmp_path / "t.tfm", "--deform", "--field", field, "--json")
    )
    assert said.status == 0, said.err
    record = json.loads(said.out)
    assert {region["verdict"] for region in record["regions"].values()} <= {"good", "not known"}
    assert record["deformation"]["used"] is False
    assert "warning: not deformed: no region is known to have moved" in said.err
    assert not field.exists() and (tmp_path / "t.tfm").exists()


def test_fields_that_cannot_be_written_are_told_before_the_work(mrtoct, scans, tmp_path) -> None:
    tfm = tmp_path / "t.tfm"
    alone = mrtoct("register", *scans, "--out", tfm, "--field", tmp_path / "f.nii.gz")
    assert alone.status == 1 and "it needs --deform" in alone.err
    named = mrtoct("register", *scans, "--out", tfm, "--deform", "--field", tmp_path / "f.mha")
    assert named.status == 1 and "ends in .nii.gz or .nii" in named.err
    assert list(tmp_path.iterdir()) == []
