"""A training from simulation: batches as a store's, and resumed equal to one never stopped."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from layered_head import BIG, layered_head
from mrtoct.errors import CohortError, RecipeError
from mrtoct.hardware.progress import Update
from mrtoct.io.files import write_volume
from mrtoct.prepare.intensity import HuWindow
from mrtoct.simulation.scan import Scan
from mrtoct.training.curves import read_curves
from mrtoct.training.recipe import Recipe
from mrtoct.training.simulated import as_batch, train_from_simulation
from mrtoct.translation.bundle import read_bundle, read_description
from mrtoct.volume import Grid, Volume

TINY = Recipe.model_validate(
    {
        "name": "tiny",
        "model": {"kind": "head_unet", "widths": [8, 16], "detail": 4},
        "simulation": {"size": [32, 32, 32], "variants": 1},
        "focus": {"bone": 1.0, "outside": 0.1},
        "optimizer": {"learning_rate": 1e-3, "beta1": 0.9, "muon": 20.0},
        "training": {"steps": 4, "batch": 1, "validate_every": 2, "average": 0.5}
        | {"precision": "float32"},
        "split": {"validation": 0.4},
    }
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two label maps of half a litre."""
    folder = tmp_path_factory.mktemp("sources")
    voxels = layered_head(BIG)
    i, j, k = voxels.shape
    for name in ("one", "two"):
        write_volume(folder / f"{name}.nii.gz", Volume(voxels, Grid((i, j, k), np.eye(4)), "label"))
    return folder


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


def test_resumed_equals_not_stopped(sources: Path, one_worker: None, tmp_path: Path) -> None:
    def kill(update: Update) -> None:
        if update.done == 3:
            raise KeyboardInterrupt

    train_from_simulation(sources, tmp_path / "whole", TINY)
    points = read_curves(tmp_path / "whole")
    assert any(p.validation_mae is not None and 0 < p.validation_mae < 3000 for p in points)
    with pytest.raises(KeyboardInterrupt):
        train_from_simulation(sources, tmp_path / "killed", TINY, watcher=kill)
    steps: list[int] = []
    train_from_simulation(
        sources,
        tmp_path / "killed",
        TINY,
        resume=True,
        watcher=lambda update: steps.append(update.done),
    )
    assert steps == [3, 4]  # after the checkpoint of step 2
    tensors = {p.relative_to(tmp_path / "whole") for p in tmp_path.glob("whole/*/*.safetensors")}
    assert len(tensors) == 4
    for file in tensors:
        whole, killed = (tmp_path / run / file for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), file
    _, network = read_bundle(tmp_path / "whole" / "best")
    assert sum(p.numel() for p in network.parameters()) > 10_000
    split = json.loads((tmp_path / "whole" / "run.json").read_text())["split"]
    assert sorted([*split["train"], *split["validation"]]) == ["one", "two"]
    anatomies = sorted(p.name for p in (tmp_path / "whole" / "anatomies").iterdir())
    assert anatomies == ["one-000.npz", "one.npz", "two-000.npz", "two.npz"]

    short = TINY.training.model_copy(update={"steps": 1})
    begun = tmp_path / "whole" / "best"
    once = TINY.model_copy(update={"training": short})
    on = train_from_simulation(sources, tmp_path / "on", once, start=begun)
    told = read_bundle(on)[0].provenance
    assert told["start_sha256"] == read_description(begun).weights_sha256


def test_a_batch_is_in_the_window_and_keeps_its_masks() -> None:
    shape = (4, 5, 6)
    hu = np.full(shape, -1024, np.int16)
    hu[0], hu[1] = 3071, 1023
    head, trusted = np.zeros(shape, bool), np.ones(shape, bool)
    head[:2], trusted[2] = True, False
    made = as_batch([Scan(np.full(shape, 0.7, np.float32), hu, head, trusted)] * 2, HuWindow())
    assert made.ct.shape == (2, 1, *shape) and made.ct.dtype == torch.float32
    np.testing.assert_allclose(made.ct[1, 0, :3, 0, 0], [1, 2047 / 4095, 0], atol=1e-6)
    np.testing.assert_array_equal(made.head[0, 0].numpy(), head)
    np.testing.assert_array_equal(made.covered[0, 0].numpy(), trusted)
    assert (made.mr == 0.7).all() and not made.brain.any()


def test_one_label_map_is_too_few(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="holds 1 label map; at least 2 are needed"):
        train_from_simulation(sources / "one.nii.gz", tmp_path / "run", TINY)
    assert not (tmp_path / "run").exists()


def test_a_recipe_without_simulation_is_refused(sources: Path, tmp_path: Path) -> None:
    plain = TINY.model_copy(update={"simulation": None})
    with pytest.raises(RecipeError, match=r"has no \[simulation\] and is trained on a store"):
        train_from_simulation(sources, tmp_path / "run", plain)


@pytest.mark.skipif(sys.platform == "win32", reason="needs sockets of unix")
def test_two_processes_learn_what_one_learns(
    sources: Path, one_worker: None, tmp_path: Path
) -> None:
    """By Adam: in Muon's bfloat16 a difference of 1e-7 becomes, at times, one of a percent."""
    training = TINY.training.model_copy(update={"batch": 2})
    adam = TINY.optimizer.model_copy(update={"muon": 0.0})
    recipe = TINY.model_copy(update={"training": training, "optimizer": adam})
    train_from_simulation(sources, tmp_path / "alone", recipe)
    train_from_simulation(sources, tmp_path / "two", recipe, devices=2)
    alone, two = (read_curves(tmp_path / name) for name in ("alone", "two"))
    assert [p.step for p in two] == [2, 4]
    for ours, expected in zip(two, alone, strict=True):
        assert ours.train_loss == pytest.approx(expected.train_loss, rel=1e-4)
        assert ours.validation_mae == pytest.approx(expected.validation_mae, rel=1e-3)
