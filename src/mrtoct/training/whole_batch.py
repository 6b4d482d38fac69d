"""Layers whose result depends on the whole batch, for processes that each hold a share of it.

Batch norm takes mean and variance over all processes' samples, and dropout drops what it would have
dropped in one process. torch's own SyncBatchNorm works on GPUs alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.training import ranks


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the slices of all processes, equally many in each."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, H, W); in evaluation by the running statistics."""
        return _normalised(self, input) if self.training else super().forward(input)


class WholeBatchNorm3d(nn.BatchNorm3d):
    """Batch norm over the patches of all processes, equally many in each."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, I, J, K); in evaluation by the running statistics."""
        return _normalised(self, input) if self.training else super().forward(input)


class WholeDropout(nn.Dropout):
    """Dropout that draws for the whole batch, in every process alike, and applies its share."""

    def forward(self, input: Tensor) -> Tensor:
        """Drop values of (N, C, ...)."""
        if not self.training:
            return input
        share = ranks.share_of(len(input) * ranks.size())
        by_pixels = input.ndim == 4 and not input.is_contiguous()
        layout = torch.channels_last if by_pixels else torch.contiguous_format
        ones = input.new_ones((share.whole, *input.shape[1:])).contiguous(memory_format=layout)
        # Numbers are drawn in the order of memory: as of the batch that one process would have.
        return input * F.dropout(ones, self.p)[share.part]


def over_whole_batches(network: nn.Module) -> nn.Module:
    """Replace such layers of a network in place, where several processes share a batch.

    Names, weights and what it does in evaluation stay.
    """
    if ranks.size() == 1:
        return network
    for name, layer in network.named_children():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            kind = WholeBatchNorm2d if isinstance(layer, nn.BatchNorm2d) else WholeBatchNorm3d
            norm = kind(layer.num_features, eps=layer.eps, momentum=layer.momentum)
            norm.load_state_dict(layer.state_dict())
            setattr(network, name, norm)
        elif isinstance(layer, nn.Dropout):
            setattr(network, name, WholeDropout(layer.p))
        else:
            over_whole_batches(layer)
    return network


def _normalised(norm: nn.BatchNorm2d | nn.BatchNorm3d, input: Tensor) -> Tensor:
    """Normalise (N, C, ...) over all axes but C and over all processes, as torch does over one."""
    values = input.float()
    axes = [0, *range(2, values.ndim)]
    each = (1, -1, *(1,) * (values.ndim - 2))
    processes = ranks.size()
    mean = ranks.summed_with_gradient(values.mean(axes)) / processes
    centred = values - mean.view(each)
    variance = ranks.summed_with_gradient(centred.square().mean(axes)) / processes
    _remember(norm, mean, variance, processes * values.numel() // len(mean))
    result = centred * torch.rsqrt(variance + norm.eps).view(each)
    return (result * norm.weight.view(each) + norm.bias.view(each)).to(input.dtype)


@torch.no_grad()
def _remember(
    norm: nn.BatchNorm2d | nn.BatchNorm3d, mean: Tensor, variance: Tensor, count: int
) -> None:
    """Update the running statistics as torch does: with the unbiased variance."""
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    assert norm.running_mean is not None and norm.running_var is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * count / max(1, count - 1), norm.momentum)
