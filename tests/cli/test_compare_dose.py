"""mrtoct compare-dose, on a phantom's CT and one with softer bone."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mrtoct.io.files import write_volume
from mrtoct.phantom import TINY, make_subject


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    ct = make_subject(3, TINY).ct
    soft = np.where(ct.voxels > 300, ct.voxels * 0.8, ct.voxels)
    write_volume(folder / "ct.nii.gz", ct)
    write_volume(folder / "sct.nii.gz", ct.with_voxels(np.rint(soft).astype(np.int16)))
    return folder


def test_numbers_picture_and_rays_agree(mrtoct, scans, tmp_path):
    out = tmp_path / "ranges"
    options = ("--beams", 4, "--out", out, "--json")
    result = mrtoct("compare-dose", scans / "sct.nii.gz", scans / "ct.nii.gz", *options)
    assert result.status == 0, result.err
    told = json.loads(result.out)
    assert told == json.loads((out / "ranges.json").read_text())
    assert -4 < told["all"]["mean_mm"] < -0.3  # softer bone: too shallow
    assert len(told["beams"]) == 6
    with (out / "rays.csv").open() as stream:
        rays = list(csv.DictReader(stream))
    errors = np.array([float(ray["error_mm"]) for ray in rays])
    assert len(errors) == told["all"]["rays"]
    assert errors.mean() == pytest.approx(told["all"]["mean_mm"], abs=2e-3)
    with Image.open(out / "ranges.png") as image:
        assert image.size[0] > 800
        assert len(np.unique(np.asarray(image.convert("L")))) > 50
    shown = mrtoct(
        "compare-dose", scans / "ct.nii.gz", scans / "ct.nii.gz", "--beams", 1, "--target", "0,0,0"
    )
    assert "+0.00" in shown.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--target", "0,0"), "takes a mask file or a point"),
        (("--target", "900,0,0"), "lies outside the CT"),
        (("--curve", "x"), "no curve 'x' for spr"),
    ],
)
def test_compare_dose_refuses(mrtoct, scans, tmp_path, options, reason):
    paths = (scans / "sct.nii.gz", scans / "ct.nii.gz")
    told = mrtoct("compare-dose", *paths, "--out", tmp_path / "new", *options)
    assert reason in told.sentence
    assert not (tmp_path / "new").exists()
