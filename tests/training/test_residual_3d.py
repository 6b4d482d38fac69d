"""The recipe residual-3d's way, in miniature: a store, parts, tiles, a bundle, a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
from typer.testing import CliRunner

from mrtoct.cli.app import app
from mrtoct.errors import BundleError
from mrtoct.networks.residual_encoder import ResidualEncoderConfig
from mrtoct.prepare.store import read_subject
from mrtoct.sampling.parts import around_head
from mrtoct.training.cohort import load_cohort
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from mrtoct.training.validation import validation_mae
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.export import export_onnx
from mrtoct.translation.geometry import Heads
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume


def tiny(**sections: Any) -> Recipe:
    base = load_recipe("residual-3d").model_dump(mode="json")
    small: dict[str, Any] = {
        "name": "tiny",
        "data": {"spacing": [8, 8, 8]},
        "model": {"width": 8, "blocks": [1, 1, 1], "supervised": 2},
        "patches": {"part": [16, 16, 16]},
        "optimizer": {"learning_rate": 3e-3, "schedule": "constant"},
        "training": {"steps": 40, "validate_every": 20, "precision": "float32", "average": 0.8},
    }
    for change in (small, sections):
        for name, values in change.items():
            base[name] = {**base[name], **values} if isinstance(values, dict) else values
    return Recipe.model_validate(base)


@pytest.fixture(scope="module")
def run(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("residual") / "run"
    train(tiny_store, folder, tiny())
    return folder


def test_it_learns_and_the_bundle_says_what_it_is(run: Path, tiny_store: Path) -> None:
    bundle, network = read_bundle(run / "best")
    assert bundle.model == ResidualEncoderConfig(width=8, blocks=(1, 1, 1), supervised=2)
    assert bundle.geometry == Heads((16, 16, 16))
    assert bundle.mirror
    assert bundle.deviation is not None
    # It begins near 0 HU everywhere, which is nearly the best constant.
    split = read_run(run).split
    judges = [*map(around_head, load_cohort(tiny_store, ("mr",), split, tiny()).validation)]
    flat = validation_mae(judges, bundle.window, lambda s: np.full(s.hu.shape, 0.25, np.float32))
    assert bundle.validation["mae_hu"] < 0.97 * flat
    stored = safetensors.torch.load_file(run / "best" / "weights.safetensors")
    assert stored.keys() == network.state_dict().keys()
    assert {name.split(".")[1] for name in stored if name.startswith("last.")} == {"0", "1"}


def test_it_translates_in_tiles_onto_the_mrs_grid(run: Path, tiny_store: Path) -> None:
    subject = read_subject(tiny_store, "head1")
    mr = Volume(subject.mr.voxels.astype(np.float32), subject.mr.grid, "a.u.")
    translator = Translator.load(run / "best")
    sct, deviation = translator.translate_with_deviation(mr)
    assert sct.grid.matches(mr.grid)
    inside = sct.voxels > -1024
    assert inside.sum() > 100
    assert (deviation.voxels[inside] >= 1).all()
    real = np.asarray(subject.ct.voxels)[inside]
    error = np.abs(sct.voxels[inside] - real).mean()
    assert error < np.abs(real + 1024).mean()  # after 40 steps it knows at least that it is no air


def test_info_names_it_and_onnx_cannot_hold_its_tiles(run: Path, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["info", str(run / "best")])
    assert said.exit_code == 0
    assert "residual_encoder, 0.1 million weights" in said.output
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    with pytest.raises(BundleError, match="translates in overlapping tiles"):
        export_onnx(run / "best", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
