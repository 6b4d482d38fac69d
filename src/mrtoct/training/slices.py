"""Train a network of slices, by a distance alone or against a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.sampling.augment import augment
from mrtoct.sampling.planes import subject_in_plane
from mrtoct.sampling.slices import Batch, SliceSet
from mrtoct.sampling.strangers import at_like_depth, depths, joined, two_groups
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.training import ranks
from mrtoct.training.adversarial import Adversarial
from mrtoct.training.calibration import calibrate
from mrtoct.training.checkpoint import Progress
from mrtoct.training.cohort import Cohort, describe
from mrtoct.training.loop import Job, Learner, learn
from mrtoct.training.recipe import Recipe
from mrtoct.training.regression import Regression
from mrtoct.training.setting import Session, set_up
from mrtoct.training.start import begin_with
from mrtoct.training.unpaired import Unpaired
from mrtoct.training.validation import validation_of
from mrtoct.translation.bundle import network_of
from mrtoct.translation.geometry import Slices


def train_slices(
    run: Path,
    recipe: Recipe,
    cohort: Cohort,
    start: Path | None,
    session: Session,
) -> tuple[Progress, str]:
    """Train a network of slices; return how far it came and on what.

    start is a bundle whose weights are taken to begin with.
    """
    torch.manual_seed(recipe.training.seed)
    data = recipe.data
    seen = len(cohort.channels) * (2 * data.neighbours + 1)
    geometry = Slices(data.size, data.neighbours, data.planes)
    bundle = describe(recipe, replace(recipe.model, in_channels=seen), geometry, cohort)
    network = network_of(bundle)
    fabric, layout = set_up(recipe.training.precision, recipe.model.width, session.device)
    network.to(memory_format=layout)  # type: ignore[call-overload]
    learner: Learner
    if recipe.unpaired is not None:
        terms = recipe.unpaired
        critic = PatchDiscriminatorConfig(in_channels=1, width=terms.width, depth=terms.depth)
        learner = Unpaired(network, _discriminator(critic, layout), recipe, terms, fabric)
    elif recipe.adversarial is None:
        learner = Regression(network, recipe, fabric)
    else:
        against = recipe.adversarial
        judge = PatchDiscriminatorConfig(in_channels=seen + 1, width=against.width)
        learner = Adversarial(network, _discriminator(judge, layout), recipe, against, fabric)
    bundle = begin_with(start, learner.state, bundle)
    draw = pairs_of(cohort, recipe) if recipe.unpaired is None else strangers_of(cohort, recipe)

    def batch(step: int, generator: torch.Generator) -> Batch:
        return draw(step, generator).to(fabric.device, layout)

    validate = validation_of(learner.state.translator, bundle, cohort.validation)

    job = Job(run, batch, validate, bundle)
    progress = learn(learner, recipe, job, session)
    if ranks.leads():
        calibrate(run / "best", cohort.validation, session.device)
    return progress, fabric.device.type


def _discriminator(
    config: PatchDiscriminatorConfig, layout: torch.memory_format
) -> PatchDiscriminator:
    discriminator = PatchDiscriminator(config)
    discriminator.to(memory_format=layout)  # type: ignore[call-overload]
    return discriminator


Draw = Callable[[int, torch.Generator], Batch]
"""The batch of a step, of several processes a share of it; the generator is the step's."""


def pairs_of(cohort: Cohort, recipe: Recipe) -> Draw:
    """Return what draws slices of MR and CT that belong together."""
    slices = slice_set(cohort.train, recipe)
    share = ranks.share_of(recipe.training.batch)

    def draw(step: int, generator: torch.Generator) -> Batch:
        drawn = slices.batch(epoch_indices(len(slices), recipe, step)[share.part])
        return augment(drawn, recipe.augmentation, generator, share)

    return draw


def strangers_of(cohort: Cohort, recipe: Recipe) -> Draw:
    """Return what draws as many MR slices of one group of heads and CT slices of another.

    Those of the MR come first. Each CT slice lies about as far below the top of its head as an MR
    slice of the batch; the two are turned and scaled independently.
    """
    groups = two_groups(cohort.train, recipe.training.seed)
    mr, ct = (slice_set(group, recipe) for group in groups)
    mr_depths, ct_depths = (depths(group) for group in groups)
    share = ranks.share_of(recipe.training.batch)

    def draw(step: int, generator: torch.Generator) -> Batch:
        shown = epoch_indices(len(mr), recipe, step)
        others = at_like_depth(mr_depths[shown], ct_depths, 2 * len(groups[1]), generator)
        first, second = (
            augment(of.batch(indices[share.part]), recipe.augmentation, generator, share)
            for of, indices in ((mr, shown), (ct, others))
        )
        return joined(first, second)

    return draw


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
