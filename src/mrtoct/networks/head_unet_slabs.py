"""A HeadUNet's own numbers for a whole head in a fraction of the memory.

What is costly to hold are the layers at full resolution, of which each voxel sees only its
neighbours: they are computed slab by slab, each read with the voxels around it that it depends on.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

SLAB = 32
"""Planes along I that are drawn at once, at full resolution."""
HALO = 4
"""Voxels beyond a slab that change it: two for the 3^3 layer at half resolution, one for each of
two at full; rounded up to whole voxels at half resolution."""


class TwoParts(Protocol):
    """A HeadUNet: what is costly in time, and what is costly in memory."""

    def understand(self, mr: Tensor) -> Tensor:
        """Map MR (N, C, I, J, K) to features (N, F, I / 2, J / 2, K / 2)."""

    def draw(self, features: Tensor, mr: Tensor) -> Tensor:
        """Map features and MR, or the same part of both, to (N, 2, I, J, K)."""


def in_slabs(network: TwoParts, mr: Tensor) -> Tensor:
    """Map MR (N, C, I, J, K) to (N, 2, I, J, K) float32, as network(mr) does."""
    x = network.understand(mr)
    out = torch.empty(len(mr), 2, *mr.shape[2:], device=mr.device)
    end = mr.shape[2]
    for start in range(0, end, SLAB):
        stop = min(start + SLAB, end)
        low, high = max(start - HALO, 0), min(stop + HALO, end)
        drawn = network.draw(x[:, :, low // 2 : high // 2], mr[:, :, low:high])
        out[:, :, start:stop] = drawn[:, :, start - low : stop - low]
    return out
