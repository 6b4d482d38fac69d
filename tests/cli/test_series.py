"""The command that lists DICOM, and a DICOM study from MR to CT series on the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from pydicom import dcmread

from dicom_series import (
    BIRTH_DATE,
    PATIENT_ID,
    PATIENT_NAME,
    plane_directions,
    positions,
    write_series,
)
from mrtoct.io.dicom import find_series, read_series
from mrtoct.io.files import read_volume
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.phantom import TINY, make_subject
from mrtoct.resample import resample
from mrtoct.translation.bundle import Bundle, write_bundle
from mrtoct.translation.geometry import Slices

AXIAL = plane_directions()
STORED = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.uint16)
EVEN = positions(AXIAL, 2.0 * np.arange(6))
SECRETS = (PATIENT_NAME, PATIENT_ID, BIRTH_DATE, "Bohr")


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    write_series(folder, STORED, AXIAL, EVEN, SeriesNumber=3, SeriesDescription="T1 [axial]")
    kept = [0, 1, 3, 4, 5]
    write_series(folder / "x", STORED[kept], AXIAL, EVEN[kept], SeriesNumber=4,
                 SliceThickness=2)  # fmt: skip
    return folder


def test_the_list_says_what_there_is_and_nothing_of_the_patient(mrtoct, tree):
    result = mrtoct("series", tree)
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].split() == ["3", "MR", "T1", "[axial]"]
    assert "6 slices of 4 x 5, 0.9 x 1.3 x 2 mm, transverse, HFS" in lines[1]
    assert "repetition time 2000 ms, echo time 3.5 ms" in lines[2]
    assert any("! slices are missing, 2 mm apart" in line for line in lines)
    as_json = mrtoct("series", tree, "--json")
    facts = json.loads(as_json.out)
    assert [f["name"] for f in facts] == ["3", "4"]
    assert facts[0]["matrix"] == [4, 5]
    assert facts[0]["spacing_mm"] == [0.9, 1.3, 2.0]
    assert facts[0]["contrast"]["echo time"] == "3.5 ms"
    assert "missing" in facts[1]["doubts"][0]
    assert not any(secret in result.out + as_json.out for secret in SECRETS)


def test_one_series_becomes_a_file(mrtoct, tree, tmp_path):
    out = tmp_path / "t1.nii.gz"
    assert mrtoct("series", tree, "--series", "axial", "--out", out).status == 0
    np.testing.assert_array_equal(read_volume(out, "a.u.").voxels.T, STORED)
    assert "exists already" in mrtoct("series", tree, "--series", "3", "--out", out).sentence
    gap = tmp_path / "gap.nii.gz"
    command = ("series", tree, "--series", "4", "--out", gap)
    refused = mrtoct(*command)
    assert refused.status == 1
    assert "slices are missing" in refused.err
    assert not gap.exists()
    assert mrtoct(*command, "--uneven", "resample").status == 0
    filled = read_volume(gap, "a.u.").voxels.T
    np.testing.assert_allclose(filled[2], (STORED[1].astype(float) + STORED[3]) / 2)


def test_folders_that_hold_nothing_wanted(mrtoct, tree, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no CT, MR or PET" in mrtoct("series", tmp_path / "empty").sentence
    assert "does not exist" in mrtoct("series", tmp_path / "absent").sentence
    assert "no series 'flair', only 3 MR" in mrtoct("series", tree, "--series", "flair").sentence
    assert "2 series are available" in mrtoct("series", tree, "--out", tmp_path / "x.nii").sentence


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A phantom's MR as sagittal and as transverse slices, and an untrained bundle."""
    root = tmp_path_factory.mktemp("head")
    mr = make_subject(1, TINY).mr["T1"]
    grid = mr.grid.upright((4.0, 4.0, 4.0))
    voxels = resample(mr, grid, fill=0.0).voxels.clip(0)
    stored = np.rint(voxels / voxels.max() * 2000).astype(np.uint16)
    first = grid.to_world((0, 0, 0)) * (-1, -1, 1)
    # The grid runs to the right and front; DICOM's rows and columns here to the left and back.
    ni, nj, nk = stored.shape
    corner = first - np.array([4.0 * (ni - 1), 4.0 * (nj - 1), 0])
    transverse = stored[::-1, ::-1].transpose(2, 1, 0)
    firsts = corner + np.outer(4.0 * np.arange(nk), [0, 0, 1])
    write_series(root / "mr", transverse, AXIAL, firsts, spacing=(4.0, 4.0), SeriesNumber=5,
                 SliceThickness=4)  # fmt: skip
    # The same voxels in rows to the back, columns to the foot, slices from right to left.
    sagittal = stored[::-1, ::-1, ::-1].transpose(0, 2, 1)
    top = corner + np.array([0, 0, 4.0 * (nk - 1)])
    firsts = top + np.outer(4.0 * np.arange(ni), [1, 0, 0])
    write_series(root / "mr" / "s", sagittal, [0, 1, 0, 0, 0, -1], firsts, spacing=(4.0, 4.0),
                 SeriesNumber=6, SeriesDescription="sagittal", SliceThickness=4)  # fmt: skip
    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=3)
    bundle = Bundle(config, ("T1",), (6.0, 6.0, 6.0), Slices((32, 48)))
    write_bundle(root / "bundle", bundle, UNet(config).state_dict())
    return root


def test_a_study_that_lacks_a_slice_is_translated_on_request(mrtoct, head, tmp_path):
    whole = find_series(head / "mr", "a.u.", "5")
    folder = tmp_path / "mr"
    folder.mkdir()
    kept = sorted(whole.frames, key=lambda frame: frame.position[2])
    del kept[len(kept) // 2]
    for frame in kept:
        shutil.copy(frame.file.path, folder)
    command = (
        "translate",
        "--model",
        head / "bundle",
        folder,
        tmp_path / "ct",
        "--format",
        "dicom",
    )
    refused = mrtoct(*command).sentence
    assert "slices are missing, 4 mm apart: 1 between" in refused
    assert refused.endswith("; pass --uneven resample to interpolate even ones")
    result = mrtoct(*command, "--uneven", "resample")
    assert result.status == 0, result.err
    sct = read_series(find_series(tmp_path / "ct", "HU"), "HU")
    assert sct.grid.matches(read_series(whole, "a.u.").grid)
    assert mrtoct("translate", "--model", head / "bundle", head / "mr", tmp_path / "all.nii.gz",
                  "--series", "5").status == 0  # fmt: skip
    expected = read_volume(tmp_path / "all.nii.gz", "HU").voxels
    away = np.abs(np.arange(sct.grid.shape[2]) - len(kept) // 2) > 2
    same = np.abs(sct.voxels[:, :, away].astype(int) - expected[:, :, away]) < 60
    assert same.mean() > 0.99


def test_a_dicom_study_is_translated_into_a_ct_series(mrtoct, head, tmp_path):
    command = ("translate", "--model", head / "bundle", head / "mr")
    result = mrtoct(*command, tmp_path / "ct", "--series", "5", "--format", "dicom")
    assert result.status == 0, result.err
    sct = read_series(find_series(tmp_path / "ct", "HU"), "HU")
    # As a file it is the same volume.
    out = tmp_path / "sct.nii.gz"
    assert mrtoct(*command, out, "--series", "5").status == 0
    same = read_volume(out, "HU")
    np.testing.assert_array_equal(sct.voxels, same.voxels)
    np.testing.assert_allclose(sct.affine, same.affine, atol=1e-4)
    image = dcmread(tmp_path / "ct" / "CT0001.dcm")
    assert "mrtoct" in image.DerivationDescription
    assert image.PatientID == PATIENT_ID
    assert not any(secret in result.out + result.err for secret in SECRETS)


def test_a_sagittal_mr_gives_transverse_slices_unless_told_otherwise(mrtoct, head, tmp_path):
    command = ("translate", "--model", head / "bundle", head / "mr")
    options = ("--series", "sagittal", "--format", "dicom")
    assert mrtoct(*command, tmp_path / "t", *options).status == 0
    assert mrtoct(*command, tmp_path / "s", *options, "--slices", "source").status == 0
    transverse = find_series(tmp_path / "t", "HU")
    assert transverse.orientation == "transverse"
    sagittal = find_series(tmp_path / "s", "HU")
    assert sagittal.orientation == "sagittal"
    # The voxels lie on the same 4 mm lattice: the same head in other slices.
    t, s = read_series(transverse, "HU"), read_series(sagittal, "HU")
    points = s.grid.to_world(np.stack(np.indices(s.grid.shape), axis=-1))
    i, j, k = np.moveaxis(np.rint(t.grid.to_index(points)).astype(int), -1, 0)
    np.testing.assert_allclose(t.grid.to_world(np.stack([i, j, k], axis=-1)), points, atol=1e-4)
    np.testing.assert_allclose(t.voxels[i, j, k], s.voxels, atol=1)
    assert s.voxels.max() > -1000


def test_what_a_ct_series_needs_is_asked_for_before_the_work(mrtoct, head, tmp_path):
    nifti = tmp_path / "mr.nii.gz"
    assert mrtoct("series", head / "mr", "--series", "5", "--out", nifti).status == 0
    command = ("translate", "--model", head / "bundle")
    no_dicom = mrtoct(*command, nifti, tmp_path / "ct", "--format", "dicom").sentence
    assert "not a folder of DICOM files" in no_dicom
    several = mrtoct(*command, head / "mr", tmp_path / "ct", "--format", "dicom").sentence
    assert "2 MR series are available" in several
    assert "only a folder of DICOM" in mrtoct(
        *command, nifti, tmp_path / "x.nii", "--series", "5"
    ).sentence  # fmt: skip
    (tmp_path / "ct").mkdir()
    there = mrtoct(
        *command, head / "mr", tmp_path / "ct", "--series", "5", "--format", "dicom"
    ).sentence
    assert "exists already" in there
    assert list((tmp_path / "ct").iterdir()) == []
