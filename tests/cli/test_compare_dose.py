"""mrtoct compare-dose, on a phantom's CT and one with softer bone."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image

from fake_engine import pretend
from mrtoct.io.files import read_volume, write_volume
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


def test_doses_of_a_pretended_engine(mrtoct, scans, tmp_path, monkeypatch):
    pretend(monkeypatch, tmp_path)
    monkeypatch.setenv("MRTOCT_DOSE_ENGINE", sys.executable)
    out = tmp_path / "doses"
    paths = (scans / "sct.nii.gz", scans / "ct.nii.gz")
    options = ("--beams", 1, "--dose", "both", "--dose-grid", 5, "--gantry", "90,210")
    result = mrtoct("compare-dose", *paths, *options, "--out", out, "--json")
    assert result.status == 0, result.err
    told = json.loads(result.out)["doses"]
    assert told == json.loads((out / "doses.json").read_text())
    assert list(told) == ["protons", "photons"]  # what says more comes first
    assert [plan["plan"]["gantry"] for plan in told.values()] == [[90, 210]] * 2
    assert told["protons"]["on"]["synthetic CT"]["target"]["mean_gy"] == pytest.approx(1.94)
    assert told["protons"]["curve"] != told["photons"]["curve"]  # stopping power, electrons
    on_ct, on_sct = (read_volume(out / f"protons-on-{n}.nii.gz", "Gy") for n in ("ct", "sct"))
    changed = on_ct.voxels - on_sct.voxels
    assert changed.max() == pytest.approx(0.06, abs=1e-5)
    with (out / "dvh.csv").open() as stream:
        rows = [r for r in csv.DictReader(stream) if r["structure"] == "target"]
    high = [r for r in rows if float(r["volume_percent"]) == 100]
    assert max(float(r["dose_gy"]) for r in high if r["on"] == "CT") == 2.0
    with Image.open(out / "doses.png") as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 500


def test_doses_as_a_table(mrtoct, scans, tmp_path, monkeypatch):
    pretend(monkeypatch, tmp_path)
    paths = (scans / "sct.nii.gz", scans / "ct.nii.gz")
    options = ("--beams", 1, "--dose", "protons", "--dose-grid", 5, "--engine", sys.executable)
    shown = mrtoct("compare-dose", *paths, *options).out
    for words in ("gamma", "no bone", "1.940", "1.880", "pretended"):
        assert words in shown


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--dose", "protons"), "need pyRadPlan in its own environment"),
        (("--dose", "protons"), "pass --engine with its Python"),
        (("--dose", "photons", "--engine", "nowhere/python"), "not a usable Python"),
        (("--dose", "photons", "--gantry", "90,400"), "takes angles from 0 to below 360"),
        (("--gantry", "90"), "needs --dose"),
    ],
)
def test_doses_that_cannot_be(mrtoct, scans, tmp_path, monkeypatch, options, reason):
    monkeypatch.delenv("MRTOCT_DOSE_ENGINE", raising=False)
    paths = (scans / "sct.nii.gz", scans / "ct.nii.gz")
    told = mrtoct("compare-dose", *paths, "--out", tmp_path / "new", *options)
    assert reason in told.sentence
    assert not (tmp_path / "new").exists()


def test_nothing_is_left_of_an_engine_that_fails(mrtoct, scans, tmp_path, monkeypatch):
    pretend(monkeypatch, tmp_path, "raise MemoryError('too much')")
    options = ("--dose", "protons", "--dose-grid", 5, "--engine", sys.executable)
    paths = (scans / "sct.nii.gz", scans / "ct.nii.gz")
    told = mrtoct("compare-dose", *paths, "--out", tmp_path / "new", *options)
    assert "failed (MemoryError: too much)" in told.sentence
    assert not (tmp_path / "new").exists()
