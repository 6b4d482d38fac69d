"""Processes that share each batch learn what one learns; one writes; a killed one is told of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from multiprocessing import active_children
from pathlib import Path

import pytest

from mrtoct.errors import FileError, MrtoctError, RecipeError, ValueRangeError
from mrtoct.hardware.progress import Update
from mrtoct.training.curves import read_curves
from mrtoct.training.place import Place, place_given
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from recipes import tiny_recipe

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and sockets of unix")

EVERYTHING = {
    "model": {"dropout": 0.5},
    "augmentation": {"flip": True, "rotation": 9, "scale": 0.1, "shift": 0.1, "gain": 0.2},
    "loss": [{"term": "mae"}, {"term": "gdl", "weight": 0.1}, {"term": "mse", "weight": 1e-5}],
    "focus": {"bone": 1.0},
}
"""With batch norm in every layer, and a rest of every kind of randomness."""
STORED = ("best/weights.safetensors", "last/weights.safetensors", "last/optimizer.safetensors")


def several(batch: int, **sections: object) -> Recipe:
    training = {"steps": 6, "batch": batch, "validate_every": 2, "precision": "float32"}
    return tiny_recipe(**{**EVERYTHING, "training": training, **sections})  # type: ignore[arg-type]


def curve(run: Path) -> list[dict[str, float]]:
    return [
        {
            name: value
            for name, value in asdict(point).items()
            if name not in ("seconds", "idle") and value is not None
        }
        for point in read_curves(run)
    ]


def assert_same_curve(run: Path, alone: Path) -> None:
    """The same to float32: sums are added up in another order, and Adam carries that on."""
    ours, expected = curve(run), curve(alone)
    assert len(ours) == len(expected) == 3
    for row, other in zip(ours, expected, strict=True):
        assert row == pytest.approx(other, rel=2e-3), (ours, expected)
    assert ours[0] == pytest.approx(expected[0], rel=1e-5)


def test_three_processes_learn_what_one_learns(tiny_store: Path, tmp_path: Path) -> None:
    recipe = several(6)
    train(tiny_store, tmp_path / "alone", recipe)
    heard: list[Update] = []
    train(tiny_store, tmp_path / "three", recipe, devices=3, watcher=heard.append)
    assert_same_curve(tmp_path / "three", tmp_path / "alone")
    assert [update.done for update in heard] == [1, 2, 3, 4, 5, 6]
    assert len([*(tmp_path / "three" / "tensorboard").iterdir()]) == 1
    finished = read_run(tmp_path / "three").finished
    assert finished is not None and finished.step == 6


def test_a_killed_process_is_told_of_and_the_run_resumes(tiny_store: Path, tmp_path: Path) -> None:
    """Against a discriminator, whose turns share a batch, too."""
    recipe = several(4, adversarial={"width": 4, "weight": 0.05})
    train(tiny_store, tmp_path / "alone", recipe)
    train(tiny_store, tmp_path / "two", recipe, devices=2)
    assert_same_curve(tmp_path / "two", tmp_path / "alone")

    others = {*active_children()}  # of tests before

    def kill(update: Update) -> None:
        if update.done == 3:
            ours = {*active_children()} - others
            second = sorted(ours, key=lambda process: process.pid or 0)[1]
            os.kill(second.pid or 0, signal.SIGKILL)

    with pytest.raises(MrtoctError, match=r"process 1 of 2 .* was killed \(SIGKILL\)"):
        train(tiny_store, tmp_path / "killed", recipe, devices=2, watcher=kill)
    assert {*active_children()} <= others
    steps: list[int] = []
    train(
        tiny_store,
        tmp_path / "killed",
        recipe,
        devices=2,
        resume=True,
        watcher=lambda update: steps.append(update.done),
    )
    assert steps[0] in (3, 5) and steps[-1] == 6  # after a checkpoint
    assert curve(tmp_path / "killed") == curve(tmp_path / "two")
    for name in STORED:
        ours, whole = (tmp_path / run / name for run in ("killed", "two"))
        assert ours.read_bytes() == whole.read_bytes(), name


def test_processes_that_torchrun_started(tiny_store: Path, tmp_path: Path) -> None:
    """Each is the same command; the first alone speaks, and one sentence says what is wrong."""
    text = "\n".join(
        [
            'name = "tiny"',
            "data = {spacing = [4, 4, 4], size = [64, 64]}",
            "model = {width = 4, depth = 3}",
            "split = {validation = 0.3}",
            'training = {steps = 2, batch = 4, validate_every = 1, precision = "float32"}',
        ]
    )
    (tmp_path / "tiny.toml").write_text(text)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = ["-m", "mrtoct", "train", str(tiny_store), str(tmp_path / "run")]
    done = subprocess.run(
        [*launcher, *words, "--recipe", str(tmp_path / "tiny.toml")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("best bundle in") == 1
    assert [row["step"] for row in curve(tmp_path / "run")] == [1, 2]


def test_what_cannot_be_shared_is_said_before_the_work(tiny_store: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"batch = 4, which 3 .* batch of 3 or 6, or 1, 2, 4 processes"
    ):
        train(tiny_store, tmp_path / "run", several(4), devices=3)
    with pytest.raises(ValueRangeError, match="devices must be at least 1, got 0"):
        train(tiny_store, tmp_path / "run", several(4), devices=0)
    with pytest.raises(ValueRangeError, match=r"MASTER_ADDR, .* NODE_RANK, 0 to 1"):
        train(tiny_store, tmp_path / "run", several(4), nodes=2)
    assert not (tmp_path / "run").exists()


def test_one_writer_fails_for_all(tiny_store: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").touch()
    with pytest.raises(FileError, match="run exists already"):
        train(tiny_store, tmp_path / "run", several(4), devices=2)
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, None),  # a batch script
        (
            {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
            | {"MASTER_ADDR": "first", "MASTER_PORT": "1"},
            Place(5, 8, 1, 4, "env://"),
        ),
        (
            {"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "5"}
            | {"SLURM_LOCALID": "1", "SLURM_JOB_ID": "123456", "SLURM_STEP_NODELIST": "gpu[07-08]"},
            Place(5, 8, 1, 4, "tcp://gpu07:18456"),
        ),
    ],
)
def test_who_one_is_comes_from_the_environment(
    environment: dict[str, str], place: Place | None
) -> None:
    assert place_given(environment) == place
