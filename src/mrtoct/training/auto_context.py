"""The context-aware GAN with auto-context, the part of the paper that its authors did not finish.

A first network learns to make CT from patches of MR. A second sees the MR and what the first made
of the head, a third what the second made, and so on. What a network made of the heads it learned
from is better than what it will make of others, so the next one learns from predictions of
networks that had not seen those heads: one a fold.

RUN/stage-1/whole/       the stage trained on everybody; its best/ is the cascade up to here
RUN/stage-1/fold-1/      the stage trained without the first fold
RUN/stage-1/context/     predictions (I, J, K), float16 in [0, 1], for the next stage
RUN/best/                the cascade up to the stage with the lowest validation error
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mrtoct.errors import CohortError
from mrtoct.hardware.devices import device_named
from mrtoct.hardware.progress import Update
from mrtoct.io.arrays import open_array
from mrtoct.io.atomic import new_file, new_folder
from mrtoct.networks.cascade import Cascade
from mrtoct.networks.context_gan import ContextDiscriminator, ContextDiscriminatorConfig
from mrtoct.sampling.augment import augment_patches
from mrtoct.sampling.patches import PatchSet, PatchSource
from mrtoct.sampling.slices import Batch
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training import ranks
from mrtoct.training.adversarial import Adversarial
from mrtoct.training.calibration import calibrate
from mrtoct.training.checkpoint import Progress
from mrtoct.training.cohort import Cohort, describe
from mrtoct.training.curves import CurvePoint, read_curves, write_curves
from mrtoct.training.loop import Job, Learner, learn
from mrtoct.training.recipe import Recipe
from mrtoct.training.regression import Regression
from mrtoct.training.setting import Session, set_up
from mrtoct.training.validation import validation_mae
from mrtoct.translation.bundle import Bundle, read_bundle, read_description
from mrtoct.translation.geometry import Patches
from mrtoct.translation.predict_patches import predict_stage
from mrtoct.volume import Array

Contexts = dict[str, Array]
"""By subject, the CT (I, J, K) in [0, 1] that the stage before made; empty at the first."""


def train_cascade(
    run: Path,
    recipe: Recipe,
    cohort: Cohort,
    start: Path | None,
    session: Session,
) -> tuple[Progress, str]:
    """Train every stage; return the sum of their progress and the device.

    There is no start: a cascade cannot begin with the weights of a bundle (start.py). A run that
    was stopped goes on in the network it was at. Where the recipe limits the minutes, every network
    gets an equal part of them.
    """
    stages = recipe.auto_context.iterations
    folds = fold_names([s.name for s in cohort.train], recipe) if stages > 1 else []
    networks = stages + (stages - 1) * len(folds)
    recipe = _for_one_of(recipe, networks)
    total, device = Progress(), ""
    trained = 0
    contexts: Contexts = {}
    before: Cascade | None = None

    def train_one(folder: Path, subjects: list[LoadedSubject], judges: list[LoadedSubject]) -> None:
        nonlocal total, device, trained
        before_it = trained

        def told(update: Update) -> None:
            whole = update.total or 0  # of one network: all have the same recipe
            update = replace(update, done=before_it * whole + update.done, total=networks * whole)
            session.watcher(update)

        progress, device = train_stage(
            folder,
            recipe,
            cohort,
            subjects,
            judges,
            contexts,
            before,
            replace(session, watcher=told),
        )
        trained += 1
        total = Progress(total.step + progress.step, total.seconds + progress.seconds)

    for stage in range(stages):
        folder = run / f"stage-{stage + 1}"
        train_one(folder / "whole", cohort.train, cohort.validation)
        if stage + 1 < stages:
            for number, held_out in enumerate(folds, start=1):
                others = [s for s in cohort.train if s.name not in held_out]
                train_one(folder / f"fold-{number}", others, [])
            contexts = out_of_fold(folder, cohort, folds, contexts, session.device)
        before = _cascade(folder / "whole" / "best")
    ranks.by_first(lambda: _publish(run, stages))
    if ranks.leads():
        calibrate(run / "best", cohort.validation, session.device)
    return total, device


def train_stage(
    folder: Path,
    recipe: Recipe,
    cohort: Cohort,
    subjects: list[LoadedSubject],
    judges: list[LoadedSubject],
    contexts: Contexts,
    before: Cascade | None,
    session: Session,
) -> tuple[Progress, str]:
    """Train the network that follows a cascade (the first, if there is none before)."""
    stage = 0 if before is None else len(before.stages)
    torch.manual_seed(recipe.training.seed)
    model = replace(recipe.model, in_channels=len(cohort.channels))
    geometry = Patches(stage + 1, recipe.patches.whole)
    bundle = describe(recipe, model, geometry, cohort)
    cascade = Cascade(model, stage + 1)
    if before is not None:
        for ours, theirs in zip(cascade.stages, before.stages, strict=False):
            ours.load_state_dict(theirs.state_dict())
    generator = cascade.stages[-1]
    fabric, _ = set_up(recipe.training.precision, recipe.model.width, session.device)
    learner: Learner
    if recipe.adversarial is None:
        learner = Regression(generator, recipe, fabric)
    else:
        judge = ContextDiscriminator(ContextDiscriminatorConfig(width=recipe.adversarial.width))
        learner = Adversarial(generator, judge, recipe, recipe.adversarial, fabric)
    cascade.stages[-1] = learner.state.translator
    cascade.to(fabric.device)
    learner.state = replace(learner.state, translator=cascade)
    patches = PatchSet(
        [_source(subject, contexts) for subject in subjects],
        size=recipe.patches.size,
        margin=recipe.patches.margin,
        window=recipe.data.hu_window,
        seed=recipe.training.seed,
    )
    share = ranks.share_of(recipe.training.batch)

    def batch(step: int, generator: torch.Generator) -> Batch:
        drawn = patches.batch(step, share)
        drawn = augment_patches(drawn, recipe.augmentation, generator, share)
        return drawn.to(fabric.device, torch.contiguous_format)

    def translated(subject: LoadedSubject) -> Array:
        cascade.eval()
        context = contexts.get(subject.name)
        return predict_stage(cascade, bundle, stage, subject.mr, context, subject.mr_head)

    def validate() -> float:
        return validation_mae(judges, bundle.window, translated)

    job = Job(folder, batch, validate if judges else None, bundle)
    progress = learn(learner, recipe, job, session)
    return progress, fabric.device.type


def fold_names(names: list[str], recipe: Recipe) -> list[set[str]]:
    """Deal the training subjects into folds; CohortError if they are too few for two."""
    count = min(recipe.auto_context.folds, len(names))
    if count < 2:
        raise CohortError(
            "auto-context is trained on out-of-fold predictions: it needs "
            f"at least 2 training subjects, got {len(names)}"
        )
    order = np.random.default_rng(recipe.split.seed).permutation(len(names))
    return [{names[i] for i in order[start::count]} for start in range(count)]


def out_of_fold(
    folder: Path,
    cohort: Cohort,
    folds: list[set[str]],
    contexts: Contexts,
    device: str = "auto",
) -> Contexts:
    """Return what the finished stage in a folder makes of every head that it had not seen."""
    made: Contexts = {}
    judged = [(folder / "whole", {s.name for s in cohort.validation})]
    for network_folder, names in [
        *((folder / f"fold-{n}", held_out) for n, held_out in enumerate(folds, start=1)),
        *judged,
    ]:
        wanted = [s for s in [*cohort.train, *cohort.validation] if s.name in names]
        own = wanted[ranks.rank() :: ranks.size()]
        missing = [s for s in own if not _context_file(folder, s).is_file()]
        if missing:
            bundle, network = read_bundle(network_folder / "best")
            assert isinstance(network, Cascade)
            network.to(device_named(device))
            _predict_contexts(folder, network, bundle, missing, contexts)
        ranks.wait()  # until all are made
        for subject in wanted:
            made[subject.name] = open_array(_context_file(folder, subject))
    return made


def _predict_contexts(
    folder: Path,
    network: Cascade,
    bundle: Bundle,
    subjects: list[LoadedSubject],
    contexts: Contexts,
) -> None:
    stage = len(network.stages) - 1
    for subject in subjects:
        before = contexts.get(subject.name)
        made = predict_stage(network, bundle, stage, subject.mr, before, subject.mr_head)
        file = _context_file(folder, subject)
        with new_file(file, overwrite=True) as part, part.open("wb") as stream:
            np.save(stream, made.astype(np.float16))


def _context_file(folder: Path, subject: LoadedSubject) -> Path:
    return folder / "context" / f"{subject.name}.npy"


def _source(subject: LoadedSubject, contexts: Contexts) -> PatchSource:
    mr = subject.mr
    if contexts:
        mr = np.concatenate([mr, contexts[subject.name][None].astype(mr.dtype)])
    either = subject.head | subject.mr_head
    return PatchSource(mr, subject.hu, either, subject.covered, subject.brain)


def _cascade(best: Path) -> Cascade:
    _, network = read_bundle(best)
    assert isinstance(network, Cascade)
    return network


def _for_one_of(recipe: Recipe, networks: int) -> Recipe:
    if recipe.training.minutes is None:
        return recipe
    part = recipe.training.model_copy(update={"minutes": recipe.training.minutes / networks})
    return recipe.model_copy(update={"training": part})


def _publish(run: Path, stages: int) -> None:
    """Make the best cascade the run's, and the stages' curves one after the other its curves."""
    folders = [run / f"stage-{stage + 1}" / "whole" for stage in range(stages)]
    errors = [read_description(f / "best").translator.validation.get("mae_hu") for f in folders]
    known = [(error, number) for number, error in enumerate(errors) if error is not None]
    best = folders[min(known)[1] if known else -1]
    with new_folder(run / "best", overwrite=True) as part:
        shutil.copytree(best / "best", part, dirs_exist_ok=True)
    points: list[CurvePoint] = []
    for folder in folders:
        step, seconds = (points[-1].step, points[-1].seconds) if points else (0, 0.0)
        points += [
            replace(p, step=step + p.step, seconds=seconds + p.seconds) for p in read_curves(folder)
        ]
    write_curves(run, points)
