"""mrtoct reproduce at the terminal: a study of a minute's fraction, and bad input."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mrtoct.prepare.store import Manifest, read_subject, write_manifest, write_subject


@pytest.fixture(scope="module")
def store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("reproduce") / "heads"
    names = []
    for n in range(3):
        write_subject(store, read_subject(tiny_store, f"head{n % 2 + 1}"))
        shutil.move(store / f"head{n % 2 + 1}", store / f"s{n}")
        names.append(f"s{n}")
    write_manifest(store, Manifest({}, ("mr",), names, {}))
    return store


def test_part_of_a_study_within_a_budget(store, mrtoct, tmp_path):
    study = tmp_path / "study"
    result = mrtoct(
        "reproduce", store, study, "--budget", "2s", "--only", "unet-mae", "--cohort", "three heads"
    )
    assert result.status == 0, result.err
    assert "unet-mae: " in result.err
    assert "note: unet-mae does not beat the intensity map" in result.err
    assert "u-net, MAE" in result.out
    assert "water" in result.out
    text = (study / "study.md").read_text()
    assert "three heads" in text
    assert "All trainings together took 2 s" in text
    assert "Not finished yet: unet-mae-gdl, pix2pix, pix2pix-boost, context-gan, modern." in text

    again = mrtoct("reproduce", store, study, "--only", "unet-mae")
    assert "was made with a budget of 0.0333333 minutes and one split" in again.sentence
    assert again.sentence.endswith("; pass --overwrite to start all experiments again")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--budget", "20"), "'20' is not a time budget"),
        (("--only", "unet,modern"), "no experiment 'unet'; there are: unet-mae"),
        (("--folds", "9"), "3 subjects can be split into 2 to 3 folds, got 9"),
        (("--folds", "1"), "got 1"),
    ],
)
def test_bad_options_are_one_sentence_and_write_nothing(store, mrtoct, tmp_path, options, reason):
    study = tmp_path / "study"
    assert reason in mrtoct("reproduce", store, study, *options).sentence
    assert not study.exists()


def test_what_is_no_store_or_no_study_is_named(store, mrtoct, tmp_path):
    assert "is not a folder" in mrtoct("reproduce", tmp_path / "none", tmp_path / "s").sentence
    (tmp_path / "mine.txt").touch()
    for extra in ((), ("--overwrite",)):
        sentence = mrtoct("reproduce", store, tmp_path, *extra).sentence
        assert f"{tmp_path} is not empty and holds no study" in sentence
    assert (tmp_path / "mine.txt").exists()
