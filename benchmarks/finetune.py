"""What a few pairs are worth: the shipped model, the same fine-tuned, and the same from nothing.

    python benchmarks/finetune.py WORK --pairs 3,6,12             phantoms of one contrast, at 1 mm
    python benchmarks/finetune.py WORK --store SLABS --pairs 3    any store, such as real_pair.py's

Of a store's subjects the last --judged are judged, and the first 3, 6, 12 are the pairs: a fifth of
them, one at least, chooses the checkpoint as in every training, the others are learnt from. From
nothing the same network takes the same steps on the same pairs, with the learning rate of the
recipe any-contrast: that of finetune would be too low for it. Stores and runs stay in WORK; what is
there already is not made again.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mrtoct.hardware.devices import device_named
from mrtoct.judging.metrics import tissue
from mrtoct.prepare.store import (
    read_manifest,
)
from mrtoct.sampling.parts import around_head
from mrtoct.sampling.subjects import load_subject
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.run import is_finished, read_run
from mrtoct.training.split import Split, split_subjects
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.predict import predict
from mrtoct.translation.pretrained.shipped import find_bundle
from mrtoct.volume import AIR_HU, Array
from phantoms import make_store

COLUMNS = ("MAE, head", "soft tissue", "bone", "air", "bone Dice")


@dataclass(frozen=True)
class Trained:
    """A method: a bundle, and what it took to make it."""

    name: str
    bundle: Path
    learnt: int = 0
    """Pairs that were learnt from, without those that chose the checkpoint."""
    minutes: float = 0.0


def trained(
    run: Path, store: Path, recipe: Recipe, start: Path | None, split: Split, name: str
) -> Trained:
    """Train, unless that is done already."""
    if not is_finished(run):
        began = time.monotonic()
        train(store, run, recipe, start=start, split=split, overwrite=True)
        print(f"{run}: {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
    finished = read_run(run).finished
    assert finished is not None
    return Trained(name, run / "best", len(split.train), finished.seconds / 60)


def judged(bundle_folder: Path, store: Path, names: list[str]) -> Array:
    """Return the mean over subjects of COLUMNS: HU inside the CT's head, and Dice."""
    bundle, network = read_bundle(bundle_folder)
    network.to(device_named("auto"))
    rows = []
    for name in names:
        one = around_head(
            load_subject(
                store,
                name,
                channels=read_manifest(store).channels,
                spacing=bundle.spacing,
                scaling=bundle.scaling,
            )
        )
        made = bundle.window.to_hu(predict(network, bundle, one.mr, one.mr_head))
        sct = np.where(one.mr_head, made, AIR_HU)  # as a translator leaves it
        kept = np.zeros(sct.shape[2], dtype=bool)
        kept[one.kept] = True
        inside = one.head & one.covered & kept
        classes = (tissue.soft_tissue, tissue.bone, tissue.air)
        errors = [tissue.class_error(sct, one.hu, of(one.hu, inside)).mae for of in classes]
        both = [tissue.bone(hu, inside) for hu in (sct, one.hu)]
        rows.append(
            [tissue.class_error(sct, one.hu, inside).mae, *errors, tissue.dice(both[0], both[1])]
        )
    return np.asarray(np.nanmean(rows, axis=0))


def main() -> None:
    """Make what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for stores and runs")
    parser.add_argument("--from", dest="start", default="head", help="shipped name or bundle")
    parser.add_argument("--store", type=Path, help="a prepared store instead of phantoms")
    parser.add_argument("--contrast", default="T1", help="of the phantoms: T1, T2 or PD")
    parser.add_argument("--pairs", default="3,6,12")
    parser.add_argument("--judged", type=int, default=3, help="subjects to judge")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--part", help="voxels of a training part, such as 96,112,96")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    start = find_bundle(arguments.start)
    counts = [int(n) for n in arguments.pairs.split(",")]
    store = arguments.store or arguments.work / f"phantoms-{arguments.contrast}"
    if arguments.store is None:
        make_store(store, max(counts) + arguments.judged, arguments.contrast, arguments.seed)
    names = read_manifest(store).subjects
    test = names[-arguments.judged :]
    if max(counts) > len(names) - len(test):
        raise SystemExit(f"{store} has {len(names)} subjects: too few for {max(counts)} pairs")
    tuned = with_steps(load_recipe("finetune"), arguments.steps, arguments.part)
    rate = load_recipe("any-contrast").optimizer.learning_rate
    optimizer = tuned.optimizer.model_copy(update={"learning_rate": rate})
    nothing = tuned.model_copy(
        update={"optimizer": optimizer, "model": read_bundle(start)[0].model}
    )
    methods = [Trained("shipped, untouched", start)]
    for count in counts:
        parts = split_subjects(names[:count], tuned.split.validation, 0.0, tuned.split.seed)
        split = Split(parts.train, parts.validation, test)
        folder = arguments.work / f"{store.name}-{count}-{tuned.training.steps}"
        for word, recipe, begin in (("fine-tuned", tuned, start), ("from nothing", nothing, None)):
            run = folder / word.replace(" ", "-")
            label = f"{word}, {count} pairs"
            methods.append(trained(run, store, recipe, begin, split, label))
    table = Table(title=f"{store.name}, {len(test)} judged, {tuned.training.steps} steps")
    for column in ("", "learnt", *COLUMNS, "minutes"):
        table.add_column(column, justify="right" if column else "left")
    for method in methods:
        found = judged(method.bundle, store, test)
        row = [f"{value:.0f}" for value in found[:-1]] + [f"{found[-1]:.3f}"]
        table.add_row(method.name, str(method.learnt), *row, f"{method.minutes:.1f}")
    Console(width=110).print(table)


def with_steps(recipe: Recipe, steps: int | None, part: str | None) -> Recipe:
    """Return a recipe with other steps, three validations over them, and another part."""
    if steps is not None:
        training = {"steps": steps, "validate_every": max(1, -(-steps // 3))}
        update = {"training": recipe.training.model_copy(update=training)}
        recipe = recipe.model_copy(update=update)
    if part is not None:
        sides = tuple(int(n) for n in part.split(","))
        update_part = {"patches": recipe.patches.model_copy(update={"part": sides})}
        recipe = recipe.model_copy(update=update_part)
    return recipe


if __name__ == "__main__":
    main()
