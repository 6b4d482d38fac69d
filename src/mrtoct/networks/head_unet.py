"""A 3-D u-net that works at half resolution and draws at full: the shipped head model's network.

Blocks of 2 x 2 x 2 voxels are folded into channels, so that nothing of the MR is lost while the
costly layers see an eighth of the voxels: on a CPU wide layers at half resolution cost less than
narrow ones at full resolution, and the whole head is seen in three dimensions, where what is dark
in MR is told to be air or bone by its shape and place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.networks.block_3d import GROUP_CHANNELS, ResidualBlock3d, initialise_3d
from mrtoct.networks.config import NetworkConfig, Sees, require_within
from mrtoct.networks.head_unet_slabs import in_slabs


@dataclass(frozen=True)
class HeadUNetConfig(NetworkConfig):
    """Size of the network."""

    sees: ClassVar[Sees] = "heads"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    """Channels at half resolution and after each further halving; multiples of 8."""
    detail: int = 8
    """Channels at full resolution."""
    kind: Literal["head_unet"] = "head_unet"

    def __post_init__(self) -> None:
        require_within(self, in_channels=(1, 16), detail=(4, 128))
        if not 2 <= len(self.widths) <= 6:
            raise ValueError(f"widths must be of 2 to 6 levels, got {len(self.widths)}")
        if any(not 8 <= w <= 1024 or w % GROUP_CHANNELS for w in self.widths):
            raise ValueError(f"widths must be multiples of 8 up to 1024, got {list(self.widths)}")

    def build(self) -> HeadUNet:
        """Return the network, with new weights."""
        return HeadUNet(self)

    @property
    def width(self) -> int:
        """Channels of the widest-used layers, those at half resolution."""
        return self.widths[0]

    @property
    def divisor(self) -> int:
        """What the sides of an input must be multiples of."""
        return int(2 ** len(self.widths))


class HeadUNet(nn.Module):
    """Residual blocks down and up at half resolution, then two thin layers at full resolution."""

    def __init__(self, config: HeadUNetConfig = HeadUNetConfig()) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.first = nn.Sequential(
            nn.Conv3d(8 * config.in_channels, widths[0], 3, padding=1), ResidualBlock3d(widths[0])
        )
        self.encoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(before, after, 2, stride=2),
                ResidualBlock3d(after),
                ResidualBlock3d(after),
            )
            for before, after in pairwise(widths)
        )
        # Normed, so that what comes from below does not drown the detail that it is added to.
        self.merge = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(below // GROUP_CHANNELS, below), nn.Conv3d(below, here, 1))
            for here, below in reversed([*pairwise(widths)])
        )
        self.decoder = nn.ModuleList(ResidualBlock3d(here) for here in widths[-2::-1])
        self.norm = nn.GroupNorm(widths[0] // GROUP_CHANNELS, widths[0])
        self.unfold = nn.Conv3d(widths[0], 8 * 8, 3, padding=1)
        self.detail = nn.Conv3d(8 + config.in_channels, config.detail, 3, padding=1)
        self.last = nn.Conv3d(config.detail, 2, 3, padding=1)
        initialise_3d(self)
        # Beginning near 0 HU, with errors of some 200 HU expected.
        nn.init.normal_(self.last.weight, std=0.01)
        with torch.no_grad():
            assert self.last.bias is not None
            self.last.bias.copy_(torch.tensor([0.0, -1.5]))

    def forward(self, mr: Tensor) -> Tensor:
        """Map MR (N, C, I, J, K), about [0, 1], to (N, 2, I, J, K), float32.

        The first channel is the CT in [0, 1], not clipped; the second the logarithm of the
        absolute error that is expected in it, in thousands of HU where the window is 4095 HU wide.
        """
        return self.draw(self.understand(mr), mr)

    def whole(self, mr: Tensor) -> Tensor:
        """Map a whole head as forward does, in a fraction of the memory; not to learn from."""
        return in_slabs(self, mr)

    def understand(self, mr: Tensor) -> Tensor:
        """Map MR (N, C, I, J, K) to features (N, widths[0], I / 2, J / 2, K / 2)."""
        x = self.first(fold(mr))
        skips = []
        for down in self.encoder:
            skips.append(x)
            x = down(x)  # half the side, widths[level]
        for merge, block in zip(self.merge, self.decoder, strict=True):
            x = F.interpolate(merge(x), scale_factor=2.0, mode="nearest")
            x = block(x + skips.pop())  # twice the side
        normed: Tensor = self.norm(x)
        return normed

    def draw(self, features: Tensor, mr: Tensor) -> Tensor:
        """Map features and MR, or the same part of both, to what forward gives."""
        drawn = unfold(self.unfold(F.silu(features)))  # (N, 8, I, J, K)
        x = F.silu(self.detail(torch.cat([drawn, mr.to(drawn.dtype)], dim=1)))
        # A bfloat16 output would come in steps of 4 HU and more: the last layer is float32. Two of
        # the channels are a first drawing, which the thin layers correct: they cannot silence it.
        with torch.autocast(x.device.type, enabled=False):
            x = drawn[:, :2].float() + self.last(x.float())
        return torch.cat([0.25 * (1 + x[:, :1]), x[:, 1:]], dim=1)


def fold(x: Tensor) -> Tensor:
    """Turn (N, C, I, J, K) into (N, 8 C, I / 2, J / 2, K / 2): each block of voxels to channels."""
    n, c, i, j, k = x.shape
    x = x.reshape(n, c, i // 2, 2, j // 2, 2, k // 2, 2)
    x = x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(n, 8 * c, i // 2, j // 2, k // 2)
    return x.contiguous(memory_format=torch.channels_last_3d)


def unfold(x: Tensor) -> Tensor:
    """Turn (N, 8 C, I, J, K) into (N, C, 2 I, 2 J, 2 K): what fold undoes."""
    n, c, i, j, k = x.shape
    x = x.permute(0, 2, 3, 4, 1).reshape(n, i, j, k, 2, 2, 2, c // 8)
    x = x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(n, 2 * i, 2 * j, 2 * k, c // 8)
    return x.permute(0, 4, 1, 2, 3)
