"""Losses of the paper (section 3.4) on images scaled to [0, 1] and on a discriminator's scores.

Every distance takes prediction and target of one shape (N, C, H, W) or (N, C, D, H, W), an optional
weight of the same shape, and says how it is reduced: "mean" divides by the sum of the weights,
"sum" does not. The paper's small weights (1e-7) belong to sums over batch and pixels.

Every adversarial loss takes maps of scores as a discriminator gives them, before any sigmoid, and
is a mean over batch and map. A discriminator's loss is half of that on the real pairs plus half of
that on the fake ones. Detach the fake CT before the discriminator's turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mrtoct.training.anatomy import anatomy

Reduction = Literal["mean", "sum"]
Distance = Callable[[Tensor, Tensor, Tensor | None, Reduction], Tensor]


def mae(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Mean absolute error |Y - X|, equation (1)."""
    return _reduce((prediction - target).abs(), weight, reduction)


def mse(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Mean squared error (Y - X)^2, equation (2)."""
    return _reduce((prediction - target).square(), weight, reduction)


def gdl(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Gradient difference loss, equations (3) and (4): MSE of forward differences, over axes.

    The difference past the last index is 0, so each axis is averaged over all voxels.
    """
    return _over_axes(prediction, target, weight, reduction, lambda a, b: (a - b).square())


def gdl_absolute(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Gradient difference loss of Nie et al. 2016: squared difference of absolute gradients."""
    return _over_axes(
        prediction, target, weight, reduction, lambda a, b: (a.abs() - b.abs()).square()
    )


def gdl_l1(
    prediction: Tensor, target: Tensor, weight: Tensor | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """Total variation of the residual: |difference of forward differences|, as the authors ran."""
    return _over_axes(prediction, target, weight, reduction, lambda a, b: (a - b).abs())


LOSSES: dict[str, Distance] = {
    "mae": mae,
    "mse": mse,
    "gdl": gdl,
    "gdl_absolute": gdl_absolute,
    "gdl_l1": gdl_l1,
    "anatomy": anatomy,
}
"""The distances by what a recipe calls them. A new one costs its function and a line here."""


def bone_weight(target: Tensor, inside: Tensor, bone_above: float, boost: float) -> Tensor:
    """Return a weight for the distances: 0 outside a mask, 1 inside it, 1 + boost in bone there.

    inside is 0 or 1 and of the target's shape; bone_above is on the target's scale, [0, 1]. The
    target decides what is bone, so a prediction cannot change its own weight.
    """
    return inside * (1 + boost * (target > bone_above))


def adversarial_generator(fake: Tensor) -> Tensor:
    """Mean of -log D(fake), D the sigmoid of the scores: equation (6) as generators minimise it.

    Not log(1 - D(fake)), whose gradient vanishes while the discriminator is sure (Goodfellow et
    al. 2014).
    """
    return F.softplus(-fake).mean()


def adversarial_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean of -log D(real) plus half that of -log(1 - D(fake)), equation (6); guess: ln 2.

    D is the sigmoid of the scores.
    """
    return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2


def least_square_generator(fake: Tensor) -> Tensor:
    """Half the mean of (D(fake) - 1)^2, D the scores themselves; Mao et al. 2017.

    The paper's equation (7), as printed with logarithms, rewards the wrong thing and diverges.
    """
    return (fake - 1).square().mean() / 2


def least_square_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half the mean of (D(real) - 1)^2 plus half that of D(fake)^2; Mao et al. 2017; guess: 1/4."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def forward_difference(image: Tensor, axis: int) -> Tensor:
    """Return image[i + 1] - image[i] along an axis, 0 at the last index; shape is kept."""
    last = image.narrow(axis, image.shape[axis] - 1, 1)
    return torch.diff(image, dim=axis, append=last)


def _over_axes(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor | None,
    reduction: Reduction,
    distance: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    total = prediction.new_zeros(())
    for axis in range(2, prediction.ndim):
        difference = distance(
            forward_difference(prediction, axis), forward_difference(target, axis)
        )
        total = total + _reduce(difference, weight, reduction)
    return total


def _reduce(values: Tensor, weight: Tensor | None, reduction: Reduction) -> Tensor:
    if weight is None:
        return values.mean() if reduction == "mean" else values.sum()
    weighted = (values * weight).sum()
    return weighted / weight.sum().clamp(min=1e-12) if reduction == "mean" else weighted
