"""A network of whole heads learns from a store, from nothing and from weights that it is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner

from mrtoct.cli.app import app
from mrtoct.errors import BundleError, RecipeError
from mrtoct.hardware.progress import Update
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.prepare.store import Manifest, read_subject, write_manifest, write_subject
from mrtoct.sampling.parts import around_head
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training.cohort import load_cohort
from mrtoct.training.curves import read_curves
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe, parse_recipe
from mrtoct.training.run import read_run
from mrtoct.training.split import Split
from mrtoct.training.train import train
from mrtoct.training.validation import validation_mae
from mrtoct.translation.bundle import network_of, read_bundle, read_description, write_bundle
from mrtoct.translation.predict import predict_once, predict_with_error
from mrtoct.translation.pretrained import shipped
from shipped_model import CONFIG, PROVENANCE, write_shipped


def recipe(**sections: Any) -> Recipe:
    base: dict[str, Any] = {
        "name": "tiny",
        "data": {"spacing": [8, 8, 8]},
        "model": {"kind": "head_unet", "widths": [8, 16], "detail": 4},
        "patches": {"part": [32, 32, 32]},
        "focus": {"outside": 0.0},
        "optimizer": {"learning_rate": 2e-3, "beta1": 0.9, "schedule": "cosine"},
        "training": {"steps": 4, "batch": 1, "validate_every": 2, "precision": "float32"},
        "augmentation": {"flip": True, "gain": 0.1, "gamma": 0.1},
        "split": {"validation": 0.3},
    }
    for name, values in sections.items():
        base[name] = {**base.get(name, {}), **values}
    return Recipe.model_validate(base)


@pytest.fixture(scope="module")
def one_head(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("one") / "store"
    write_subject(store, read_subject(tiny_store, "head1"))
    write_manifest(store, Manifest({}, ("mr",), ["head1"], {}))
    return store


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose model head has random weights, and its channel another name."""
    return write_shipped(tmp_path_factory.mktemp("package"), spacing=8.0)


@pytest.fixture
def head(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shipped, "FOLDER", package)
    return package / "head"


def head_of(store: Path, name: str) -> LoadedSubject:
    """A subject as the training has it."""
    (one,) = load_cohort(store, ("mr",), Split([name], [], []), recipe()).train
    return around_head(one)


def error(bundle_folder: Path, store: Path, name: str) -> float:
    """MAE in the head of a bundle on one subject, HU."""
    bundle, network = read_bundle(bundle_folder)
    return validation_mae(
        [head_of(store, name)],
        bundle.window,
        lambda s: predict_once(network, bundle, s.mr, s.mr_head),
    )


def best_constant(store: Path, name: str) -> float:
    """MAE of the one value that is best for this very head, HU."""
    one = head_of(store, name)
    hu = one.hu[:, :, one.kept][(one.head & one.covered)[:, :, one.kept]]
    return float(np.abs(hu - np.median(hu)).mean())


@pytest.fixture(scope="module")
def known(one_head: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a network that was trained on one head alone, from nothing."""
    by_heart = recipe(
        model={"detail": 8},
        optimizer={"learning_rate": 1e-2},
        training={"steps": 200, "validate_every": 200, "average": 0.9},
        augmentation={"flip": False, "gain": 0, "gamma": 0},
    )
    return train(one_head, tmp_path_factory.mktemp("known") / "run", by_heart)


def test_a_head_is_learnt_by_heart_from_nothing(one_head: Path, known: Path) -> None:
    assert error(known, one_head, "head1") < 0.7 * best_constant(one_head, "head1")
    bundle, _ = read_bundle(known)
    assert bundle.model == HeadUNetConfig(widths=(8, 16), detail=8)
    assert bundle.channels == ("mr",)
    assert bundle.deviation is None  # nobody to learn it from
    assert "start_sha256" not in bundle.provenance


def test_what_it_expects_to_be_wrong_by_is_learnt_too(one_head: Path, known: Path) -> None:
    bundle, network = read_bundle(known)
    one = head_of(one_head, "head1")
    made, expected = predict_with_error(network, bundle, one.mr, one.mr_head)  # type: ignore[arg-type]
    inside = one.head & one.mr_head & one.covered
    wrong = np.abs(bundle.window.to_hu(made) - one.hu)[inside]
    doubtful = expected[inside] > np.median(expected[inside])
    assert wrong[doubtful].mean() > 1.5 * wrong[~doubtful].mean()


def test_killed_and_resumed_is_uninterrupted(tiny_store: Path, head: Path, tmp_path: Path) -> None:
    def kill(update: Update) -> None:
        if update.done == 3:
            raise KeyboardInterrupt

    wanted = recipe(training={"average": 0.9})
    train(tiny_store, tmp_path / "whole", wanted, start="head")
    with pytest.raises(KeyboardInterrupt):
        train(tiny_store, tmp_path / "killed", wanted, start="head", watcher=kill)
    steps: list[int] = []
    train(
        tiny_store,
        tmp_path / "killed",
        wanted,
        start="head",
        resume=True,
        watcher=lambda update: steps.append(update.done),
    )
    assert steps == [3, 4]
    tensors = sorted(p.relative_to(tmp_path / "whole") for p in tmp_path.glob("whole/**/*.safe*"))
    assert len(tensors) == 4
    for file in tensors:
        whole, killed = (tmp_path / run / file for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), file


def test_it_begins_with_the_weights_of_the_shipped_model(
    tiny_store: Path, head: Path, tmp_path: Path
) -> None:
    """Steps too small to change anything leave them; the recipe's own widths do not matter."""
    frozen = recipe(model={"widths": [16, 8, 24], "detail": 8}, optimizer={"learning_rate": 1e-30})
    best = train(tiny_store, tmp_path / "run", frozen, start="head")
    weights = {
        folder: safetensors.torch.load_file(folder / "weights.safetensors")
        for folder in (head, best, tmp_path / "run" / "last")
    }
    for name, tensor in weights[head].items():
        for folder in (best, tmp_path / "run" / "last"):  # biases of 0 become 1e-30
            torch.testing.assert_close(weights[folder][name], tensor.float(), atol=1e-20, rtol=0)
    bundle, _ = read_bundle(best)
    assert bundle.model == CONFIG == read_run(tmp_path / "run").recipe.model
    assert bundle.channels == ("mr",) != read_bundle(head)[0].channels
    assert bundle.provenance["start_sha256"] == read_description(head).weights_sha256
    assert bundle.provenance["start"] == {
        name: PROVENANCE[name] for name in ("name", "version", "trained_on")
    }
    assert bundle.deviation is not None
    assert bundle.deviation.heads == 1  # its own; the shipped one says 0
    assert bundle.deviation != read_bundle(head)[0].deviation
    # Validated as it is translated: this is the error of the shipped model on the other head.
    (validated,) = read_run(tmp_path / "run").split.validation
    found = [p.validation_mae for p in read_curves(tmp_path / "run")]
    assert found == pytest.approx([error(head, tiny_store, validated)] * 2, rel=1e-3)


def test_what_it_began_with_is_kept_until_something_better_comes(
    tiny_store: Path, head: Path, tmp_path: Path
) -> None:
    """Steps far too large spoil the weights; the best is then still the start."""
    wild = recipe(optimizer={"learning_rate": 0.3}, training={"steps": 2, "validate_every": 1})
    best = train(tiny_store, tmp_path / "run", wild, start="head")
    (validated,) = read_run(tmp_path / "run").split.validation
    assert min(p.validation_mae for p in read_curves(tmp_path / "run")) > error(
        head, tiny_store, validated
    )
    assert read_bundle(best)[0].provenance["step"] == 0
    before, after = (
        safetensors.torch.load_file(folder / "weights.safetensors") for folder in (head, best)
    )
    for name, weights in before.items():
        torch.testing.assert_close(after[name], weights.float())


def test_without_validation_it_keeps_the_deviations_of_its_start(
    one_head: Path, head: Path, tmp_path: Path
) -> None:
    best = train(one_head, tmp_path / "run", recipe(), start="head")
    assert read_bundle(best)[0].deviation == read_bundle(head)[0].deviation is not None


def test_going_on_is_closer_than_beginning(tiny_store: Path, known: Path, tmp_path: Path) -> None:
    """A network that knows another head needs a few steps on this one, one that knows none more."""
    other = tmp_path / "store"
    write_subject(other, read_subject(tiny_store, "head2"))
    write_manifest(other, Manifest({}, ("mr",), ["head2"], {}))
    few = recipe(model={"detail": 8}, training={"steps": 20, "validate_every": 20})
    tuned = train(other, tmp_path / "tuned", few, start=known)
    begun = train(other, tmp_path / "begun", few)
    errors = [error(bundle, other, "head2") for bundle in (tuned, known, begun)]
    assert errors[0] < errors[1] < errors[2]


def test_what_cannot_go_on_is_named_before_anything_is_made(
    tiny_store: Path, head: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def sentence(wanted: Recipe, start: Path | str = "head") -> str:
        with pytest.raises((RecipeError, BundleError)) as caught:
            train(tiny_store, run, wanted, start=start)
        assert not run.exists()
        return str(caught.value)

    slices = Recipe.model_validate({"name": "slices", "training": {"steps": 1}})
    assert sentence(slices) == (
        f"{head} holds a head_unet, and recipe slices trains a unet: start from it with a recipe "
        "that trains a head_unet; the recipe finetune does"
    )
    said = sentence(recipe(data={"spacing": [2, 2, 2]}))
    assert said == (
        f"{head} was trained with data.spacing = [8.0, 8.0, 8.0], recipe tiny has [2.0, 2.0, 2.0]: "
        "to start from it they must be the same"
    )
    assert "data.hu_window = {'low': -1024.0" in sentence(
        recipe(data={"hu_window": {"low": -1000, "high": 2000}})
    )
    bundle, _ = read_bundle(head)
    two = replace(bundle, model=HeadUNetConfig(2, (8, 16), 4), channels=("T1", "T2"))
    write_bundle(tmp_path / "two", two, network_of(two).state_dict())
    assert sentence(recipe(), tmp_path / "two") == (
        f"{tmp_path / 'two'} sees 2 MR channels, and the training is on mr: give as many in "
        "data.channels of the recipe"
    )
    simulated = recipe().model_copy(update={"simulation": load_recipe("any-contrast").simulation})
    assert sentence(simulated) == "recipe tiny is trained on simulated scans, not on a store"
    assert "ships no model 'haed'" in sentence(recipe(), "haed")


def test_the_finetune_recipe_is_for_the_shipped_model() -> None:
    tuned, general = load_recipe("finetune"), load_recipe("any-contrast")
    assert (tuned.model, tuned.data) == (general.model, general.data)
    assert tuned.optimizer.learning_rate < general.optimizer.learning_rate
    with pytest.raises(RecipeError, match=r"'patches\.part': part must be three sides of 8 to 320"):
        parse_recipe("[training]\nsteps = 1\n[patches]\npart = [4, 64, 64]", "mine")


def test_the_command(tiny_store: Path, head: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "[data]\nspacing = [8, 8, 8]\n[model]\nkind = 'head_unet'\n[training]\nsteps = 2\n"
        "batch = 1\n[patches]\npart = [32, 32, 32]\n"
    )
    arguments = ["train", str(tiny_store), str(tmp_path / "run"), "--recipe", str(file)]
    result = CliRunner().invoke(app, [*arguments, "--from", "head"])
    assert result.exit_code == 0, result.output
    made = read_description(tmp_path / "run" / "best").translator
    assert made.provenance["start_sha256"] == read_description(head).weights_sha256
    assert made.model == HeadUNetConfig(widths=(8, 16), detail=4)
