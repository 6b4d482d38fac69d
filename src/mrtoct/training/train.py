"""A store and a recipe into a trained bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mrtoct.errors import RecipeError
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.sampling.augment import augment
from mrtoct.sampling.planes import subject_in_plane
from mrtoct.sampling.slices import Batch, SliceSet
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training.adversarial import Adversarial
from mrtoct.training.auto_context import train_cascade
from mrtoct.training.calibration import calibrate
from mrtoct.training.checkpoint import Progress
from mrtoct.training.cohort import (
    Cohort,
    describe,
    load_cohort,
    usable_subjects,
    wanted_channels,
)
from mrtoct.training.heads import heads_of, train_heads
from mrtoct.training.loop import Job, Learner, learn
from mrtoct.training.recipe import Recipe
from mrtoct.training.regression import Regression
from mrtoct.training.run import finish_run, open_run
from mrtoct.training.setting import Session, set_up
from mrtoct.training.split import Split, split_subjects
from mrtoct.training.start import begin_with, going_on_from
from mrtoct.training.validation import validation_of
from mrtoct.translation.bundle import network_of
from mrtoct.translation.pretrained.shipped import find_bundle


def train(
    store: Path | str,
    run: Path | str,
    recipe: Recipe,
    *,
    start: Path | str | None = None,
    split: Split | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    watcher: Watcher = nobody,
) -> Path:
    """Train a network on a prepared store.

    Parameters
    ----------
    store : Path or str
        A store that `prepare_cohort` made.
    run : Path or str
        Folder of this training. It gets best/ (the bundle to translate with), last/ (to resume
        from), curves.csv and run.json.
    recipe : Recipe
        What to train and how; see `load_recipe`.
    start : Path or str, optional
        A bundle, or the name of a shipped one, whose weights are taken to begin with.
    split : Split, optional
        Who trains, validates and tests, instead of what the recipe's seed gives.
    resume : bool
        Go on with a run that was stopped; it ends with the weights of one that never stopped.
    overwrite : bool
        Whether a run that is there already is replaced.
    device : str
        auto, cpu, cuda or cuda:N; auto takes a GPU where there is one.
    watcher : callable
        Told of every step, and after a validation of its error; print is one (see
        `mrtoct.hardware.progress`).

    Returns
    -------
    Path
        Folder of the best bundle.

    Raises
    ------
    RecipeError
        If a recipe does not go on from the start, or learns from simulated scans.
    CohortError
        If the store cannot be trained on.
    FileError
        If the run is there already, and neither resume nor overwrite is asked for.

    Examples
    --------
    >>> import mrtoct
    >>> best = mrtoct.train("STORE", "RUN", mrtoct.load_recipe("demo"))
    >>> best.as_posix()
    'RUN/best'
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
    session = Session(resume, device, watcher)
    if isinstance(recipe.model, ContextGeneratorConfig):
        progress, used = train_cascade(run, recipe, cohort, session)
    elif isinstance(recipe.model, HeadUNetConfig):
        cohort = heads_of(cohort)
        progress, used = train_heads(run, recipe, cohort, begin, session)
    else:
        progress, used = _train_slices(run, recipe, cohort, begin, session)
    calibrate(run / "best", cohort.validation, device)
    finish_run(run, step=progress.step, seconds=progress.seconds, device=used)
    return run / "best"


def _train_slices(
    run: Path,
    recipe: Recipe,
    cohort: Cohort,
    start: Path | None,
    session: Session,
) -> tuple[Progress, str]:
    """Train a network of slices; return how far it came and on what."""
    assert not isinstance(recipe.model, ContextGeneratorConfig | HeadUNetConfig)
    torch.manual_seed(recipe.training.seed)
    seen = len(cohort.channels) * (2 * recipe.data.neighbours + 1)
    bundle = describe(recipe, replace(recipe.model, in_channels=seen), cohort)
    network = network_of(bundle)
    fabric, layout = set_up(recipe.training.precision, recipe.model.width, session.device)
    network.to(memory_format=layout)  # type: ignore[call-overload]
    learner: Learner
    if recipe.adversarial is None:
        learner = Regression(network, recipe, fabric)
    else:
        judge = PatchDiscriminatorConfig(in_channels=seen + 1, width=recipe.adversarial.width)
        discriminator = PatchDiscriminator(judge)
        discriminator.to(memory_format=layout)  # type: ignore[call-overload]
        learner = Adversarial(network, discriminator, recipe, recipe.adversarial, fabric)
    bundle = begin_with(start, learner.state, bundle)
    slices = slice_set(cohort.train, recipe)

    def batch(step: int, generator: torch.Generator) -> Batch:
        drawn = slices.batch(epoch_indices(len(slices), recipe, step))
        return augment(drawn, recipe.augmentation, generator).to(fabric.device, layout)

    validate = validation_of(learner.state.translator, bundle, cohort.validation)

    job = Job(run, batch, validate, bundle)
    progress = learn(learner, recipe, job, session)
    return progress, fabric.device.type


def slice_set(subjects: list[LoadedSubject], recipe: Recipe) -> SliceSet:
    """Return the slices of some subjects as a recipe wants them."""
    data = recipe.data
    seen = [subject_in_plane(s, plane) for plane in data.planes for s in subjects]
    return SliceSet(seen, size=data.size, window=data.hu_window, neighbours=data.neighbours)


def epoch_indices(count: int, recipe: Recipe, step: int) -> list[int]:
    """Return the slices of a step: each epoch is a new permutation, cut into batches."""
    batch = recipe.training.batch
    wanted = range(step * batch, (step + 1) * batch)
    permutations = {
        epoch: np.random.default_rng([recipe.training.seed, epoch]).permutation(count)
        for epoch in {position // count for position in wanted}
    }
    return [int(permutations[position // count][position % count]) for position in wanted]
