"""Every model learns one coarse head by heart: what cannot do that will not learn a cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mrtoct.networks.cascade import Cascade
from mrtoct.prepare.store import Manifest, read_subject, write_manifest, write_subject
from mrtoct.sampling.patches import PatchSet, PatchSource
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training.cohort import load_cohort
from mrtoct.training.distance import within
from mrtoct.training.recipe import Recipe
from mrtoct.training.split import Split
from mrtoct.training.train import train
from mrtoct.training.validation import validation_mae
from mrtoct.translation.bundle import network_of, read_bundle
from mrtoct.translation.predict import predict_once

HEAD = Split(["head1"], [], [])


def recipe(**sections: Any) -> Recipe:
    """Slices of 32 x 32 at 8 mm; a batch is half of the head."""
    base: dict[str, Any] = {
        "name": "by heart",
        "data": {"spacing": [8, 8, 8], "size": [32, 32]},
        "model": {"width": 8, "depth": 3, "dropout": 0.0},
        "optimizer": {"learning_rate": 1e-2, "schedule": "cosine"},
        "training": {"steps": 120, "batch": 8, "validate_every": 120, "precision": "float32"},
    }
    for name, values in sections.items():
        base[name] = values if isinstance(values, list) else {**base.get(name, {}), **values}
    # A network takes its own options alone.
    base["model"] = {key: value for key, value in base["model"].items() if value is not None}
    return Recipe.model_validate(base)


MAE_AND_GDL = [{"term": "mae"}, {"term": "gdl", "weight": 1e-3, "reduction": "sum"}]
SLOWER = {"learning_rate": 5e-3}
RECIPES = {
    "u-net, MAE": recipe(),
    "u-net, MAE + GDL": recipe(loss=MAE_AND_GDL),
    "pix2pix, standard": recipe(adversarial={"loss": "standard", "width": 4}, optimizer=SLOWER),
    "pix2pix, least-square": recipe(adversarial={"width": 4}, optimizer=SLOWER),
    "modern": recipe(
        data={"neighbours": 1, "mirror": True},
        model={"kind": "residual_unet", "dropout": None},
        focus={"bone": 1.0, "outside": 0.0},
        optimizer={"beta1": 0.9},
        training={"average": 0.9},
    ),
    "three planes": recipe(
        data={"planes": ["transverse", "coronal", "sagittal"]},
        training={"steps": 160, "validate_every": 160},
    ),
}


@pytest.fixture(scope="module")
def one_head(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("one") / "store"
    write_subject(store, read_subject(tiny_store, "head1"))
    write_manifest(store, Manifest({}, ("mr",), ["head1"], {}))
    return store


def head(store: Path) -> LoadedSubject:
    (loaded,) = load_cohort(store, ("mr",), HEAD, recipe()).train
    return loaded


def error(run: Path, subject: LoadedSubject) -> float:
    """In-head MAE of the network that was kept: the last, as nobody validates. HU."""
    bundle, network = read_bundle(run / "best")
    return validation_mae(
        [subject], bundle.window, lambda s: predict_once(network, bundle, s.mr, s.mr_head)
    )


def best_constant(subject: LoadedSubject) -> float:
    """MAE of the one value that is best for this very head."""
    hu = subject.hu[:, :, subject.kept][(subject.head & subject.covered)[:, :, subject.kept]]
    return float(np.abs(hu - np.median(hu)).mean())


@pytest.mark.parametrize("name", RECIPES)
def test_a_head_is_learnt_by_heart(name: str, one_head: Path, tmp_path: Path) -> None:
    subject = head(one_head)
    bar = 0.6 * best_constant(subject)
    train(one_head, tmp_path / "run", RECIPES[name])
    bundle, _ = read_bundle(tmp_path / "run" / "best")
    untrained = network_of(bundle).eval()
    beginning = validation_mae(
        [subject], bundle.window, lambda s: predict_once(untrained, bundle, s.mr, s.mr_head)
    )
    found = error(tmp_path / "run", subject)
    assert found < bar < beginning


def test_the_context_gan_learns_a_head_by_heart(one_head: Path, tmp_path: Path) -> None:
    """Judged on other patches of that head, drawn as in training: a third each of its tissues."""
    learnt = recipe(
        model={"kind": "context", "width": 3, "depth": None, "dropout": None},
        patches={"size": 9},
        adversarial={"width": 2},
        optimizer={"learning_rate": 3e-2},
        training={"steps": 80, "batch": 3, "validate_every": 80},
    )
    train(one_head, tmp_path / "run", learnt)
    subject = head(one_head)
    source = PatchSource(subject.mr, subject.hu, subject.head, subject.covered)
    batch = PatchSet([source], size=9, seed=99).batch(0, 60)
    bundle, network = read_bundle(tmp_path / "run" / "best")
    untrained = network_of(bundle).eval()

    def error(cascade: nn.Module) -> float:
        assert isinstance(cascade, Cascade)
        with torch.no_grad():
            made = within(cascade.stages[0](batch.mr), batch.ct)
        return float((made - batch.ct).abs().mean())

    constant = float((batch.ct - batch.ct.median()).abs().mean())
    assert error(network) < 0.9 * constant < 0.9 * error(untrained)


def test_fine_tuning_on_the_brain_goes_on_from_what_was_learnt(
    one_head: Path, tmp_path: Path
) -> None:
    """Section 4.3: a few steps with errors in the brain weighing more lower the error there."""
    first = RECIPES["pix2pix, least-square"]
    train(one_head, tmp_path / "first", first)
    short = {"steps": 40, "validate_every": 40}
    boosted = recipe(
        adversarial={"width": 4}, optimizer=SLOWER, focus={"brain": 4.0}, training=short
    )
    train(one_head, tmp_path / "boosted", boosted, start=tmp_path / "first" / "last")
    (subject,) = load_cohort(one_head, ("mr",), HEAD, boosted).train
    assert subject.brain is not None
    inside = (subject.brain > 0.5) & subject.covered
    inside[:, :, [k for k in range(inside.shape[2]) if k not in subject.kept]] = False
    assert inside.sum() > 100

    def in_the_brain(run: Path) -> float:
        bundle, network = read_bundle(run / "best")
        made = predict_once(network, bundle, subject.mr, subject.mr_head)
        return float(np.abs(bundle.window.to_hu(made) - subject.hu)[inside].mean())

    assert in_the_brain(tmp_path / "boosted") < in_the_brain(tmp_path / "first")
    assert error(tmp_path / "boosted", subject) < 0.6 * best_constant(subject)
