"""Show a whole scaled head at once to a network that says how wrong it expects to be.

A head too large for the memory is cut into few large tiles that overlap, and what is made of them
is blended: such a network sees far and norms each image by itself, so a tile without its
surroundings is translated differently, and a hard border between two would show. For the same
reason the exact tiling of filters (tiling.py) is not to be had here.

A bundle may ask for tiles of the size that its network learnt from, of which neighbours share a
half. A tile's weight falls in a straight line from its middle to next to nothing at its border, as
the Gaussian of nnU-Net does in a curve: either way no voxel's CT hangs on whether it lies just
inside or just outside of a tile, so there is no seam to blur, and nothing a Gaussian would add.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.networks.config import NetworkConfig
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Heads
from mrtoct.volume import Array

OVERLAP = 48
"""Voxels that neighbouring tiles share, where the memory asks for tiles."""
ERROR_UNIT = 1000 / 4095
"""Of the network's expected errors, as a part of the HU window: thousands of HU of 4095."""

Tile = tuple[int, int, int]
Span = tuple[slice, Array]
"""A tile's place along an axis, and its weights there."""


class HeadNetwork(Protocol):
    """A network that sees whole heads."""

    config: NetworkConfig

    def whole(self, mr: Tensor) -> Tensor:
        """Map MR (N, C, I, J, K) to CT and the logarithm of its expected error (N, 2, I, J, K)."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the weights."""


def whole_head(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> list[Array]:
    """Return what a network makes of scaled MR (C, I, J, K): CT in [0, 1], (I, J, K)."""
    return [predict_head(cast(HeadNetwork, network), mr, tile=tile_of(bundle))[0]]


def tile_of(bundle: Bundle) -> Tile | None:
    """Return the tiles in which a bundle wants a head to be shown; None: as large as may be."""
    assert isinstance(bundle.geometry, Heads)
    return bundle.geometry.tile


@torch.no_grad()
def predict_head(
    network: HeadNetwork, mr: Array, *, tile: Tile | None = None, most_voxels: int | None = None
) -> tuple[Array, Array]:
    """Map scaled MR (C, I, J, K) to CT in [0, 1] and to the absolute error expected in it.

    Both are (I, J, K) float32, the error in the CT's unit. A pass sees a tile (I, J, K) of voxels;
    without one at most most_voxels, padding included, or what the network bears.
    """
    most = most_voxels or network.config.most_voxels
    axes = _tiles(mr.shape[1:], network.config.divisor, most, tile)
    if all(len(spans) == 1 for spans in axes):
        return _in_one_pass(network, mr)
    total = np.zeros((2, *mr.shape[1:]), dtype=np.float32)
    weights = np.zeros(mr.shape[1:], dtype=np.float32)
    for (i, along_i), (j, along_j), (k, along_k) in product(*axes):
        weight = along_i[:, None, None] * along_j[:, None] * along_k
        total[:, i, j, k] += weight * np.stack(_in_one_pass(network, mr[:, i, j, k]))
        weights[i, j, k] += weight
    total /= weights
    return total[0], total[1]


def _in_one_pass(network: HeadNetwork, mr: Array) -> tuple[Array, Array]:
    """Zeros are padded around the MR until its sides are multiples of the network's divisor."""
    device = next(network.parameters()).device
    shape = mr.shape[1:]
    missing = [-n % network.config.divisor for n in shape]
    before = [n // 2 for n in missing]
    padding = [(0, 0), *((b, n - b) for b, n in zip(before, missing, strict=True))]
    image = torch.from_numpy(np.pad(np.asarray(mr, dtype=np.float32), padding))[None].to(device)
    image = image.contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
        made = network.whole(image)[0]  # (2, I, J, K), padded
    i, j, k = (slice(b, b + n) for b, n in zip(before, shape, strict=True))
    ct = made[0, i, j, k].clamp(0, 1)
    error = (made[1, i, j, k].exp() * ERROR_UNIT).clamp(max=1)  # of the whole window
    return ct.contiguous().cpu().numpy(), error.contiguous().cpu().numpy()


def _tiles(
    shape: tuple[int, ...], divisor: int, most_voxels: int, tile: Tile | None
) -> list[list[Span]]:
    """Return the tiles along each axis: of a size, or as few as the bound on a pass allows."""
    if tile is not None:
        return [list(_spans(n, side, side // 2)) for n, side in zip(shape, tile, strict=True)]
    sides = [-(-n // divisor) * divisor for n in shape]
    while math.prod(sides) > most_voxels:
        longest = max(range(3), key=lambda axis: sides[axis])
        half = -(-(sides[longest] + OVERLAP) // (2 * divisor)) * divisor
        if half >= sides[longest]:
            break  # mostly overlap: smaller tiles would save nothing
        sides[longest] = half
    return [list(_spans(n, side, OVERLAP)) for n, side in zip(shape, sides, strict=True)]


def _spans(length: int, side: int, overlap: int) -> Iterator[Span]:
    """Lay tiles of a side evenly along an axis; their weights rise and fall over the overlap."""
    side = min(side, length)
    count = 1 if side == length else math.ceil((length - overlap) / (side - overlap))
    for start in np.linspace(0, length - side, count).round().astype(int).tolist():
        weights = np.ones(side, dtype=np.float32)
        rise = (np.arange(min(overlap, side), dtype=np.float32) + 0.5) / overlap
        if start > 0:
            weights[: len(rise)] *= rise
        if start + side < length:
            weights[-len(rise) :] *= rise[::-1]
        yield slice(start, start + side), weights
