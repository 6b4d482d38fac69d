"""A 3-D u-net with a deep residual encoder: what wins where there are pairs and a GPU.

Most layers lie in the encoder, where they are cheap, and the decoder is one convolution at each
resolution (Isensee et al. 2024, the residual encoder of nnU-Net). Unlike head_unet it works at full
resolution from its first layer on: a finer drawing for about nine times the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.networks.block_3d import GROUP_CHANNELS, ResidualBlock3d, initialise_3d, joining_3d
from mrtoct.networks.config import NetworkConfig, Sees, require_within

MOST_CHANNELS = 320
"""Doubling them further costs weights that a cohort of heads cannot teach."""
MOST_VALUES = 128_000_000
"""Of one layer at full resolution, in a pass over a whole head: half a gigabyte in float32, of
which about five are held at once."""


@dataclass(frozen=True)
class ResidualEncoderConfig(NetworkConfig):
    """Size of the network."""

    sees: ClassVar[Sees] = "heads"
    width: int = 32
    """Channels at full resolution, a multiple of 8; they double with each halving, up to 320."""
    blocks: tuple[int, ...] = (1, 3, 4, 6, 6)
    """Residual blocks of the encoder at full resolution and after each halving."""
    supervised: int = 3
    """Resolutions, from the full one on, at which what it makes is compared with the CT while it
    learns (deep supervision); 1: the full one alone."""
    kind: Literal["residual_encoder"] = "residual_encoder"

    def __post_init__(self) -> None:
        require_within(self, in_channels=(1, 16), width=(8, 256))
        if self.width % GROUP_CHANNELS:
            raise ValueError(f"width must be a multiple of {GROUP_CHANNELS}, got {self.width}")
        if not 2 <= len(self.blocks) <= 7 or any(not 1 <= n <= 12 for n in self.blocks):
            raise ValueError(
                f"blocks must be 2 to 7 numbers of 1 to 12 blocks, got {list(self.blocks)}"
            )
        # At the coarsest resolution nothing has been decoded yet.
        require_within(self, supervised=(1, len(self.blocks) - 1))

    def build(self) -> ResidualEncoderUNet:
        """Return the network, with new weights."""
        return ResidualEncoderUNet(self)

    @property
    def channels(self) -> list[int]:
        """Channels at full resolution and after each halving."""
        return [min(self.width * 2**n, max(MOST_CHANNELS, self.width)) for n in self._levels]

    @property
    def divisor(self) -> int:
        """What the sides of an input must be multiples of."""
        return int(2 ** (len(self.blocks) - 1))

    @property
    def most_voxels(self) -> int:
        """Of one pass over a head."""
        return MOST_VALUES // self.width

    @property
    def _levels(self) -> range:
        return range(len(self.blocks))


class ResidualEncoderUNet(nn.Module):
    """Residual blocks down, one convolution at each resolution up, skips by concatenation."""

    def __init__(self, config: ResidualEncoderConfig = ResidualEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        first = nn.Conv3d(config.in_channels, channels[0], 3, padding=1)
        downs = [nn.Conv3d(before, after, 2, stride=2) for before, after in pairwise(channels)]
        self.encoder = nn.ModuleList(
            nn.Sequential(entry, *(ResidualBlock3d(width) for _ in range(count)))
            for entry, width, count in zip([first, *downs], channels, config.blocks, strict=True)
        )
        upwards = [*reversed([*pairwise(channels)])]
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in upwards)
        self.decoder = nn.ModuleList(joining_3d(2 * here) for here, _ in upwards)
        # CT and its expected error at full resolution; further down the CT alone, to learn by.
        self.last = nn.ModuleList(
            _Drawing(channels[level], 1 if level else 2) for level in range(config.supervised)
        )
        initialise_3d(self)
        for drawing in self.last:
            assert isinstance(drawing, _Drawing)
            drawing.begin_in_the_middle()

    def forward(self, mr: Tensor, every: bool = False) -> Tensor | list[Tensor]:
        """Map MR (N, C, I, J, K), about [0, 1], to (N, 2, I, J, K), float32.

        The first channel is the CT in [0, 1], not clipped; the second the logarithm of the
        absolute error that is expected in it, in thousands of HU where the window is 4095 HU wide.
        With every, that and the CT (N, 1, I / 2, J / 2, K / 2) and so on, of each supervised
        resolution, finest first.
        """
        x = mr
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)  # (N, channels[level], I / 2^level, ...)
        skips.pop()
        made: list[Tensor] = []
        for up, join in zip(self.up, self.decoder, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
            level = len(skips)
            if level == 0 or (every and level < len(self.last)):
                made.insert(0, self.last[level](x))
        return made if every else made[0]

    def whole(self, mr: Tensor) -> Tensor:
        """Map a whole head as forward does."""
        made = self(mr)
        assert isinstance(made, Tensor)
        return made


class _Drawing(nn.Module):
    """From features to images: 1^3 convolution."""

    def __init__(self, width: int, images: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(width // GROUP_CHANNELS, width)
        self.convolution = nn.Conv3d(width, images, 1)

    def begin_in_the_middle(self) -> None:
        """Begin near 0 HU, with errors of some 200 HU expected."""
        nn.init.normal_(self.convolution.weight, std=0.01)
        assert self.convolution.bias is not None
        with torch.no_grad():
            self.convolution.bias[1:] = -1.5

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width, I, J, K) to CT, about [0, 1], and what else is drawn, float32."""
        x = F.silu(self.norm(x))
        # A bfloat16 output would come in steps of 4 HU and more: this layer is float32.
        with torch.autocast(x.device.type, enabled=False):
            x = self.convolution(x.float())
        return torch.cat([0.25 * (1 + x[:, :1]), x[:, 1:]], dim=1)
