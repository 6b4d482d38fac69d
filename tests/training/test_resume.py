"""Every kind of training, killed and resumed, ends with the numbers of one that never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mrtoct.hardware.progress import Update
from mrtoct.training.recipe import Recipe
from mrtoct.training.train import train

SLICES: dict[str, Any] = {
    "data": {"spacing": [8, 8, 8], "size": [32, 32]},
    "model": {"width": 2, "depth": 3},
}
KINDS: dict[str, dict[str, Any]] = {
    "three planes": {
        **SLICES,
        "data": {**SLICES["data"], "planes": ["transverse", "coronal", "sagittal"]},
        "augmentation": {"flip": True, "rotation": 5},
    },
    "standard pix2pix": {**SLICES, "adversarial": {"loss": "standard", "width": 2}},
    "fine-tuned pix2pix": {
        **SLICES,
        "adversarial": {"width": 2},
        "focus": {"brain": 1.0},
        "training": {"seed": 2},
    },
    "modern": {
        "data": {**SLICES["data"], "neighbours": 1, "mirror": True},
        "model": {"kind": "residual_unet", "width": 2, "depth": 2},
        "focus": {"bone": 1.0, "outside": 0.0},
        "training": {"average": 0.9},
        "augmentation": {"flip": True, "gamma": 0.1},
    },
    "without pairs": {
        **SLICES,
        "unpaired": {"width": 2},
        "training": {"average": 0.9},
        "augmentation": {"flip": True, "rotation": 5},
        "split": {"validation": 0},
    },
    "context GAN": {
        "data": {"spacing": [8, 8, 8]},
        "model": {"kind": "context", "width": 1},
        "adversarial": {"width": 1},
        "augmentation": {"flip": True},
    },
}


def recipe(name: str) -> Recipe:
    training = {"steps": 4, "batch": 2, "validate_every": 2, "precision": "float32"}
    values = {"name": "tiny", "split": {"validation": 0.3}, **KINDS[name]}
    return Recipe.model_validate({**values, "training": {**training, **values.get("training", {})}})


@pytest.fixture(scope="module")
def start(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished pix2pix, from which fine-tuning goes on."""
    run = tmp_path_factory.mktemp("start") / "run"
    train(tiny_store, run, recipe("standard pix2pix"))
    return run / "last"


@pytest.mark.parametrize("name", KINDS)
def test_killed_and_resumed_is_uninterrupted(
    name: str, tiny_store: Path, start: Path, tmp_path: Path
) -> None:
    def kill(update: Update) -> None:
        if update.done == 3:
            raise KeyboardInterrupt

    begin = start if name == "fine-tuned pix2pix" else None
    train(tiny_store, tmp_path / "whole", recipe(name), start=begin)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_store, tmp_path / "killed", recipe(name), start=begin, watcher=kill)
    steps: list[int] = []
    train(
        tiny_store,
        tmp_path / "killed",
        recipe(name),
        start=begin,
        resume=True,
        watcher=lambda update: steps.append(update.done),
    )
    assert steps == [3, 4]  # after the checkpoint of step 2
    tensors = {p.relative_to(tmp_path / "whole") for p in tmp_path.glob("whole/**/*.safetensors")}
    assert {p.name for p in tensors} == {
        "weights.safetensors",
        "networks.safetensors",
        "optimizer.safetensors",
    }
    for file in tensors:
        whole, killed = (tmp_path / run / file for run in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), file
