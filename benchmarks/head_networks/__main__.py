"""Train what is not trained yet, judge it, and print one table."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from benchmarks.comparison import compare_all
from benchmarks.real_heads.judge import judge
from benchmarks.real_heads.part import Setting, Table

from mrtoct.sampling.slices import Batch
from mrtoct.training.expected_error import RegressionWithError
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import is_finished
from mrtoct.training.setting import set_up
from mrtoct.training.simulated import train_from_simulation
from mrtoct.translation.predict_head import predict_head
from mrtoct.translation.translator import Translator

from . import __doc__ as description
from .candidates import CANDIDATES, Candidate, register

ROUNDS = 3
HEAD = (176, 224, 192)
"""Voxels of 1 mm around a head, to be translated."""


def recipe_for(candidate: Candidate, steps: int) -> Recipe:
    """Return any-contrast from nothing: the losses it begins with, one validation at the end."""
    recipe = load_recipe("any-contrast")
    begin = load_recipe("any-contrast-start")
    assert recipe.simulation is not None
    simulation = recipe.simulation.model_copy(update={"size": candidate.size, "variants": 3})
    training = {"steps": steps, "validate_every": steps, "average": 0.98}
    return recipe.model_copy(
        update={
            "model": candidate.model,
            "loss": begin.loss,
            "simulation": simulation,
            "training": recipe.training.model_copy(update=training),
        }
    )


def timed(names: list[str]) -> dict[str, tuple[float, float]]:
    """Return the median seconds of a step and of a whole head of each network, all in turn."""
    work: dict[tuple[str, int], Callable[[], object]] = {}
    for name in names:
        recipe = recipe_for(CANDIDATES[name], 1)
        fabric, _ = set_up(recipe.training.precision, recipe.model.width, "auto")
        network = recipe.model.build().to(memory_format=torch.channels_last_3d)
        learner = RegressionWithError(network, recipe, fabric)
        mr = torch.rand((recipe.training.batch, 1, *CANDIDATES[name].size))
        ones = torch.ones_like(mr)
        batch = Batch(mr, mr, ones, ones, ones).to(fabric.device, torch.channels_last_3d)
        work[name, 0] = partial(learner.step, batch)
        work[name, 1] = partial(predict_head, learner.state.translator.eval(), np.zeros((1, *HEAD)))
    median = dict(zip(work, compare_all([*work.values()], ROUNDS, fabric.device), strict=True))
    return {name: (median[name, 0], median[name, 1]) for name in names}


def trained(run: Path, labels: Path, recipe: Recipe) -> Path:
    """Train, unless that is done already; return the bundle."""
    if not is_finished(run):
        shared = run.parent / "anatomies"  # drawn once, for all
        shared.mkdir(exist_ok=True)
        if not (run / "anatomies").exists():
            run.mkdir(exist_ok=True)
            (run / "anatomies").symlink_to(shared.absolute(), target_is_directory=True)
        train_from_simulation(labels, run, recipe, overwrite=True)
    return run / "best"


def row(tables: list[Table]) -> list[str]:
    """Return what the real heads say: mean MAE, bone and air Dice of the two CT heads."""
    heads = [r for table in tables for r in table.rows if "air Dice" in r and "MAE" in r]

    def mean(column: str) -> float:
        return statistics.mean(float(r[column]) for r in heads)

    cells = [f"{mean(c):.0f}" for c in ("MAE", "MAE soft", "MAE bone", "MAE air")]
    return [*cells, *(f"{mean(c):.2f}" for c in ("bone Dice", "air Dice"))]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.head_networks",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("labels", type=Path, help="folder of label maps to simulate scans of")
    parser.add_argument("data", type=Path, help="folder of real volumes")
    parser.add_argument("work", type=Path, help="folder for runs and judgements")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, each")
    parser.add_argument("--only", default=",".join(CANDIDATES), metavar="A,B")
    arguments = parser.parse_args()
    register()
    names = arguments.only.split(",")
    arguments.work.mkdir(parents=True, exist_ok=True)
    plan = arguments.work / "seconds.json"
    if not plan.is_file():
        plan.write_text(json.dumps(timed(list(CANDIDATES))))
    seconds = json.loads(plan.read_text())
    print("| network | million weights | s a step | steps | s a head | MAE | soft | bone | air "
          "| bone Dice | air Dice |")  # fmt: skip
    print("| --- |" + " ---: |" * 10)
    for name in names:
        candidate = CANDIDATES[name]
        step, head = seconds[name]
        steps = max(2, int(60 * arguments.minutes / step))
        bundle = trained(arguments.work / name, arguments.labels, recipe_for(candidate, steps))
        translator = Translator.load(bundle)
        setting = Setting(
            arguments.data, arguments.work / f"{name}-judged", arguments.work / "scans",
            quick=True, pictures=False, say=lambda _: None,
        )  # fmt: skip
        found = row(judge(translator, setting, ["ct_heads"]))
        weights = sum(p.numel() for p in candidate.model.build().parameters()) / 1e6
        cells = [candidate.name, f"{weights:.1f}", f"{step:.2f}", str(steps),
                 f"{head:.1f}", *found]  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
