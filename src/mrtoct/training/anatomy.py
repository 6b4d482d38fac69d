"""An anatomical loss: how differently a network that knows anatomy sees two CTs.

A mean of absolute errors is content with half a bone in each of two places. A network that was
taught to tell bone, air, brain, fat and muscle apart sees shapes: what differs in its inner layers
differs in anatomy (Longuefosse et al. 2024 for CTs; Johnson et al. 2016). It is one of ours, taught
on simulated CTs by mrtoct.training.segmentation.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from mrtoct.errors import RecipeError
from mrtoct.networks.segmenter import Segmenter, padded

WEIGHTS = Path(__file__).with_name("segmenter.safetensors")
"""Of the network that comes with the package."""
MAKE = "python -m mrtoct.training.segmentation SOURCES OUT.safetensors"


def anatomy(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Absolute difference of a segmentation network's features, relative to the target's.

    CTs (N, 1, I, J, K) of -1024 to 3071 HU as 0 to 1, voxels of about 1 mm. At each of the
    network's resolutions the difference is taken as a part of the mean size of the target's
    features, and the mean is taken over resolutions. A sum counts each voxel of the CT alike.
    """
    segmenter = segmenter_on(WEIGHTS, prediction.device)
    if weight is None:
        weight = torch.ones_like(target)
    prediction, target, weight = (padded(t) for t in (prediction, target, weight))
    with torch.no_grad():
        wanted = segmenter.features(target)
    total = prediction.new_zeros(())
    made = segmenter.features(prediction)
    for level, (ours, theirs) in enumerate(zip(made, wanted, strict=True)):
        size = theirs.float().abs().mean().clamp(min=1e-6)
        difference = (ours.float() - theirs.float()).abs().mean(dim=1, keepdim=True) / size
        counted = F.avg_pool3d(weight, 2**level) if level else weight
        value = (difference * counted).sum()
        if reduction == "mean":
            value = value / counted.sum().clamp(min=1e-12)
        else:
            value = value * 8**level
        total = total + value / len(made)
    return total


def require_segmenter() -> None:
    """Raise RecipeError unless the weights are there and whole."""
    segmenter_on(WEIGHTS, torch.device("cpu"))


@cache
def segmenter_on(weights: Path, device: torch.device) -> Segmenter:
    """Return the segmentation network of a file, on a device, not to learn any more."""
    network = Segmenter()
    try:
        tensors = safetensors.torch.load_file(weights)
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except FileNotFoundError:
        raise RecipeError(
            f"the weights of the segmentation network, which the loss term anatomy and structures "
            f"need, are missing ({weights}); make them with {MAKE}"
        ) from None
    except (OSError, SafetensorError, RuntimeError) as error:
        raise RecipeError(
            f"{weights} holds no weights of a segmentation network; make them again with {MAKE}"
        ) from error
    return network.to(device).eval().requires_grad_(False)
