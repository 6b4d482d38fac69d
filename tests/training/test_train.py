"""The training loop: it learns, it repeats itself, and it can be stopped at any moment."""

from __future__ import annotations

import csv
import math
import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

import mrtoct.training.loop as loop
import mrtoct.training.regression as regression
from mrtoct.errors import CohortError, FileError, RecipeError
from mrtoct.hardware.progress import Update
from mrtoct.prepare.intensity import HuWindow
from mrtoct.prepare.store import (
    Manifest,
    read_manifest,
    read_subject,
    write_manifest,
    write_subject,
)
from mrtoct.sampling.slices import Batch
from mrtoct.training.checkpoint import State, read_checkpoint
from mrtoct.training.cohort import describe, load_cohort
from mrtoct.training.curves import read_curves
from mrtoct.training.distance import distance_loss
from mrtoct.training.loop import learning_rate_factor
from mrtoct.training.losses import LOSSES, gdl, mae
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import read_run
from mrtoct.training.slices import epoch_indices
from mrtoct.training.split import Split
from mrtoct.training.train import train
from mrtoct.training.validation import validation_mae
from mrtoct.translation.bundle import read_bundle, read_description
from mrtoct.translation.geometry import Slices
from mrtoct.translation.predict import predict_once
from recipes import tiny_recipe

EVERYTHING_RANDOM = {
    "model": {"dropout": 0.5},
    "augmentation": {"flip": True, "rotation": 9, "scale": 0.1, "shift": 0.1, "gain": 0.2},
    "optimizer": {"schedule": "cosine"},
}


class Killed(KeyboardInterrupt):
    pass


def same(first: Path, second: Path) -> bool:
    """Whether best and last of two runs hold the same numbers, bit for bit, Adam's too."""
    return all(
        (first / name).read_bytes() == (second / name).read_bytes()
        for name in (
            "best/weights.safetensors",
            "last/weights.safetensors",
            "last/optimizer.safetensors",
        )
    )


def rows(run: Path) -> list[dict[str, object]]:
    return [{**asdict(p), "seconds": None, "idle": None} for p in read_curves(run)]


@pytest.fixture(scope="module")
def one_head(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("one") / "store"
    write_subject(store, read_subject(tiny_store, "head1"))
    write_manifest(store, Manifest({}, ("mr",), ["head1"], {}))
    return store


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return tiny_recipe(**EVERYTHING_RANDOM)


@pytest.fixture(scope="module")
def uninterrupted(
    tiny_store: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert train(tiny_store, run, recipe) == run / "best"
    return run


def test_a_head_can_be_learnt_by_heart(one_head: Path, tmp_path: Path) -> None:
    """Trained on one head alone, the network comes close to it and far below trivial answers."""
    recipe = tiny_recipe(
        model={"width": 8, "dropout": 0.0},
        optimizer={"learning_rate": 1e-2, "schedule": "cosine"},
        training={"steps": 160, "batch": 8, "validate_every": 40},
    )
    train(one_head, tmp_path / "run", recipe)
    points = read_curves(tmp_path / "run")
    assert [p.step for p in points] == [40, 80, 120, 160]
    assert [p.validation_mae for p in points] == [None] * 4
    assert points[-1].train_loss < 0.3 * points[0].train_loss
    (loaded,) = load_cohort(one_head, ("mr",), Split(["head1"], [], []), recipe).train
    bundle, network = read_bundle(tmp_path / "run" / "best")
    found = validation_mae(
        [loaded], bundle.window, lambda s: predict_once(network, bundle, s.mr, s.mr_head)
    )
    subject = read_subject(one_head, "head1")
    inside = (subject.head.voxels & subject.covered.voxels)[:, :, subject.kept_slices]
    hu = subject.ct.voxels[:, :, subject.kept_slices][inside].astype(float)
    best_constant = np.abs(hu - np.median(hu)).mean()
    assert found < 0.7 * best_constant < 0.7 * np.abs(hu).mean()
    # What the MR looked like (seen) holds arrays, which have no equality of their own.
    best, last = (
        replace(read_bundle(tmp_path / "run" / name)[0], seen=None) for name in ("best", "last")
    )
    assert best == last


def test_a_run_repeats_itself_bit_for_bit(
    tiny_store: Path, recipe: Recipe, uninterrupted: Path, tmp_path: Path
) -> None:
    torch.manual_seed(99)  # what happened before does not matter
    train(tiny_store, tmp_path / "run", recipe)
    assert same(tmp_path / "run", uninterrupted)
    assert rows(tmp_path / "run") == rows(uninterrupted)
    other = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": 2})})
    train(tiny_store, tmp_path / "other", other)
    assert not same(tmp_path / "other", uninterrupted)


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_a_killed_run_resumes_to_the_same_end(
    tiny_store: Path, recipe: Recipe, uninterrupted: Path, tmp_path: Path, stop: int
) -> None:
    """Killed before the first checkpoint, right after one (2, 4) and between two."""

    def kill(update: Update) -> None:
        assert (update.total, update.title) == (6, "")
        assert update.note.startswith("validation MAE ") == (update.done % 2 == 0)
        if update.done == stop:
            raise Killed

    run = tmp_path / "run"
    with pytest.raises(Killed):
        train(tiny_store, run, recipe, watcher=kill)
    assert (run / "last").is_dir() == (stop >= 2)
    assert read_run(run).finished is None
    seen: list[int] = []
    train(tiny_store, run, recipe, resume=True, watcher=lambda update: seen.append(update.done))
    assert seen == list(range(stop // 2 * 2 + 1, 7))
    assert same(run, uninterrupted)
    assert rows(run) == rows(uninterrupted)
    assert read_run(run).finished is not None


def test_killed_between_curves_best_and_last(
    tiny_store: Path,
    recipe: Recipe,
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tmp_path / "run"
    written = loop.write_checkpoint

    def kill(path, bundle, state, progress) -> None:  # type: ignore[no-untyped-def]
        if progress.step == 4:
            raise Killed
        written(path, bundle, state, progress)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop, "write_checkpoint", kill)
        train(tiny_store, run, recipe)
    assert [p.step for p in read_curves(run)] == [2, 4]
    train(tiny_store, run, recipe, resume=True)
    assert same(run, uninterrupted)
    assert rows(run) == rows(uninterrupted)


def test_a_second_training_keeps_out_of_a_run(
    tiny_store: Path, recipe: Recipe, tmp_path: Path
) -> None:
    refused: list[str] = []

    def second(update: Update) -> None:
        if not refused:
            with pytest.raises(FileError, match="another training is running") as caught:
                train(tiny_store, tmp_path / "run", recipe, overwrite=True)
            refused.append(str(caught.value))

    train(tiny_store, tmp_path / "run", recipe, watcher=second)
    assert len(refused) == 1


def test_a_finished_run_resumes_to_itself(
    tiny_store: Path, recipe: Recipe, uninterrupted: Path
) -> None:
    before = {p: p.read_bytes() for p in uninterrupted.rglob("*.*") if p.name != "run.json"}
    train(tiny_store, uninterrupted, recipe, resume=True)
    assert {p: p.read_bytes() for p in before} == before


def test_resuming_something_else_is_refused(
    tiny_store: Path, one_head: Path, recipe: Recipe, uninterrupted: Path, tmp_path: Path
) -> None:
    other = tiny_recipe(**{**EVERYTHING_RANDOM, "training": {"steps": 7}})
    with pytest.raises(RecipeError, match="another recipe"):
        train(tiny_store, uninterrupted, other, resume=True)
    with pytest.raises(RecipeError, match="another split"):
        train(one_head, uninterrupted, recipe, resume=True)
    with pytest.raises(FileError, match="no run to resume"):
        train(tiny_store, tmp_path / "none", recipe, resume=True)


def test_an_existing_run_is_kept_or_wholly_replaced(
    tiny_store: Path, recipe: Recipe, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(tiny_store, run, recipe)
    kept = (run / "best" / "weights.safetensors").read_bytes()
    with pytest.raises(FileError, match="exists already"):
        train(tiny_store, run, recipe)
    assert (run / "best" / "weights.safetensors").read_bytes() == kept
    (run / "evaluation").mkdir()

    def kill(update: Update) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(tiny_store, run, tiny_recipe(), overwrite=True, watcher=kill)
    assert sorted(p.name for p in run.iterdir()) == ["run.json", "tensorboard"]
    assert read_run(run).recipe == tiny_recipe()


def test_best_is_the_lowest_validation(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([50.0, 30.0, 40.0, 30.0])
    monkeypatch.setattr("mrtoct.training.validation.validation_mae", lambda *_: next(figures))
    run = tmp_path / "run"
    train(tiny_store, run, tiny_recipe(training={"steps": 7}))
    assert [(p.step, p.validation_mae) for p in read_curves(run)] == [
        (2, 50.0), (4, 30.0), (6, 40.0), (7, 30.0)
    ]  # fmt: skip
    best, last = (read_description(run / name).translator for name in ("best", "last"))
    assert (best.provenance["step"], best.validation) == (4, {"mae_hu": 30.0})
    assert (last.provenance["step"], last.validation) == (7, {"mae_hu": 30.0})
    network = read_bundle(run / "last")[1]
    adam = torch.optim.Adam(network.parameters())
    state = State(network, {}, {"translator": adam})
    assert read_checkpoint(run / "last", state).best_mae == 30.0


def test_the_bundle_says_what_it_was_trained_on(uninterrupted: Path, recipe: Recipe) -> None:
    bundle, _ = read_bundle(uninterrupted / "last")
    assert bundle.spacing == (4.0, 4.0, 4.0)
    assert bundle.geometry.size == (64, 64)
    assert bundle.model == recipe.model
    assert (bundle.window, bundle.scaling) == (recipe.data.hu_window, recipe.data.mr_scaling)
    assert bundle.provenance["recipe"] == recipe.model_dump(mode="json")
    assert bundle.provenance["subjects"] == {"train": 1, "validation": 1, "test": 0}


def test_the_bundle_says_whether_the_mr_was_corrected(
    tiny_store: Path, tmp_path: Path, recipe: Recipe
) -> None:
    manifest = read_manifest(tiny_store)
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    write_manifest(store, replace(manifest, settings={"bias_correct": True}))
    split = Split(train=["head1"], validation=[], test=[])
    for folder, expected in ((tiny_store, False), (store, True)):
        cohort = load_cohort(folder, ("mr",), split, recipe)
        bundle = describe(recipe, recipe.model, Slices((64, 64)), cohort)
        assert bundle.bias_corrected is expected


def test_the_curves_are_the_losses_that_happened(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def watched(*arguments: object) -> Tensor:
        loss = distance_loss(*arguments)  # type: ignore[arg-type]
        seen.append(loss.item())
        return loss

    monkeypatch.setattr(regression, "distance_loss", watched)
    recipe = tiny_recipe(training={"steps": 5, "validate_every": 2})
    train(tiny_store, tmp_path / "run", recipe)
    points = read_curves(tmp_path / "run")
    means = [np.mean(seen[0:2]), np.mean(seen[2:4]), seen[4]]
    np.testing.assert_allclose([p.train_loss for p in points], means, rtol=1e-6)
    with (tmp_path / "run" / "curves.csv").open(newline="") as stream:
        assert [r["step"] for r in csv.DictReader(stream)] == ["2", "4", "5"]
    assert len(set(seen)) == 5  # not the same batch again and again


def test_a_loss_that_explodes_stops_with_one_sentence(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSSES, "exploding", lambda made, *_: (made * 1e38).square().mean())
    recipe = tiny_recipe(loss=[{"term": "exploding"}])
    with pytest.raises(
        RecipeError, match=r"^the training loss became (nan|inf) by step 2; lower optimizer\.learn"
    ):
        train(tiny_store, tmp_path / "run", recipe)
    assert not (tmp_path / "run" / "best").exists()
    assert not (tmp_path / "run" / "last").exists()


def test_weights_that_explode_in_the_last_step_do_not_pass_as_a_result(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mrtoct.training.validation.validation_mae", lambda *_: math.nan)
    with pytest.raises(RecipeError, match=r"^the validation MAE became nan by step 2; lower"):
        train(tiny_store, tmp_path / "run", tiny_recipe())
    assert not (tmp_path / "run" / "best").exists()


def test_validation_mae_is_numpys(tiny_store: Path) -> None:
    subjects = load_cohort(
        tiny_store, ("mr",), Split(["head1", "head2"], [], []), tiny_recipe()
    ).train
    window = HuWindow(-1000, 2000)
    found = validation_mae(subjects, window, lambda s: np.clip(1.4 * s.mr[0] - 0.1, 0, 1))
    errors = []
    for name, loaded in zip(("head1", "head2"), subjects, strict=True):
        subject = read_subject(tiny_store, name)
        inside = (subject.head.voxels & subject.covered.voxels)[:, :, subject.kept_slices]
        assert inside.sum() < subject.head.voxels.sum()
        hu = np.clip(subject.ct.voxels[:, :, subject.kept_slices][inside], -1000, 2000)
        shown = loaded.mr[0, :, :, subject.kept_slices].transpose(1, 2, 0)[inside].astype(float)
        errors.append(np.abs(3000 * np.clip(1.4 * shown - 0.1, 0, 1) - 1000 - hu))
    assert found == pytest.approx(np.concatenate(errors).mean(), rel=1e-3)


def test_distance_loss_weighs_terms_and_leaves_out_what_was_not_measured() -> None:
    rng = np.random.default_rng(0)
    prediction, mr, ct, brain = (
        torch.from_numpy(rng.uniform(size=(2, 1, 6, 8)).astype(np.float32)) for _ in range(4)
    )
    covered, head = torch.ones_like(ct), torch.zeros_like(ct)
    covered[:, :, :, :3] = 0
    head[:, :, 2:] = 1
    batch = Batch(mr, ct, covered, head, brain)
    two = [
        {"term": "mae", "weight": 2.0},
        {"term": "gdl", "weight": 1e-2, "reduction": "sum"},
    ]
    found = distance_loss(tiny_recipe(loss=two), prediction, batch)
    expected = 2 * mae(prediction, ct, covered) + 1e-2 * gdl(prediction, ct, covered, "sum")
    torch.testing.assert_close(found, expected)
    error = (prediction - ct).abs()[..., 3:]
    one = distance_loss(tiny_recipe(loss=two[:1]), prediction, batch)
    torch.testing.assert_close(one, 2 * error.mean())

    def focused(**focus: object) -> Tensor:
        recipe = tiny_recipe(focus=focus, data={"hu_window": {"low": -1000, "high": 1000}})
        return distance_loss(recipe, prediction, batch)

    def mean(weight: Tensor) -> Tensor:
        return (error * weight).sum() / weight.sum()

    torch.testing.assert_close(focused(brain=5.0), mean(1 + 5 * brain[..., 3:]))
    torch.testing.assert_close(focused(outside=0.0), mean(head[..., 3:]))
    is_bone = (ct[..., 3:] > 0.65).float()  # 300 of -1000 to 1000 HU
    torch.testing.assert_close(focused(bone=2.0, bone_above=300.0), mean(1 + 2 * is_bone))


@pytest.mark.parametrize(("count", "batch"), [(45, 4), (16, 16), (7, 3), (5, 16), (1, 2)])
def test_an_epoch_sees_every_slice_once(count: int, batch: int) -> None:
    recipe = tiny_recipe(training={"batch": batch})
    epochs = 6
    drawn = [
        index
        for step in range(-(-epochs * count // batch))
        for index in epoch_indices(count, recipe, step)
    ]
    parts = [drawn[e * count : (e + 1) * count] for e in range(epochs)]
    for part in parts:
        assert sorted(part) == list(range(count))
    if count > 4:
        assert max(Counter(map(tuple, parts)).values()) == 1
    assert len(epoch_indices(count, recipe, 3)) == batch


def test_the_learning_rate() -> None:
    constant, cosine = tiny_recipe(), tiny_recipe(optimizer={"schedule": "cosine"})
    assert {learning_rate_factor(constant, s, d) for s, d in ((0, 0), (3, 0.5), (9, 1))} == {1.0}
    assert learning_rate_factor(cosine, 0, 0.0) == pytest.approx(1 / 20)
    assert learning_rate_factor(cosine, 9, 0.0) == pytest.approx(0.5)
    assert learning_rate_factor(cosine, 500, 0.5) == pytest.approx(0.5)
    assert learning_rate_factor(cosine, 500, 1 / 3) == pytest.approx(0.75)
    assert learning_rate_factor(cosine, 999, 1.0) == pytest.approx(0.0, abs=1e-12)
    assert learning_rate_factor(cosine, 999, 1.2) == pytest.approx(0.0, abs=1e-12)
    linear = tiny_recipe(optimizer={"schedule": "linear"})
    rates = [learning_rate_factor(linear, 0, d) for d in (0, 0.5, 0.75, 1, 1.2)]
    assert rates == pytest.approx([1, 1, 0.5, 0, 0])


def test_the_learning_rate_reaches_adam(
    tiny_store: Path, uninterrupted: Path, recipe: Recipe
) -> None:
    rates = [p.learning_rate for p in read_curves(uninterrupted)]
    expected = [
        2e-3 * min(1, (s + 1) / 20) * 0.5 * (1 + math.cos(math.pi * s / 6)) for s in (1, 3, 5)
    ]
    assert rates == pytest.approx(expected)


def test_a_time_limit_stops_in_good_order(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock gives 10 s a reading, two a step: 1.2 minutes are over in step 4."""
    now = iter(range(0, 10**6, 10))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    recipe = tiny_recipe(training={"steps": 1000, "validate_every": 3, "minutes": 1.2})
    run = tmp_path / "run"
    train(tiny_store, run, recipe)
    points = read_curves(run)
    assert [p.step for p in points] == [3, 4]
    assert points[-1].seconds == 80
    finished = read_run(run).finished
    assert finished is not None
    assert (finished.step, finished.seconds) == (4, 80)
    assert read_description(run / "last").translator.provenance["step"] == 4
    train(tiny_store, run, recipe, resume=True)  # nothing is left to do
    assert [p.step for p in read_curves(run)] == [3, 4]


def test_subjects_are_split_before_anything_is_read(tiny_store: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(split={"validation": 0.9, "test": 0.0})
    with pytest.raises(CohortError, match="leave one for training"):
        train(tiny_store, tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()
