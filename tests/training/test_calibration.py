"""Standard deviations are learnt at the end of a training, and always the same ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import BundleError
from mrtoct.hardware.progress import Update
from mrtoct.prepare.store import read_subject
from mrtoct.training.calibration import VOXELS, calibrate, fitted, voxel_signs
from mrtoct.training.cohort import load_cohort
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle, read_description
from mrtoct.translation.translator import Translator
from recipes import tiny_recipe


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return tiny_recipe(
        optimizer={"learning_rate": 1e-2}, training={"steps": 12, "validate_every": 4}
    )


@pytest.fixture(scope="module")
def run(tiny_store: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    train(tiny_store, folder, recipe)
    return folder


def test_errors_of_the_validation_head_are_as_large_as_the_deviations(
    tiny_store: Path, recipe: Recipe, run: Path
) -> None:
    """The likelihood is highest where squared errors over variances are 1 on average."""
    bundle, network = read_bundle(run / "best")
    assert bundle.deviation is not None
    assert bundle.deviation.heads == 1
    (subject,) = load_cohort(tiny_store, ("mr",), read_run(run).split, recipe).validation
    signs, error = voxel_signs(network, bundle, subject)
    assert 1_000 < error.size <= VOXELS
    deviation = bundle.deviation.apply(signs).astype(float)
    assert (error**2 / deviation**2).mean() == pytest.approx(1, rel=0.02)
    assert deviation.std() > 10
    few, some = voxel_signs(network, bundle, subject, most=500)
    assert 250 < some.size <= 500
    assert few.hu.shape == few.contrast.shape == few.disagreement.shape == some.shape


def test_the_errors_are_those_of_the_translation(
    tiny_store: Path, recipe: Recipe, run: Path
) -> None:
    """On the store's own grid, where both show a head, translate gives the same HU."""
    bundle, network = read_bundle(run / "best")
    split = read_run(run).split
    (subject,) = load_cohort(tiny_store, ("mr",), split, recipe).validation
    prepared = read_subject(tiny_store, split.validation[0])
    sct = Translator.load(run / "best", "cpu").translate(prepared.mr).voxels.astype(float)
    kept = np.zeros(sct.shape, dtype=bool)
    kept[:, :, subject.kept] = True
    inside = kept & subject.head & subject.covered & subject.mr_head
    real = np.clip(prepared.ct.voxels, bundle.window.low, bundle.window.high)
    expected = (sct - real)[inside]
    _, error = voxel_signs(network, bundle, subject, most=expected.size)
    assert error.size == expected.size
    # The MR is held in half precision and the sCT is rounded.
    assert np.percentile(np.abs(error - expected), 95) < 3


def test_a_training_that_was_stopped_ends_with_the_same_numbers(
    tiny_store: Path, recipe: Recipe, run: Path, tmp_path: Path
) -> None:
    def stop(update: Update) -> None:
        if update.done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tiny_store, tmp_path / "run", recipe, watcher=stop)
    assert read_description(tmp_path / "run" / "best").translator.deviation is None
    for _ in range(2):  # and again, when nothing is left to do
        train(tiny_store, tmp_path / "run", recipe, resume=True)
        found = read_description(tmp_path / "run" / "best")
        assert found.translator.deviation == read_description(run / "best").translator.deviation
        assert found.weights_sha256 == read_description(run / "best").weights_sha256


def test_without_validation_subjects_there_is_none(tiny_store: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(training={"steps": 2, "validate_every": 2}, split={"validation": 0.0})
    best = train(tiny_store, tmp_path / "run", recipe)
    assert read_description(best).translator.deviation is None
    translator = Translator.load(best, "cpu")
    mr = read_subject(tiny_store, "head1").mr
    with pytest.raises(BundleError, match="trained without validation subjects"):
        translator.translate_with_deviation(mr)
    before = (best / "bundle.json").read_bytes()
    calibrate(best, [])
    assert (best / "bundle.json").read_bytes() == before


def test_heads_without_a_voxel_to_judge_teach_nothing(
    tiny_store: Path, recipe: Recipe, run: Path
) -> None:
    bundle, network = read_bundle(run / "best")
    (subject,) = load_cohort(tiny_store, ("mr",), read_run(run).split, recipe).validation
    hidden = replace(subject, covered=np.zeros_like(subject.covered))
    assert fitted(network, bundle, [hidden]) is None
    both = fitted(network, bundle, [hidden, subject])
    assert both is not None
    assert replace(both, heads=1) == read_description(run / "best").translator.deviation
