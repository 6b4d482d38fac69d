"""mrtoct mumap, with a scanner's map made of a phantom."""

from __future__ import annotations

import numpy as np
import pytest

from doc_kit import write_dicom
from mrtoct.io.dicom import find_series
from mrtoct.io.dicom.umap import read_umap
from mrtoct.io.files import read_volume, write_volume
from mrtoct.phantom import TINY, make_subject
from mrtoct.volume import Volume


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """sct.nii.gz, and umap/, in which all tissue is water."""
    folder = tmp_path_factory.mktemp("petmr")
    head = make_subject(3, TINY)
    write_volume(folder / "sct.nii.gz", head.ct)
    mu = np.where(head.labels.voxels > 0, 960, 0).astype(np.int16)
    write_dicom(folder / "umap", Volume(mu, head.labels.grid, "a.u."), "MR", SeriesNumber=7)
    return folder


def test_nifti_interfile_and_dicom_hold_the_same(mrtoct, scans, tmp_path):
    for name in ("mu.nii.gz", "mu.hv", "mu"):
        result = mrtoct("mumap", scans / "sct.nii.gz", scans / "umap", tmp_path / name)
        assert (result.status, result.out) == (0, ""), result.err
    mu = read_volume(tmp_path / "mu.nii.gz", "1/cm").voxels
    theirs = read_umap(find_series(scans / "umap", "a.u."))
    assert mu.shape == theirs.grid.shape
    assert 0.12 < mu.max() < 0.25
    assert mu.sum() == pytest.approx(np.fromfile(tmp_path / "mu.v", "<f4").sum(), rel=1e-5)
    dicom = read_umap(find_series(tmp_path / "mu", "a.u.")).voxels
    np.testing.assert_allclose(dicom, mu, atol=0.51e-4)


@pytest.mark.parametrize(
    ("kvp", "curve", "said"),
    [
        (140, "carney-2006-140kvp", "has HU of 140 kVp, like carney-2006-140kvp"),
        (90, "carney-2006-120kvp", "has HU of 90 kVp, for which no curve is known"),
        (None, "carney-2006-120kvp", "the tube voltage of"),
    ],
)
def test_the_curve_fits_the_tube_voltage_that_is_stated(mrtoct, scans, tmp_path, kvp, curve, said):
    sct = tmp_path / "sct.nii.gz"
    sct.write_bytes((scans / "sct.nii.gz").read_bytes())
    if kvp:
        (tmp_path / "sct.json").write_text(f'{{"KVP": {kvp}}}')
    result = mrtoct("mumap", sct, scans / "umap", tmp_path / "mu.nii.gz")
    assert result.status == 0
    assert said in result.err
    named = mrtoct("mumap", sct, scans / "umap", tmp_path / "by-name.nii.gz", "--curve", curve)
    assert "tube voltage" not in named.err
    found = [read_volume(tmp_path / f"{n}.nii.gz", "1/cm").voxels for n in ("mu", "by-name")]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{s}/sct.nii.gz", "{s}/sct.nii.gz", "{t}/mu.nii"), "is not a folder of DICOM files"),
        (("{s}/sct.nii.gz", "{s}/umap", "{t}/mu.png"), "must end in .nii.gz, .nii or .hv"),
        (("{s}/sct.nii.gz", "{s}/umap", "{t}/mu", "--series", "9"), "9"),
        (("{s}/sct.nii.gz", "{s}/umap", "{t}/mu", "--curve", "x"), "no curve 'x' for mu511"),
    ],
)
def test_mumap_refuses(mrtoct, scans, tmp_path, arguments, reason):
    filled = [a.format(s=scans, t=tmp_path) for a in arguments]
    assert reason in mrtoct("mumap", *filled).sentence
    assert not list(tmp_path.iterdir())
