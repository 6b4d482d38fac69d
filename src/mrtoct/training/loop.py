"""The frame of every training: steps, learning rate, validation, checkpoints, curves.

What a step does is its learner's business (regression.py, adversarial.py). Of several processes
each takes its share of every step; the first alone writes (ranks.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mrtoct.errors import RecipeError
from mrtoct.hardware.progress import Update
from mrtoct.sampling.slices import Batch
from mrtoct.training import ranks
from mrtoct.training.checkpoint import Progress, State, read_checkpoint, write_checkpoint
from mrtoct.training.cohort import Cohort
from mrtoct.training.curves import CurvePoint, Curves
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import Session
from mrtoct.training.step_times import StepTimes
from mrtoct.training.trackers import Tracker, entries_of, open_trackers
from mrtoct.translation.bundle import Bundle, write_bundle

WARM_UP_STEPS = 20


class Learner(Protocol):
    """One or more networks and how a step improves them."""

    state: State

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from a batch; return figures by the names of a curve's columns, detached.

        Those of several processes, each from its share of a batch, add up to the whole batch's.
        """


@dataclass(frozen=True)
class Job:
    """What a training needs beside its learner and its recipe."""

    run: Path
    """Gets best/, last/ and curves.csv."""
    batch: Callable[[int, torch.Generator], Batch]
    """The batch of a step, on the device; everything random in it comes from its arguments. Of
    several processes each has its share of the batch."""
    validate: Callable[[], float] | None
    """Mean absolute error in HU on the validation subjects; None without any."""
    bundle: Bundle
    """What the translator is; step and figures are added."""
    keep_start: bool = False
    """Keep what the training began with until something better comes of it."""


class Trainer(Protocol):
    """Trains the networks of one kind on a cohort."""

    def __call__(
        self,
        run: Path,
        recipe: Recipe,
        cohort: Cohort,
        start: Path | None,
        session: Session,
    ) -> tuple[Progress, str]:
        """Train into a run's folder; return how far it came and on what device."""


def learn(
    learner: Learner,
    recipe: Recipe,
    job: Job,
    session: Session = Session(),
) -> Progress:
    """Train for as many steps or as long as the recipe says; return how far it came.

    What is resumed goes on from its last checkpoint, and ends with the weights of one that never
    stopped.
    """
    progress = Progress()
    if session.resume and (job.run / "last").is_dir():
        progress = read_checkpoint(job.run / "last", learner.state)
    ranks.require_same(progress.step, "step to continue from")
    ranks.begin_alike([learner.state.translator, *learner.state.others.values()])
    if job.keep_start and progress.step == 0:
        progress = _keep_start(learner, job, progress)
    told = entries_of(recipe.model_dump(mode="json"))
    trackers: list[Tracker] = []
    if ranks.leads():
        trackers = open_trackers(job.run, progress.step, session.trackers, told)
    with Curves(job.run, until=progress.step, trackers=trackers) as curves:
        return _steps(learner, recipe, job, session, progress, curves)


def _steps(
    learner: Learner,
    recipe: Recipe,
    job: Job,
    session: Session,
    progress: Progress,
    curves: Curves,
) -> Progress:
    """Take the steps that are left; return how far they came."""
    clock = _clock(recipe, progress.seconds)
    sums: dict[str, Tensor] = {}
    counted = 0
    times = StepTimes()
    finished = part_done(recipe, progress.step, progress.seconds) >= 1  # by time, when resumed
    for step in range(progress.step, progress.step if finished else recipe.training.steps):
        done = part_done(recipe, step, clock())
        rate = recipe.optimizer.learning_rate * learning_rate_factor(recipe, step, done)
        for optimizer in learner.state.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("scale", 1.0)

        # Everything random in a step comes from its number, so a resumed run draws the same.
        torch.manual_seed(step_seed(recipe, step, stream=0))  # dropout
        generator = torch.Generator().manual_seed(step_seed(recipe, step, stream=1))
        with times.waiting():
            batch = job.batch(step, generator)
        with times.learning():
            figures = learner.step(batch)

        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
        counted += 1
        seconds = clock()
        last = step + 1 == recipe.training.steps or part_done(recipe, step + 1, seconds) >= 1
        point = None
        if last or (step + 1) % recipe.training.validate_every == 0:
            point = CurvePoint(
                step=step + 1,
                seconds=round(seconds, 2),
                learning_rate=rate,
                validation_mae=job.validate() if job.validate else None,
                idle=times.idle,
                **_means(sums, counted),
            )
            _require_finite(point)
            if ranks.leads():
                curves.add(point)
            progress = _keep(learner, job, progress, point)
            sums, counted, times = {}, 0, StepTimes()
        session.watcher(_update(recipe, step + 1, seconds, point))
        if last:
            break
    return progress


def _clock(recipe: Recipe, spent: float) -> Callable[[], float]:
    """Return what tells the seconds of training, those of earlier sessions included.

    Where time ends the training all processes read the first one's clock, and end together.
    """
    began = time.monotonic() - spent

    def own() -> float:
        return time.monotonic() - began

    if recipe.training.minutes is None:
        return own
    return lambda: ranks.told_by_first(own())


def _means(sums: dict[str, Tensor], counted: int) -> dict[str, float]:
    """Return the mean of each figure over the steps that were counted, of the whole batches."""
    totals = ranks.sum_of(float(total) for total in sums.values())
    return {name: total / counted for name, total in zip(sums, totals, strict=True)}


def _update(recipe: Recipe, step: int, seconds: float, point: CurvePoint | None) -> Update:
    """Return what to tell after a step: where the recipe limits the time, how much is gone."""
    note = ""
    if point is not None and point.validation_mae is not None:
        note = f"validation MAE {point.validation_mae:.0f} HU"
    elif point is not None:
        note = f"loss {point.train_loss:.4g}"
    if recipe.training.minutes is None:
        return Update(step, recipe.training.steps, note)
    total = max(1, round(60 * recipe.training.minutes))
    return Update(min(round(seconds), total), total, f"step {step}, {note}" if note else "")


def learning_rate_factor(recipe: Recipe, step: int, done: float) -> float:
    """Return what the learning rate is multiplied by at a step, with a part of the work done."""
    schedule = recipe.optimizer.schedule
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return min(1.0, 2 * (1 - min(done, 1.0)))
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def part_done(recipe: Recipe, step: int, seconds: float) -> float:
    """Return the part of the work that is done: by steps, or by time where that is limited."""
    by_time = seconds / (60 * recipe.training.minutes) if recipe.training.minutes else 0.0
    return max(step / recipe.training.steps, by_time)


def step_seed(recipe: Recipe, step: int, stream: int) -> int:
    """Return the seed of one of the random streams of a step."""
    sequence = np.random.SeedSequence([recipe.training.seed, step, stream])
    return int(sequence.generate_state(1)[0])


def _require_finite(point: CurvePoint) -> None:
    figures = {"training loss": point.train_loss, "validation MAE": point.validation_mae}
    for name, value in figures.items():
        if value is not None and not math.isfinite(value):
            raise RecipeError(
                f"the {name} became {value} by step {point.step}; lower optimizer.learning_rate"
            )


def _keep_start(learner: Learner, job: Job, progress: Progress) -> Progress:
    """Write what the training began with as the best so far; without validation, nothing."""
    if job.validate is None:
        return progress
    mae = job.validate()
    _write_best(learner, job, step=0, mae=mae)
    return replace(progress, best_mae=mae)


def _keep(learner: Learner, job: Job, progress: Progress, point: CurvePoint) -> Progress:
    """Write the last and, if this is the best so far, the best bundle."""
    mae = point.validation_mae
    best = mae is None or mae < (progress.best_mae or math.inf)
    progress = replace(progress, step=point.step, seconds=point.seconds)
    if best:
        _write_best(learner, job, step=point.step, mae=mae)
        progress = replace(progress, best_mae=mae)
    bundle = _described(job.bundle, point.step, mae)
    ranks.by_first(lambda: write_checkpoint(job.run / "last", bundle, learner.state, progress))
    return progress


def _write_best(learner: Learner, job: Job, *, step: int, mae: float | None) -> None:
    bundle = _described(job.bundle, step, mae)
    weights = learner.state.translator.state_dict()
    ranks.by_first(lambda: write_bundle(job.run / "best", bundle, weights, overwrite=True))


def _described(bundle: Bundle, step: int, mae: float | None) -> Bundle:
    """Return what a bundle says of itself after a step."""
    figures = {} if mae is None else {"mae_hu": mae}
    return replace(bundle, provenance={**bundle.provenance, "step": step}, validation=figures)
