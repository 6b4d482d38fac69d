"""Distance losses of the paper (section 3.4) on images scaled to [0, 1].

Every loss takes prediction and target of one shape (N, C, H, W) or (N, C, D, H, W), an optional
weight of the same shape, and says how it is reduced: "mean" divides by the sum of the weights,
"sum" does not. The paper's small weights (1e-7) belong to sums over batch and pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["mean", "sum"]


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
