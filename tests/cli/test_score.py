"""mrtoct score: ITK and RIRE transforms of one phantom, in any pairing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mrtoct.io.files import read_volume
from mrtoct.io.rire.patient import write_rire
from mrtoct.io.rire.transform import Heading, read_rire_transform, rire_text, write_rire_transform
from mrtoct.io.transforms import read_transform, write_transform
from mrtoct.phantom import TINY, make_subject


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A subject, and a transform 3-4-0 mm beside the truth in both kinds of file."""
    made = make_subject(3, TINY)
    folder = tmp_path_factory.mktemp("score") / "patient_001"
    write_rire(folder, made.ct, made.mr, labels=made.labels, ct_to_mr=made.ct_to_mr, patient="001")
    beside = np.eye(4)
    beside[:3, 3] = (3.0, 4.0, 0.0)
    beside = beside @ read_transform(folder / "truth" / "ct_to_mr.tfm")
    write_transform(folder / "found.tfm", beside)
    ct, mr = (read_volume(folder / name, "a.u.").grid for name in ("ct", "mr_T1"))
    write_rire_transform(folder / "found.rire", beside, ct, mr, Heading(patient="001"))
    (folder / "targets.csv").write_text("name,x,y,z\nsella,-100,-90,60\n")
    return folder


PAIRS = [
    ("found.tfm", "truth/ct_to_mr.tfm"),
    ("found.rire", "truth/ct_T1.standard"),
    ("found.rire", "truth/ct_to_mr.tfm"),
    ("found.tfm", "truth/ct_T1.standard"),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pairing_gives_the_same(pair: tuple[str, str], mrtoct: Callable, scans: Path) -> None:
    found, truth = pair
    said = mrtoct(
        "score",
        scans / found,
        scans / truth,
        *("--ct", scans / "ct", "--mr", scans / "mr_T1", "--targets", scans / "targets.csv"),
        "--json",
    )
    assert said.status == 0, said.err
    result = json.loads(said.out)
    for part in ("corners", "head", "targets"):
        for figure in ("mean", "median", "maximum"):
            assert result[part][figure] == pytest.approx(5.0, abs=2e-4)
    assert result["rotation"] == pytest.approx(0, abs=1e-4)
    assert result["target_names"] == ["sella"]
    assert len(result["corners"]["each"]) == 8


def test_two_rire_files_need_no_scan(mrtoct: Callable, scans: Path) -> None:
    said = mrtoct("score", scans / "found.rire", scans / "truth" / "ct_T1.standard")
    assert said.status == 0, said.err
    assert "corners of the CT" in said.out
    assert said.out.count("5.000") == 3
    assert "head" not in said.out


def test_the_table(mrtoct: Callable, scans: Path) -> None:
    said = mrtoct(
        "score",
        *(scans / "found.tfm", scans / "truth" / "ct_to_mr.tfm", "--ct", scans / "ct"),
        *("--targets", scans / "targets.csv"),
    )
    assert said.status == 0, said.err
    for label in ("corners of the CT", "box around the head", "targets", "sella"):
        assert label in said.out
    assert said.out.count("5.000") == 10


def test_what_is_missing_is_said(mrtoct: Callable, scans: Path) -> None:
    itk, standard = scans / "found.tfm", scans / "truth" / "ct_T1.standard"
    assert "--ct" in mrtoct("score", itk, standard).sentence
    assert "--mr" in mrtoct("score", itk, standard, "--ct", scans / "ct").sentence
    said = mrtoct("score", standard, standard, "--targets", scans / "targets.csv").sentence
    assert "--targets needs --ct" in said
    said = mrtoct("score", scans / "none.tfm", itk, "--ct", scans / "ct").sentence
    assert "none.tfm does not exist" in said


def test_transforms_of_other_scans_are_noticed(
    mrtoct: Callable, scans: Path, tmp_path: Path
) -> None:
    standard = scans / "truth" / "ct_T1.standard"
    other = read_rire_transform(standard)
    other.points[:] *= 2
    other.moved[:] *= 2
    (tmp_path / "other").write_text(rire_text(other))
    assert "different volumes" in mrtoct("score", tmp_path / "other", standard).sentence
    with_scans = ("--ct", scans / "ct", "--mr", scans / "mr_T1")
    said = mrtoct("score", tmp_path / "other", standard, *with_scans).sentence
    assert "not the corners" in said
