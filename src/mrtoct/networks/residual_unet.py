"""A residual u-net that sees a slice with its neighbours (2.5-D): what one would train today."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.networks.config import NetworkConfig, Sees, require_choice, require_within

GROUP_CHANNELS = 8
"""Channels that group norm averages together, where a layer has so many."""


@dataclass(frozen=True)
class ResidualUNetConfig(NetworkConfig):
    """Size and options of the residual u-net; the defaults train on a CPU."""

    sees: ClassVar[Sees] = "slices"
    out_channels: int = 1
    width: int = 32
    """Channels at full size; they double with each level, up to eight times the width."""
    depth: int = 4
    """Number of times that the image is halved; its sides must be multiples of 2 ** depth."""
    norm: Literal["instance", "group"] = "instance"
    """Over each channel of each image, or over groups of eight channels."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    """Targets are in [0, 1]; a linear output is clipped there only when it is used."""
    kind: Literal["residual_unet"] = "residual_unet"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, depth=(1, 10), width=(1, 512), out_channels=(1, 16))
        require_choice(self, norm=("instance", "group"), output=("sigmoid", "linear"))

    def build(self) -> ResidualUNet:
        """Return the network, with new weights."""
        return ResidualUNet(self)

    @property
    def channels(self) -> list[int]:
        """Channels at full size and after each halving."""
        return [self.width * min(2**level, 8) for level in range(self.depth + 1)]

    @property
    def divisor(self) -> int:
        """What the sides of an input image must be multiples of."""
        return int(2**self.depth)


class ResidualUNet(nn.Module):
    """Residual blocks, strided convolutions down, resize and convolve up, skips by concatenation.

    Resizing before a convolution leaves none of the checkerboard that transposed convolutions can
    (Odena et al. 2016); residual blocks after He et al. 2016; norms of single images, so that small
    batches train and a translation does not depend on its batch.
    """

    def __init__(self, config: ResidualUNetConfig = ResidualUNetConfig()) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.first = nn.Sequential(
            nn.Conv2d(config.in_channels, channels[0], 3, padding=1),
            ResidualBlock(channels[0], channels[0], config.norm),
        )
        self.encoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                ResidualBlock(after, after, config.norm),
            )
            for before, after in pairwise(channels)
        )
        self.decoder = nn.ModuleList(
            nn.ModuleDict(
                {
                    "after_resize": nn.Conv2d(below, here, 3, padding=1),
                    "block": ResidualBlock(2 * here, here, config.norm),
                }
            )
            for below, here in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.last = nn.Conv2d(channels[0], config.out_channels, kernel_size=1)
        self.apply(initialise)
        # Residual blocks add up to large numbers, which a sigmoid would turn into 0 and 1 from the
        # start, where it has no gradient.
        nn.init.normal_(self.last.weight, std=0.01)

    def forward(self, image: Tensor) -> Tensor:
        """Map MR (N, C, H, W), about [0, 1], to CT (N, 1, H, W) in [0, 1].

        Neighbouring slices, if any, are channels of the MR.
        """
        x = self.first(image)  # (N, width, H, W)
        skips = []
        for block in self.encoder:
            skips.append(x)
            x = block(x)  # half the side, channels[level + 1]
        for block in self.decoder:
            assert isinstance(block, nn.ModuleDict)
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block["after_resize"](x)
            x = block["block"](torch.cat([x, skips.pop()], dim=1))  # twice the side
        # A bfloat16 output would come in steps of up to 16 HU: the last layer runs in float32.
        with torch.autocast(x.device.type, enabled=False):
            x = self.last(x.float())
        return torch.sigmoid(x) if self.config.output == "sigmoid" else x


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with norms, added to their input (adapted by a 1 x 1 one)."""

    def __init__(self, before: int, after: int, norm: str) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False),
            normalisation(after, norm),
            nn.LeakyReLU(0.01, inplace=True),
            nn.Conv2d(after, after, kernel_size=3, padding=1, bias=False),
            normalisation(after, norm),
        )
        self.adapt = (
            nn.Conv2d(before, after, kernel_size=1, bias=False)
            if before != after
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, before, H, W) to (N, after, H, W)."""
        return F.leaky_relu(self.adapt(x) + self.change(x), 0.01)


def normalisation(channels: int, norm: str) -> nn.Module:
    """Instance norm, or group norm over GROUP_CHANNELS channels; with learned scale and bias."""
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    groups = channels // GROUP_CHANNELS if channels % GROUP_CHANNELS == 0 else 1
    return nn.GroupNorm(groups, channels)


def initialise(module: nn.Module) -> None:
    """He-normal weights for the leaky ReLU and zero biases in every convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
