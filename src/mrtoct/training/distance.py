"""The distance that a recipe minimises: its loss terms, and where errors weigh more."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mrtoct.sampling.slices import Batch
from mrtoct.training import losses, ranks
from mrtoct.training.anatomy import anatomy, require_segmenter
from mrtoct.training.recipe import LossTerm, Recipe


def distance_loss(
    recipe: Recipe, prediction: Tensor, batch: Batch, terms: Sequence[LossTerm] | None = None
) -> Tensor:
    """Return the weighted sum of a recipe's loss terms, where the MR was measured.

    terms are those that are wanted of them; None: all.

    Of several processes each has its share of the whole batch's loss: their sum is that loss.
    """
    weight = voxel_weight(recipe, batch)
    share = share_of_weight(weight)
    total = prediction.new_zeros(())
    for term in recipe.loss if terms is None else terms:
        value = losses.LOSSES[term.term](prediction, batch.ct, weight, term.reduction)
        if share is not None and term.reduction == "mean":
            value = value * share
        total = total + term.weight * value
    return total


def at_full_resolution(recipe: Recipe) -> tuple[LossTerm, ...]:
    """Return the terms that need voxels as they were prepared: no means of several."""
    return tuple(term for term in recipe.loss if losses.LOSSES[term.term] is anatomy)


def require_terms(recipe: Recipe) -> None:
    """Raise RecipeError, before a run begins, where a loss term lacks what it needs."""
    if at_full_resolution(recipe):
        require_segmenter()


def share_of_weight(weight: Tensor) -> Tensor | None:
    """Return what part of the whole batch's weight this process's samples have; None alone.

    It turns a mean over them into their share of the mean over the whole batch.
    """
    if ranks.size() == 1:
        return None
    own = weight.sum()
    return own / ranks.summed(own).clamp(min=1e-12)


def within(made: Tensor, ct: Tensor) -> Tensor:
    """Return the middle of what a network made, of a patch's size.

    A patch with more MR around it than the network needs gives more CT than is compared.
    """
    return middle(made, ct.shape[2:])


def middle(images: Tensor, sides: Sequence[int]) -> Tensor:
    """Return the middle of images (N, C, ...), of some sides or smaller where they are."""
    for axis, side in enumerate(sides, start=2):
        side = min(side, images.shape[axis])
        images = images.narrow(axis, (images.shape[axis] - side) // 2, side)
    return images


def voxel_weight(recipe: Recipe, batch: Batch) -> Tensor:
    """Return what an error at each voxel counts: 0 where the MR was not measured.

    1 + boost * mask for the brain (section 4.3), for bone and for air in the head; the real CT
    decides what is bone and what is air.
    """
    focus = recipe.focus
    window = recipe.data.hu_window
    weight = batch.covered * (focus.outside + (1 - focus.outside) * batch.head)
    if focus.bone:
        bone_above = (focus.bone_above - window.low) / (window.high - window.low)
        weight = losses.bone_weight(batch.ct, weight, bone_above, focus.bone)
    if focus.air:
        air_below = (focus.air_below - window.low) / (window.high - window.low)
        weight = weight * (1 + focus.air * batch.head * (batch.ct < air_below))
    if focus.brain:
        weight = weight * (1 + focus.brain * batch.brain)
    return weight
