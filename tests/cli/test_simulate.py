"""mrtoct simulate: the options as they are typed, and what a wrong one says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from layered_head import BIG, layered_head
from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid, Volume


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    file = tmp_path_factory.mktemp("labels") / "head.nii.gz"
    voxels = layered_head(BIG)
    write_volume(file, Volume(voxels, Grid(voxels.shape, np.eye(4)), "label"))
    return file


def test_a_label_map_becomes_a_cohort(mrtoct, labels, tmp_path):
    out = tmp_path / "out"
    options = ("--contrast", "t1-contrast", "--effects", "noise,export", "--workers", "1")
    result = mrtoct("simulate", labels, out, *options, "--seed", "4")
    assert result.status == 0, result.err
    assert f"1 subject in {out}; next: mrtoct prepare {out} STORE" in result.err
    record = json.loads((out / "head-001" / "truth" / "simulation.json").read_text())
    assert record["contrast"] == "t1-contrast" and record["effects"] == "noise,export"
    assert record["seed"] == 4
    assert 60 < read_volume(out / "head-001" / "mr.nii.gz", "a.u.").voxels.max() <= 255
    again = mrtoct("simulate", labels, out, "--workers", "1")
    assert again.status == 1 and "--overwrite" in again.err


def test_a_wrong_effect_is_one_sentence(mrtoct, labels, tmp_path):
    result = mrtoct("simulate", labels, tmp_path / "out", "--effects", "ghosts")
    assert result.status == 1
    assert result.err.startswith("mrtoct: 'ghosts' is not an effect; did you mean ghost?")
    assert mrtoct("simulate", tmp_path / "no", tmp_path / "out").err.startswith("mrtoct: ")
