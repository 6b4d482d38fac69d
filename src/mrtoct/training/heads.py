"""Train a network of whole heads on a store's pairs, from nothing or from one of any contrast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from mrtoct.sampling.augment import augment_patches
from mrtoct.sampling.parts import PartSet, around_head
from mrtoct.sampling.slices import Batch
from mrtoct.training import ranks
from mrtoct.training.calibration import calibrate
from mrtoct.training.checkpoint import Progress
from mrtoct.training.cohort import Cohort, describe
from mrtoct.training.expected_error import RegressionWithError
from mrtoct.training.loop import Job, learn
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import Session, set_up
from mrtoct.training.start import begin_with
from mrtoct.training.validation import validation_of
from mrtoct.translation.bundle import network_of
from mrtoct.translation.geometry import Heads

LAYOUT = torch.channels_last_3d


def train_heads(
    run: Path,
    recipe: Recipe,
    cohort: Cohort,
    start: Path | None,
    session: Session,
) -> tuple[Progress, str]:
    """Train a network of whole heads on a cohort; return how far it came and on what.

    It learns from large parts of heads and is judged on whole ones. start is a bundle whose weights
    are taken to begin with, of the size that the recipe says.
    """
    cohort = heads_of(cohort)
    torch.manual_seed(recipe.training.seed)
    model = replace(recipe.model, in_channels=len(cohort.channels))
    parts = PartSet(
        cohort.train,
        size=recipe.patches.part,
        multiple=model.divisor,
        window=recipe.data.hu_window,
        seed=recipe.training.seed,
    )
    geometry = Heads(None if recipe.patches.whole else parts.size)
    bundle = describe(recipe, model, geometry, cohort)
    network = network_of(bundle)
    fabric, _ = set_up(recipe.training.precision, model.width, session.device)
    network.to(memory_format=LAYOUT)  # type: ignore[call-overload]
    learner = RegressionWithError(network, recipe, fabric)
    bundle = begin_with(start, learner.state, bundle)
    share = ranks.share_of(recipe.training.batch)

    def batch(step: int, generator: torch.Generator) -> Batch:
        drawn = augment_patches(parts.batch(step, share), recipe.augmentation, generator, share)
        return drawn.to(fabric.device, LAYOUT)

    validate = validation_of(learner.state.translator, bundle, cohort.validation)

    # Fine-tuning on a few pairs must not choose something worse than the model that it began with.
    job = Job(run, batch, validate, bundle, keep_start=start is not None)
    progress = learn(learner, recipe, job, session)
    if ranks.leads():
        calibrate(run / "best", cohort.validation, session.device)
    return progress, fabric.device.type


def heads_of(cohort: Cohort) -> Cohort:
    """Return a cohort without what lies far from the heads, which costs time alone."""
    return replace(
        cohort,
        train=[*map(around_head, cohort.train)],
        validation=[*map(around_head, cohort.validation)],
    )
