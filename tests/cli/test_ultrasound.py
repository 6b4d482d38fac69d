"""mrtoct ultrasound, on a phantom's CT as if it were synthetic."""

from __future__ import annotations

import json

import pytest

from mrtoct.io.files import write_volume
from mrtoct.phantom import TINY, make_subject


@pytest.fixture(scope="module")
def sct(tmp_path_factory):
    path = tmp_path_factory.mktemp("head") / "sct.nii.gz"
    write_volume(path, make_subject(3, TINY).ct)
    return path


def test_the_folder_and_the_path(mrtoct, sct, tmp_path):
    folder = tmp_path / "us"
    result = mrtoct("ultrasound", sct, folder, "--frequency", 0.5, "--path", "0,0,200:0,0,0")
    assert (result.status, result.out) == (0, "")
    assert "mm of skull from" in result.err
    told = json.loads((folder / "ultrasound.json").read_text())
    assert 3 < told["path"]["bone_mm"] < 20
    assert f"{told['path']['bone_mm']:.1f} mm of skull" in result.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--frequency", "500"), "a frequency is 0.05 to 10 MHz, got 500"),
        (("--frequency", "0.5", "--mapping", "aubry"), "no mapping 'aubry'"),
        (("--frequency", "0.5", "--path", "0,0:1,2,3"), "--path takes two points"),
        (("--frequency", "0.5", "--path", "1,2,3:1,2,3"), "are the same point"),
    ],
)
def test_ultrasound_refuses(mrtoct, sct, tmp_path, options, reason):
    assert reason in mrtoct("ultrasound", sct, tmp_path / "us", *options).sentence
    assert not list(tmp_path.iterdir())
