"""The u-net generator of the paper (Table 2, Figure 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mrtoct.networks.config import NetworkConfig, Sees, require_choice, require_within
from mrtoct.networks.initialise import initialise


@dataclass(frozen=True)
class UNetConfig(NetworkConfig):
    """Size and options of the u-net; the defaults are Table 2."""

    sees: ClassVar[Sees] = "slices"
    out_channels: int = 1
    width: int = 64
    """Channels of the first layer; they double with each level, up to eight times the width."""
    depth: int = 5
    """Number of times that the image is halved; its sides must be multiples of 2 ** depth."""
    dropout: float = 0.5
    """Probability of dropping a value after the first two decoder blocks."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    """Targets are in [0, 1]; a linear output is clipped there only when it is used."""
    kind: Literal["unet"] = "unet"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, depth=(3, 10), width=(1, 512), out_channels=(1, 16))
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        require_choice(self, output=("sigmoid", "linear"))

    def build(self) -> UNet:
        """Return the network, with new weights."""
        return UNet(self)

    @property
    def channels(self) -> list[int]:
        """Output channels of each encoder block, outermost first."""
        return [self.width * min(2**level, 8) for level in range(self.depth)]

    @property
    def divisor(self) -> int:
        """What the sides of an input image must be multiples of."""
        return int(2**self.depth)


class UNet(nn.Module):
    """Encoder of strided convolutions, decoder of transposed ones, skips by concatenation.

    Source: Kaiser & Albarqouni 2019, Table 2, after Isola et al. 2017. With the standard width
    and depth the encoder gives 64, 128, 256, 512, 512 channels at a half to a thirty-second of the
    side, the decoder 512, 512, 256, 128, 64 on the way back; 23.67 M parameters.
    """

    def __init__(self, config: UNetConfig = UNetConfig()) -> None:
        super().__init__()
        self.config = config
        down = config.channels
        up = down[::-1]
        skip = [0, *reversed(down[:-1])]
        self.encoder = nn.ModuleList(
            encoder_block(before, after, norm=level > 0)
            for level, (before, after) in enumerate(
                zip([config.in_channels, *down[:-1]], down, strict=True)
            )
        )
        self.decoder = nn.ModuleList(
            decoder_block(before + joined, after, dropout=config.dropout if level < 2 else 0.0)
            for level, (before, joined, after) in enumerate(
                zip([down[-1], *up[:-1]], skip, up, strict=True)
            )
        )
        self.last = nn.Conv2d(config.width, config.out_channels, kernel_size=3, padding=1)
        self.apply(initialise)

    def forward(self, image: Tensor) -> Tensor:
        """Map MR (N, C, H, W), about [0, 1], to CT (N, 1, H, W) in [0, 1]."""
        skips: list[Tensor] = []
        x = image
        for block in self.encoder:
            x = block(x)  # (N, channels[level], H / 2^(level+1), W / 2^(level+1))
            skips.append(x)
        skips.pop()
        for level, block in enumerate(self.decoder):
            if level > 0:
                x = torch.cat([x, skips.pop()], dim=1)
            x = block(x)  # twice the side
        # A bfloat16 output would come in steps of up to 16 HU: the last layer runs in float32.
        with torch.autocast(x.device.type, enabled=False):
            x = self.last(x.float())
        return torch.sigmoid(x) if self.config.output == "sigmoid" else x


def encoder_block(before: int, after: int, *, norm: bool) -> nn.Sequential:
    """4 x 4 stride 2 convolution, batch norm (not in the first block), leaky ReLU 0.2."""
    convolution = nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1, bias=not norm)
    middle = [nn.BatchNorm2d(after)] if norm else []
    return nn.Sequential(convolution, *middle, nn.LeakyReLU(0.2, inplace=True))


def decoder_block(before: int, after: int, *, dropout: float) -> nn.Sequential:
    """4 x 4 stride 2 transposed convolution, batch norm, dropout in the first two, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        *([nn.Dropout(dropout)] if dropout > 0 else []),
        nn.ReLU(inplace=True),
    )
