"""What MR and synthetic CT of one head have in common, and what two groups of heads have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = ((1, 0), (0, 1), (2, 0), (0, 2), (1, 1), (1, -1))
"""Pixels to the neighbours, each in both directions, that a neighbourhood is described by."""

MR_FLOOR, CT_FLOOR = 3e-2, 2e-3
"""Differences in [0, 1] below which a neighbourhood is flat: the noise of an MR, 8 HU of a CT."""


def descriptor(images: Tensor, floor: float) -> Tensor:
    """Return how like its neighbours each pixel's surroundings are, (N, 12, H, W) in (0, 1].

    Of images (N, 1, H, W). Modality-independent neighbourhood descriptor (Heinrich et al. 2012):
    exp(-D / V), D the mean squared difference of 3 x 3 pixels to those a step away and V its mean
    over the steps, at least floor^2. It does not change with brightness, contrast, or its sign.
    """
    moves = [(sign * i, sign * j) for i, j in STEPS for sign in (1, -1)]
    reach = max(abs(n) for move in moves for n in move)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    height, width = images.shape[2:]
    moved = torch.cat(
        [
            padded[:, :, reach + i : reach + i + height, reach + j : reach + j + width]
            for i, j in moves
        ],
        dim=1,
    )
    unlike = F.avg_pool2d((moved - images).square(), 3, stride=1, padding=1)
    scale = unlike.mean(dim=1, keepdim=True).clamp(min=floor**2)
    return torch.exp(-unlike / scale)


def structure_loss(made: Tensor, mr: Tensor, head: Tensor) -> Tensor:
    """Return how far the neighbourhoods of a synthetic CT differ from those of its MR in the head.

    All are (N, 1, H, W). Mean absolute difference of their descriptors, 0 to 1.
    """
    apart = descriptor(made, CT_FLOOR) - descriptor(mr, MR_FLOOR)
    return (apart.abs().mean(dim=1, keepdim=True) * head).sum() / head.sum().clamp(min=1)


def histogram_loss(
    made: Tensor, inside: Tensor, real: Tensor, real_inside: Tensor, points: int = 1024
) -> Tensor:
    """Return how far two distributions of CT values lie apart: their Wasserstein distance in 1-D.

    Mean distance of as many quantiles of the values where a mask is above 0; no value is compared
    with one of the same place.
    """
    values, others = made[inside > 0], real[real_inside > 0]
    if not (values.numel() and others.numel()):
        return made.sum() * 0
    return (_quantiles(values, points) - _quantiles(others, points)).abs().mean()


def _quantiles(values: Tensor, points: int) -> Tensor:
    ordered = values.float().sort().values
    at = torch.linspace(0, len(ordered) - 1, points, device=values.device).round().long()
    return ordered[at]
