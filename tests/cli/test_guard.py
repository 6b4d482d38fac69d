"""What translate says of an MR that is unlike the training's, and what --strict makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mrtoct.translation.shading as shading
from mrtoct.io.files import read_volume, write_volume
from mrtoct.prepare.bias import Corrected
from mrtoct.translation.bundle import read_bundle
from mrtoct.volume import Volume


@pytest.fixture(scope="module")
def upside_down(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    mr = read_volume(made.mr, "a.u.")
    path = tmp_path_factory.mktemp("odd") / "mr.nii.gz"
    write_volume(path, mr.with_voxels(mr.voxels[:, :, ::-1]))
    return path


@pytest.fixture
def bundle(made: Any, tmp_path: Path) -> Path:
    """A copy to be spoilt."""
    return Path(shutil.copytree(made.best, tmp_path / "bundle"))


def test_a_training_leaves_what_it_saw(made: Any) -> None:
    seen = read_bundle(made.best)[0].seen
    assert seen is not None
    assert seen.spacing == (6.0, 6.0, 6.0)
    assert seen.channels["mr"].scanned == (3.75, 6.0)


def test_an_odd_mr_is_translated_with_a_warning(
    mrtoct: Any, made: Any, upside_down: Path, tmp_path: Path
) -> None:
    result = mrtoct("translate", upside_down, tmp_path / "sct.nii.gz", "--model", made.best)
    assert result.status == 0
    assert "warning: MR: the head fits the average head of the training better" in " ".join(
        result.err.split()
    )
    assert (tmp_path / "sct.nii.gz").is_file()


def test_strict_refuses_it_before_the_work(
    mrtoct: Any, made: Any, upside_down: Path, tmp_path: Path
) -> None:
    result = mrtoct(
        "translate", upside_down, tmp_path / "sct.nii.gz", "--model", made.best, "--strict"
    )
    assert result.status == 1
    said = " ".join(result.err.split())
    assert "differs from the training data of" in said
    assert "turned" in said
    assert "--strict" in said
    assert list(tmp_path.iterdir()) == []


def test_strict_needs_a_bundle_that_says_what_it_saw(
    mrtoct: Any, made: Any, bundle: Path, tmp_path: Path
) -> None:
    (bundle / "seen.json").unlink()
    result = mrtoct("translate", made.mr, tmp_path / "sct.nii.gz", "--model", bundle, "--strict")
    assert result.status == 1
    assert "has no record of its training data" in " ".join(result.err.split())
    assert mrtoct("translate", made.mr, tmp_path / "sct.nii.gz", "--model", bundle).status == 0


@pytest.mark.parametrize("text", ["", "{}", '{"channels": 3, "spacing_mm": [1, 1, 1]}'])
def test_a_damaged_record_is_named(
    mrtoct: Any, made: Any, bundle: Path, tmp_path: Path, text: str
) -> None:
    (bundle / "seen.json").write_text(text)
    result = mrtoct("translate", made.mr, tmp_path / "sct.nii.gz", "--model", bundle)
    assert "seen.json is damaged" in " ".join(result.sentence.split())


def test_a_ct_is_refused_unless_one_insists(mrtoct: Any, made: Any, tmp_path: Path) -> None:
    sct = tmp_path / "sct.nii.gz"
    result = mrtoct("translate", made.ct, sct, "--model", made.best)
    assert result.status == 1
    said = " ".join(result.err.split())
    assert "is not a head MR (looks-like-ct; see the warnings)" in said
    assert "--force" in said
    assert list(tmp_path.iterdir()) == []
    assert mrtoct("translate", made.ct, sct, "--model", made.best, "--force").status == 0
    assert sct.is_file()


def test_a_bias_field_is_taken_off_on_request(
    mrtoct: Any, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is translated is the corrected MR: here one whose right half is 3 times as bright."""

    def brighter(mr: Volume) -> Corrected:
        factor = np.where(np.arange(mr.grid.shape[0]) < mr.grid.shape[0] // 2, 1.0, 3.0)
        return Corrected(mr.with_voxels(mr.voxels * factor[:, None, None]), 2.6)

    monkeypatch.setattr(shading, "correct_bias", brighter)
    mr = read_volume(made.mr, "a.u.")
    write_volume(tmp_path / "other.nii.gz", brighter(mr).mr)
    said = {}
    for name, arguments in {
        "plain": (made.mr,),
        "corrected": (made.mr, "--bias-correct"),
        "other": (tmp_path / "other.nii.gz",),
    }.items():
        first, *options = arguments
        sct = tmp_path / f"{name}-sct.nii.gz"
        result = mrtoct("translate", first, sct, "--model", made.best, *options)
        assert result.status == 0
        said[name] = (" ".join(result.err.split()), read_volume(sct, "HU").voxels)
    note = "note: MR: its bias field was corrected, as asked for: a shading of 2.6:1"
    assert [note in text for text, _ in said.values()] == [False, True, False]
    assert (said["corrected"][1] == said["other"][1]).all()
    assert (said["corrected"][1] != said["plain"][1]).any()
