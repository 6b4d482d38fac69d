"""A store and a recipe into a trained bundle."""

from __future__ import annotations

from pathlib import Path

from mrtoct.errors import RecipeError
from mrtoct.networks.config import Sees
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.training.auto_context import train_cascade
from mrtoct.training.cohort import load_cohort, usable_subjects, wanted_channels
from mrtoct.training.heads import train_heads
from mrtoct.training.loop import OnStep, Trainer
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import finish_run, open_run
from mrtoct.training.slices import train_slices
from mrtoct.training.split import Split, split_subjects
from mrtoct.training.start import going_on_from
from mrtoct.translation.pretrained.shipped import find_bundle

TRAINERS: dict[Sees, Trainer] = {
    "slices": train_slices,
    "patches": train_cascade,
    "heads": train_heads,
}
"""Who trains a network, by what it sees."""


def train(
    store: Path | str,
    run: Path | str,
    recipe: Recipe,
    *,
    start: Path | str | None = None,
    split: Split | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_step: OnStep = lambda step, point: None,
) -> Path:
    """Train a recipe on a prepared store; return the folder of the best bundle.

    start is a bundle, or the name of a shipped one, whose weights are taken to begin with; split is
    taken instead of the one that the recipe's seed gives. With resume, a run that was stopped goes
    on and ends with the weights of one that never stopped. on_step is called with the number of
    steps done and, after a validation, its figures. Raises RecipeError where a recipe does not go
    on from the start, or learns from simulated scans.
    """
    store, run = Path(store), Path(run)
    if recipe.simulation is not None:
        raise RecipeError(f"recipe {recipe.name} learns from simulated scans, not from a store")
    begin = None if start is None else find_bundle(start)
    manifest = read_manifest(store)
    channels = wanted_channels(recipe, manifest)
    if begin is not None:
        recipe = going_on_from(begin, recipe, channels)  # before a run's folder is made for nothing
    names = usable_subjects(recipe, manifest)
    parts = recipe.split
    split = split or split_subjects(names, parts.validation, parts.test, parts.seed)
    fingerprints = {name: read_subject(store, name).fingerprint for name in names}
    open_run(run, store, recipe, split, fingerprints, resume=resume, overwrite=overwrite)
    cohort = load_cohort(store, channels, split, recipe)
    train_network = TRAINERS[recipe.model.sees]
    progress, device = train_network(run, recipe, cohort, begin, resume=resume, on_step=on_step)
    finish_run(run, step=progress.step, seconds=progress.seconds, device=device)
    return run / "best"
