"""mrtoct info: every kind of file and folder is known for what it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrtoct.io.files import write_volume
from mrtoct.io.transforms import write_transform
from mrtoct.volume import Grid, Volume


def facts(mrtoct, what):
    result = mrtoct("info", what, "--json")
    assert result.status == 0, result.err
    return json.loads(result.out)


def test_a_volume_is_told_by_its_grid_and_values(mrtoct, made, tmp_path):
    ct, mr = facts(mrtoct, made.ct), facts(mrtoct, made.mr)
    assert ct["looks like"] == "a CT in HU"
    assert mr["looks like"] == "an MR, or another signal in arbitrary units"
    labels = np.random.default_rng(1).integers(0, 40, (5, 6, 7)).astype(np.int16)
    write_volume(tmp_path / "labels.nii", Volume(labels, Grid((5, 6, 7), np.eye(4)), "label"))
    told = facts(mrtoct, tmp_path / "labels.nii")
    assert told["looks like"] == "a mask or label map of 40 values"
    assert (told["shape"], told["axes"], told["type"]) == ("5 x 6 x 7", "RAS", "int16")


def test_a_store_a_run_and_a_bundle_say_what_is_in_them(mrtoct, made):
    store, run, bundle = (facts(mrtoct, p) for p in (made.store, made.run, made.best))
    assert store["kind"].startswith("store")
    assert store["subjects"].startswith("3: phantom-001")
    assert store["voxel"] == "6 x 6 x 6 mm"
    assert run["state"].startswith("finished after 30 steps")
    assert run["subjects"] == "1 for training, 1 for validation, 1 for testing"
    assert bundle["kind"].startswith("bundle")
    assert float(bundle["validation"].split()[-1]) == pytest.approx(
        float(run["best validation"].split()[0]), abs=0.06
    )


def test_a_shipped_model_is_known_by_its_name(mrtoct):
    assert facts(mrtoct, "head")["licence"] == "Apache-2.0"


def test_a_transform_turns_and_shifts_by_what_was_written(mrtoct, tmp_path):
    angle = np.radians(20)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (1, -2, 3.5)
    write_transform(tmp_path / "t.tfm", matrix)
    told = facts(mrtoct, tmp_path / "t.tfm")
    assert told["rotation"] == "20.0 degrees"
    assert told["shift"].startswith("1.0, -2.0, 3.5 mm")


def test_a_recipe_is_described(mrtoct, made):
    told = mrtoct("info", made.recipe).out
    assert "As small as it gets." in told


def test_what_is_nothing_is_said(mrtoct, tmp_path):
    assert "is not recognised" in mrtoct("info", tmp_path).sentence
    assert "does not exist" in mrtoct("info", tmp_path / "a.nii").sentence


def test_recipes_are_listed_and_one_is_written_to_be_changed(mrtoct, tmp_path):
    from mrtoct.training.recipe_file import load_recipe, recipe_names

    listed = [line.split()[0] for line in mrtoct("recipes").out.splitlines()]
    assert listed == recipe_names()
    assert mrtoct("recipes", "unet", "--out", tmp_path / "mine.toml").status == 0
    mine = load_recipe(tmp_path / "mine.toml")
    assert mine.model_copy(update={"name": "unet"}) == load_recipe("unet")
    assert "exists already" in mrtoct("recipes", "unet", "--out", tmp_path / "mine.toml").sentence
    assert "did you mean 'unet'" in mrtoct("recipes", "unit").sentence
