"""Learn at several resolutions at once: what a network makes halfway up is compared, too.

The gradient then reaches the coarse layers of a deep network by a short way (Lee et al. 2015), and
they learn to be right about large structures before the fine ones are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from mrtoct.networks.config import NetworkConfig
from mrtoct.sampling.slices import Batch
from mrtoct.training.distance import at_full_resolution, distance_loss
from mrtoct.training.recipe import Recipe


def is_supervised(config: NetworkConfig) -> bool:
    """Tell whether a network gives its CT at several resolutions, to learn by.

    Such a network has more than one of them in its configuration's supervised, and gives them all
    as network(mr, every=True), finest first.
    """
    return getattr(config, "supervised", 1) > 1


def supervised_loss(recipe: Recipe, made: Sequence[Tensor], batch: Batch) -> Tensor:
    """Return the mean over resolutions of a recipe's loss, each with half the weight of the finer.

    made are CTs (N, 1, I, J, K), (N, 1, I / 2, J / 2, K / 2) and so on. Coarse ones are compared
    with the mean of the CT's voxels and weigh as these were measured and lie in the head. A term
    that needs the voxels themselves, such as anatomy, counts in the finest alone.
    """
    fine = at_full_resolution(recipe)
    coarse = [term for term in recipe.loss if term not in fine]
    total, weights = made[0].new_zeros(()), 0.0
    for level, ct in enumerate(made):
        if level:
            batch = halved(batch)
        terms = coarse if level else recipe.loss
        total = total + 0.5**level * distance_loss(recipe, ct, batch, terms)
        weights += 0.5**level
    return total / weights


def halved(batch: Batch) -> Batch:
    """Return a batch of patches at half the resolution: means of 2 x 2 x 2 voxels."""
    tensors = (batch.mr, batch.ct, batch.covered, batch.head, batch.brain)
    return Batch(*(F.avg_pool3d(t, 2) for t in tensors))
