"""The cascade: out-of-fold predictions, one bundle, and a stop in any of its networks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import mrtoct.training.auto_context as module
from mrtoct.errors import CohortError, RecipeError
from mrtoct.hardware.progress import Update
from mrtoct.networks.cascade import Cascade
from mrtoct.prepare.store import Manifest, read_subject, write_manifest, write_subject
from mrtoct.sampling.patches import PatchSet
from mrtoct.training.auto_context import fold_names
from mrtoct.training.cohort import load_cohort
from mrtoct.training.curves import read_curves
from mrtoct.training.distance import within
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.predict import predict
from mrtoct.translation.predict_patches import predict_stage
from mrtoct.translation.translator import Translator


def recipe(iterations: int = 2, **sections: object) -> Recipe:
    values = {
        "name": "tiny",
        "data": {"spacing": [8, 8, 8]},
        "model": {"kind": "context", "width": 2},
        "auto_context": {"iterations": iterations, "folds": 2},
        "training": {"steps": 2, "batch": 2, "validate_every": 2, "precision": "float32"},
        "split": {"validation": 0.3},
    }
    return Recipe.model_validate({**values, **sections})


@pytest.fixture(scope="module")
def store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four subjects, made of two: enough for two folds, a validation and nobody twice."""
    store = tmp_path_factory.mktemp("four") / "store"
    names = []
    for n in range(4):
        subject = read_subject(tiny_store, f"head{n % 2 + 1}")
        write_subject(store, subject)
        shutil.move(store / subject.name, store / f"s{n}")
        names.append(f"s{n}")
    write_manifest(store, Manifest({}, ("mr",), names, {}))
    return store


@pytest.fixture(scope="module")
def run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("cascade") / "run"
    assert train(store, run, recipe()) == run / "best"
    return run


def same(first: Path, second: Path) -> bool:
    files = [p.relative_to(first) for p in first.rglob("*") if p.suffix in (".safetensors", ".npy")]
    return len(files) > 10 and all(
        (first / f).read_bytes() == (second / f).read_bytes() for f in files
    )


def test_every_fold_is_predicted_by_a_network_that_did_not_see_it(
    store: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[set[str]] = []
    contexts: list[bool] = []

    class Watched(PatchSet):
        def __init__(self, sources, **options):  # type: ignore[no-untyped-def]
            contexts.append(sources[0].mr.shape[0] == 2)
            super().__init__(sources, **options)

    stage = module.train_stage

    def watched(folder, recipe, cohort, subjects, *rest, **options):  # type: ignore[no-untyped-def]
        trained.append({s.name for s in subjects})
        return stage(folder, recipe, cohort, subjects, *rest, **options)

    monkeypatch.setattr(module, "PatchSet", Watched)
    monkeypatch.setattr(module, "train_stage", watched)
    train(store, tmp_path / "run", recipe())
    split = read_run(tmp_path / "run").split
    folds = fold_names(split.train, recipe())
    everybody = set(split.train)
    assert trained == [everybody, everybody - folds[0], everybody - folds[1], everybody]
    assert contexts == [False, False, False, True]
    assert set.union(*folds) == everybody
    assert not folds[0] & folds[1]

    wanted = recipe()
    cohort = load_cohort(store, ("mr",), split, wanted)
    for number, held_out in enumerate(folds, start=1):
        bundle, network = read_bundle(run / "stage-1" / f"fold-{number}" / "best")
        for subject in cohort.train:
            if subject.name in held_out:
                stored = np.load(run / "stage-1" / "context" / f"{subject.name}.npy")
                made = predict_stage(network, bundle, 0, subject.mr, None, subject.mr_head)  # type: ignore[arg-type]
                np.testing.assert_allclose(stored, made, atol=1e-3)
                assert made.std() > 0


def test_the_bundle_holds_the_cascade_and_translates_with_it(store: Path, run: Path) -> None:
    last = run / "stage-2" / "whole" / "best"
    bundle, network = read_bundle(last)
    assert bundle.geometry.stages == 2
    assert isinstance(network, Cascade)
    assert [s.config.in_channels for s in network.stages] == [1, 2]
    first = read_bundle(run / "stage-1" / "whole" / "best")[1]
    for key, tensor in first.state_dict().items():  # the first stage is carried over untouched
        assert torch.equal(network.state_dict()[key], tensor)
    subject = load_cohort(store, ("mr",), read_run(run).split, recipe()).train[0]
    made = predict(network, bundle, subject.mr, subject.mr_head)
    context = predict_stage(network, bundle, 0, subject.mr, None, subject.mr_head)
    by_hand = predict_stage(network, bundle, 1, subject.mr, context, subject.mr_head)
    np.testing.assert_array_equal(made, by_hand)
    assert not np.array_equal(made, context)
    sct = Translator.load(last, "cpu").translate(read_subject(store, "s0").mr)
    assert sct.grid.matches(read_subject(store, "s0").mr.grid)


def test_the_best_stage_is_kept(run: Path) -> None:
    errors = [
        read_bundle(run / f"stage-{n}" / "whole" / "best")[0].validation["mae_hu"] for n in (1, 2)
    ]
    assert read_bundle(run / "best")[0].validation["mae_hu"] == min(errors)
    assert [p.step for p in read_curves(run)] == [2, 4]
    assert read_run(run).finished.step == 8  # type: ignore[union-attr]  # four networks


@pytest.mark.parametrize("stop", [1, 3, 5, 7])
def test_a_killed_run_goes_on_in_the_network_it_was_at(
    store: Path, run: Path, tmp_path: Path, stop: int
) -> None:
    def kill(update: Update) -> None:
        if update.done == stop:
            raise KeyboardInterrupt

    killed = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(store, killed, recipe(), watcher=kill)
    assert not (killed / "best").exists()
    seen: list[int] = []
    train(store, killed, recipe(), resume=True, watcher=lambda update: seen.append(update.done))
    assert seen[0] == stop // 2 * 2 + 1
    assert same(run, killed)


def test_one_iteration_needs_no_folds(tiny_store: Path, tmp_path: Path) -> None:
    train(tiny_store, tmp_path / "run", recipe(1))
    assert sorted(p.name for p in (tmp_path / "run" / "stage-1").iterdir()) == ["whole"]
    with pytest.raises(CohortError, match="at least 2 training subjects, got 1"):
        train(tiny_store, tmp_path / "two", recipe(2))


def test_a_cascade_has_no_start(tiny_store: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot start from the weights of a bundle"):
        train(tiny_store, tmp_path / "run", recipe(1), start=run / "best")
    assert not (tmp_path / "run").exists()


def test_against_a_discriminator_of_patches(tiny_store: Path, tmp_path: Path) -> None:
    train(tiny_store, tmp_path / "run", recipe(1, adversarial={"width": 2}))
    assert read_curves(tmp_path / "run")[-1].score_fake is not None
    bundle, network = read_bundle(tmp_path / "run" / "best")
    assert len(network.stages) == bundle.geometry.stages == 1  # type: ignore[union-attr]


def test_with_the_whole_margin_training_sees_what_translation_gives(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patch's prediction equals that part of the whole head's, unlike with the paper's margin."""
    # In bfloat16, which some CPUs compute in, numbers differ by more than borders do.
    monkeypatch.setattr("mrtoct.translation.predict_patches.bfloat16_pays", lambda device: False)
    differences = {}
    for margin in (8, 18):
        wanted = recipe(1, patches={"size": 8, "margin": margin})
        run = tmp_path / f"run-{margin}"
        train(store, run, wanted)
        bundle, network = read_bundle(run / "best")
        assert isinstance(network, Cascade)
        (subject, *_) = load_cohort(store, ("mr",), read_run(run).split, wanted).train
        whole = predict_stage(network, bundle, 0, subject.mr, None, np.ones_like(subject.mr_head))
        padded = np.pad(subject.mr[0].astype(np.float32), 18)
        low = np.array(subject.hu.shape) // 2 - 4
        box = tuple(slice(a, a + 8) for a in low)
        seen = padded[tuple(slice(a + 18 - margin, a + 26 + margin) for a in low)]
        with torch.no_grad():
            made = network.stages[0](torch.from_numpy(seen)[None, None])
        patch = within(made, torch.zeros(1, 1, 8, 8, 8))[0, 0].numpy()
        differences[margin] = np.abs(patch - whole[box]).max()
    assert differences[18] < 1e-5 < differences[8]
