"""What training without pairs is worth: against the same network with pairs, and what is simpler.

    python benchmarks/unpaired.py WORK --minutes 5

Phantoms of one contrast, prepared at 2 mm; both trainings see them at --spacing. Of those that
train, the recipe unpaired takes the MR of one half and the CT of the other; with pairs the same
network learns from MR and CT of all of them, for the same time. No pair chooses a checkpoint of
either. Beside them: the best map from MR value to HU, the shipped model, which has seen none of
these heads, and water. Stores and runs stay in WORK; what is there already is not made again.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mrtoct.io.files import write_volume
from mrtoct.judging.baselines import IntensityMap, fitted_map, scaled_mr, water
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.metrics import tissue
from mrtoct.judging.metrics.surface import hd95
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import (
    PreparedSubject,
    read_subject,
)
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import is_finished, read_run
from mrtoct.training.split import Split
from mrtoct.training.train import train
from mrtoct.translation.translator import Translator
from mrtoct.volume import Array
from phantoms import make_store

CONTRAST = "T1"
WIDTH = 8
SPACING = (2.0, 2.0, 2.0)
EXTENT = (192, 256)
"""mm of a slice, right-left and back-front."""
COLUMNS = ("MAE, head", "soft tissue", "bone", "air", "bone Dice", "air Dice", "bone hd95")


def small(recipe: Recipe, spacing: float, minutes: float, **update: object) -> Recipe:
    """Return a recipe as these phantoms and two cores want it."""
    size = tuple(16 * math.ceil(side / (16 * spacing)) for side in EXTENT)
    data = recipe.data.model_copy(update={"spacing": (spacing,) * 3, "size": size})
    training = {"steps": 100_000, "minutes": minutes, "validate_every": 100, "average": 0.99}
    return recipe.model_copy(
        update={
            "data": data,
            "model": replace(recipe.model, width=WIDTH),  # type: ignore[call-arg]
            "training": recipe.training.model_copy(update=training),
            "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 2e-3}),
            **update,
        }
    )


def trained(run: Path, store: Path, recipe: Recipe, split: Split) -> Translator:
    """Train, unless that is done already."""
    if not is_finished(run):
        train(store, run, recipe, split=split, overwrite=True)
    done = read_run(run).finished
    assert done is not None
    print(f"{run}: {done.step} steps in {done.seconds / 60:.1f} minutes", flush=True)
    return Translator.load(run / "best")


def measured(sct: Array, subject: PreparedSubject, inside: Array) -> list[float]:
    """Return COLUMNS of one synthetic CT: HU, HU, HU, HU, 1, 1, mm."""
    ct = subject.ct.voxels
    classes = (tissue.soft_tissue, tissue.bone, tissue.air)
    errors = [tissue.class_error(sct, ct, of(ct, inside)).mae for of in classes]
    dices = [tissue.dice(of(sct, inside), of(ct, inside)) for of in (tissue.bone, tissue.air)]
    bones = [tissue.bone(hu, inside) for hu in (sct, ct)]
    apart = hd95(bones[0], bones[1], subject.ct.grid)
    return [tissue.class_error(sct, ct, inside).mae, *errors, *dices, apart]


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for store and runs")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each training")
    parser.add_argument("--heads", type=int, default=12, help="that train")
    parser.add_argument("--judged", type=int, default=3)
    parser.add_argument("--spacing", type=float, default=4.0, help="mm that both learn at")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    work, spacing = arguments.work, arguments.spacing
    names = make_store(work / "phantoms", arguments.heads + arguments.judged, CONTRAST, 11, SPACING)
    learning, judged = names[: arguments.heads], names[arguments.heads :]
    split = Split(learning, [], judged)
    store, recipe = work / "phantoms", load_recipe("unpaired")
    pairs = load_recipe("modern")
    paired = small(recipe, spacing, arguments.minutes, unpaired=None, focus=pairs.focus)
    methods = {
        "without pairs": trained(
            work / "unpaired", store, small(recipe, spacing, arguments.minutes), split
        ),
        "the same, pairs": trained(work / "paired", store, paired, split),
        "shipped, any contrast": Translator.load(),
    }
    best: IntensityMap = fitted_map(store, learning, (CONTRAST,), MrScaling())
    found: dict[str, list[list[float]]] = {}
    for name in judged:
        subject = read_subject(store, name)
        mask = judged_mask(subject)[0].voxels
        mr = subject.channels_named((CONTRAST,))[CONTRAST]
        made = {label: of.translate(mr).voxels for label, of in methods.items()}
        scaled = scaled_mr(subject, MrScaling())
        made["best intensity map"] = best.apply(scaled, mask)
        made["water"] = water(mask)
        for label, sct in made.items():
            found.setdefault(label, []).append(measured(sct, subject, mask))
            out = work / "made" / f"{name}-{label.replace(' ', '-').replace(',', '')}.nii.gz"
            write_volume(out, replace(subject.ct, voxels=sct), overwrite=True)
    table = Table(title=f"{len(judged)} phantoms judged, {arguments.minutes:g} minutes")
    for column in ("", *COLUMNS):
        table.add_column(column, justify="right" if column else "left")
    for label, rows in found.items():
        mean = np.nanmean(np.asarray(rows), axis=0)
        cells = [f"{v:.0f}" for v in mean[:4]] + [f"{v:.3f}" for v in mean[4:6]]
        table.add_row(label, *cells, f"{mean[6]:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
