"""mrtoct convert and curves, on a phantom's CT as if it were synthetic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrtoct.io.files import read_volume, write_volume
from mrtoct.phantom import TINY, make_subject


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A folder with sct.nii.gz, sd.nii.gz and mr.nii.gz of a coarse head."""
    folder = tmp_path_factory.mktemp("head")
    subject = make_subject(3, TINY)
    ct = subject.ct.with_voxels(np.maximum(subject.ct.voxels, -1024))
    write_volume(folder / "sct.nii.gz", ct)
    write_volume(folder / "sd.nii.gz", ct.with_voxels(np.full(ct.grid.shape, 30, np.int16)))
    write_volume(folder / "mr.nii.gz", subject.mr["T1"])
    return folder


def test_a_map_with_its_deviation_and_json(mrtoct, head, tmp_path):
    out = tmp_path / "rho.nii.gz"
    result = mrtoct(
        "convert", head / "sct.nii.gz", out, "--to", "density", "--deviation", head / "sd.nii.gz"
    )
    assert (result.status, result.out) == (0, "")
    assert "mass density" in result.err
    assert "schneider-2000" in result.err
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "rho.json", "rho.nii.gz", "rho_sd.nii.gz",
    ]  # fmt: skip
    told = json.loads((tmp_path / "rho.json").read_text())
    assert told["made_from"] == "sct.nii.gz"
    hu = read_volume(head / "sct.nii.gz", "HU").voxels
    rho = read_volume(out, "kg/m3").voxels
    brain = (hu > 24) & (hu < 100)
    np.testing.assert_allclose(rho[brain], 1003 + 1.169 * hu[brain], rtol=1e-5)
    sd = read_volume(tmp_path / "rho_sd.nii.gz", "kg/m3").voxels
    deep = (hu > 1100) & (hu < 1700)
    np.testing.assert_allclose(sd[deep], 30 * 0.592, rtol=0.01)
    again = mrtoct("convert", head / "sct.nii.gz", out, "--to", "density")
    assert "rho.nii.gz exists already; pass --overwrite" in again.sentence


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{head}/mr.nii.gz", "{tmp}/x.nii", "--to", "red"), "looks like an MR"),
        (("{head}/no.nii.gz", "{tmp}/x.nii", "--to", "red"), "no.nii.gz does not exist"),
        (("{head}/sct.nii.gz", "{tmp}/x.png", "--to", "red"), "x.png is not a supported volume"),
        (("{head}/sct.nii.gz", "{tmp}/x.nii", "--to", "redd"), "did you mean 'red'"),
        (
            ("{head}/sct.nii.gz", "{tmp}/x.nii", "--to", "mu511", "--curve", "carney-2006-60kvp"),
            "no curve 'carney-2006-60kvp' for mu511",
        ),
        (
            ("{head}/sct.nii.gz", "{tmp}/x.nii", "--to", "red", "--curve", "{tmp}/no.hlut"),
            "no.hlut does not exist",
        ),
        (("{head}/sct.nii.gz", "{tmp}/x.nii", "--to", "attenuation"), "give it in MHz"),
        (
            (
                "{head}/sct.nii.gz", "{tmp}/x.nii", "--to", "red", "--deviation",
                "{head}/mr.nii.gz",
            ),
            "different grids",
        ),
    ],
)  # fmt: skip
def test_convert_refuses(mrtoct, head, tmp_path, arguments, reason):
    filled = [a.format(head=head, tmp=tmp_path) for a in arguments]
    assert reason in mrtoct("convert", *filled).sentence
    assert not list(tmp_path.iterdir())


def test_curves_are_listed_shown_and_written(mrtoct, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    listed = mrtoct("curves").out
    assert "carney-2006-120kvp (default)" in listed
    assert "Webb et al. (2018)" in listed
    shown = mrtoct("curves", "density", "k-plan").out.split()
    assert "1530" in shown
    assert mrtoct("curves", "red", "matrad", "--out", tmp_path / "x.hlut").status == 0
    assert "2.505" in (tmp_path / "x.hlut").read_text()
    assert "exists already" in mrtoct("curves", "red", "--out", tmp_path / "x.hlut").sentence
    assert "give a quantity" in mrtoct("curves", "--out", tmp_path / "y.hlut").sentence
