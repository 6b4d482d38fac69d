"""The moving average of a network's weights: steadier than the network itself."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """A network whose weights follow another's; without a decay, the other network itself."""

    def __init__(self, source: nn.Module, decay: float) -> None:
        """Keep decay (0 to 1) of the average and take the rest from the source at each update."""
        self._source, self._decay = source, decay
        self.network = source
        if decay:
            self.network = copy.deepcopy(source).requires_grad_(False)

    @torch.no_grad()
    def update(self) -> None:
        """Follow the source; statistics of batch norm, which are averages already, are copied."""
        if not self._decay:
            return
        for average, new in zip(self.network.parameters(), self._source.parameters(), strict=True):
            average.lerp_(new, 1 - self._decay)
        for kept, statistic in zip(self.network.buffers(), self._source.buffers(), strict=True):
            kept.copy_(statistic)
