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
DETAIL = 16
"""Channels at full size behind a stem of half resolution."""


@dataclass(frozen=True)
class ResidualUNetConfig(NetworkConfig):
    """Size and options of the residual u-net; the defaults train on a CPU."""

    sees: ClassVar[Sees] = "slices"
    out_channels: int = 1
    width: int = 32
    """Channels after the stem; they double with each level, up to widest times the width."""
    depth: int = 4
    """Number of times that what the stem gives is halved."""
    stem: Literal["full", "half"] = "full"
    """half folds 2 x 2 pixels into channels: all layers but the last two, which are thin, see a
    quarter of the pixels, and may be wider for it."""
    widest: int = 8
    """How many times the width the channels of deep levels are at most."""
    norm: Literal["instance", "group"] = "instance"
    """Over each channel of each image, or over groups of eight channels."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    """Targets are in [0, 1]; a linear output is clipped there only when it is used."""
    kind: Literal["residual_unet"] = "residual_unet"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, depth=(1, 10), width=(1, 512), out_channels=(1, 16), widest=(1, 16))
        require_choice(
            self,
            stem=("full", "half"),
            norm=("instance", "group"),
            output=("sigmoid", "linear"),
        )

    def build(self) -> ResidualUNet:
        """Return the network, with new weights."""
        return ResidualUNet(self)

    @property
    def channels(self) -> list[int]:
        """Channels after the stem and after each halving."""
        return [self.width * min(2**level, self.widest) for level in range(self.depth + 1)]

    @property
    def divisor(self) -> int:
        """What the sides of an input image must be multiples of."""
        return int(2 ** (self.depth + (self.stem == "half")))


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
        half = config.stem == "half"
        self.first = nn.Sequential(
            nn.Conv2d((4 if half else 1) * config.in_channels, channels[0], 3, padding=1),
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
        self.refine = Refinement(channels[0], config.in_channels) if half else None
        self.last = nn.Conv2d(DETAIL if half else channels[0], config.out_channels, kernel_size=1)
        self.apply(initialise)
        # Residual blocks add up to large numbers, which a sigmoid would turn into 0 and 1 from the
        # start, where it has no gradient.
        nn.init.normal_(self.last.weight, std=0.01)

    def forward(self, image: Tensor) -> Tensor:
        """Map MR (N, C, H, W), about [0, 1], to CT (N, 1, H, W) in [0, 1].

        Neighbouring slices, if any, are channels of the MR.
        """
        # (N, width, H, W), or with half their sides
        x = self.first(image if self.refine is None else F.pixel_unshuffle(image, 2))
        skips = []
        for block in self.encoder:
            skips.append(x)
            x = block(x)  # half the side, channels[level + 1]
        for block in self.decoder:
            assert isinstance(block, nn.ModuleDict)
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block["after_resize"](x)
            x = block["block"](torch.cat([x, skips.pop()], dim=1))  # twice the side
        if self.refine is not None:
            x = self.refine(x, image)  # (N, DETAIL, H, W)
        # A bfloat16 output would come in steps of up to 16 HU: the last layer runs in float32.
        with torch.autocast(x.device.type, enabled=False):
            x = self.last(x.float())
        return torch.sigmoid(x) if self.config.output == "sigmoid" else x


class Refinement(nn.Module):
    """Back from half resolution to full, where one thin layer sees the image once more.

    Each pixel of a 2 x 2 block is drawn by weights of its own (Shi et al. 2016); the layer after
    it sees across the blocks and evens out what they do differently.
    """

    def __init__(self, before: int, in_channels: int) -> None:
        super().__init__()
        self.unfold = nn.Conv2d(before, 4 * DETAIL, kernel_size=3, padding=1)
        self.detail = nn.Conv2d(DETAIL + in_channels, DETAIL, kernel_size=3, padding=1)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """Map (N, before, H / 2, W / 2) and the image (N, C, H, W) to (N, DETAIL, H, W)."""
        drawn = F.pixel_shuffle(F.leaky_relu(self.unfold(x), 0.01), 2)
        seen = torch.cat([drawn, image.to(drawn.dtype)], dim=1)
        return drawn + F.leaky_relu(self.detail(seen), 0.01)


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
        # A group norm of single channels gives the same numbers, in bfloat16 on a CPU more slowly.
        return nn.InstanceNorm2d(channels, affine=True)
    groups = channels // GROUP_CHANNELS if channels % GROUP_CHANNELS == 0 else 1
    return nn.GroupNorm(groups, channels)


def initialise(module: nn.Module) -> None:
    """He-normal weights for the leaky ReLU and zero biases in every convolution."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
