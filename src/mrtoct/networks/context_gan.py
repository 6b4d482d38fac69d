"""The context-aware 3-D GAN (Tables 4 and 5, Figures 5 and 6): both of its networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mrtoct.networks.config import NetworkConfig, Sees, require_choice, require_within
from mrtoct.networks.fourier import FourierConv3d
from mrtoct.networks.initialise import initialise

MARGIN = 8
"""Voxels by which the generator's output is smaller than its input on each side (two 9^3 valid)."""

HALO = 18
"""Voxels of MR on each side of a CT voxel that can change it: the margin and 1 + 1 + 1 of the
first, 1 + 1 + 3 + 1 + 1 of the second group of same convolutions. The receptive field is 37^3."""


@dataclass(frozen=True)
class ContextGeneratorConfig(NetworkConfig):
    """Size and options of the generator; the defaults are Table 4.

    It has one more input channel for the previous CT from the second auto-context iteration on.
    """

    sees: ClassVar[Sees] = "patches"
    width: int = 32
    """Channels of the first layer; twice as many in the middle."""
    output: Literal["sigmoid", "linear"] = "sigmoid"
    """Targets are in [0, 1]; a linear output is clipped there only when it is used."""
    kind: Literal["context"] = "context"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within(self, width=(1, 256))
        require_choice(self, output=("sigmoid", "linear"))

    def build(self) -> ContextGenerator:
        """Return the network of one stage, with new weights."""
        return ContextGenerator(self)


class ContextGenerator(nn.Module):
    """Fully convolutional, so that 32^3 give 16^3 and any larger volume its voxels but 8 a side.

    Source: Kaiser & Albarqouni 2019, Table 4, after Nie et al. 2016. Two 9^3 convolutions without
    padding, the others with; batch norm and ReLU after each but the last; no skip connections, no
    dropout; 2.15 M parameters. The padding of zeros reaches ten voxels into the output, so nearly
    every voxel of a 16^3 patch differs a little from the same voxel of a larger output.
    """

    def __init__(self, config: ContextGeneratorConfig = ContextGeneratorConfig()) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.blocks = nn.ModuleList(
            [
                generator_block(config.in_channels, width, kernel=9, padding=0),
                generator_block(width, width, kernel=3),
                generator_block(width, width, kernel=3),
                generator_block(width, width, kernel=3),
                generator_block(width, 2 * width, kernel=9, padding=0),
                generator_block(2 * width, 2 * width, kernel=3),
                generator_block(2 * width, width, kernel=3),
                generator_block(width, width, kernel=7),
                generator_block(width, width, kernel=3),
            ]
        )
        self.last = nn.Conv3d(width, 1, kernel_size=3, padding=1)
        self.apply(initialise)

    def forward(self, mr: Tensor) -> Tensor:
        """Map MR (N, C, D, H, W), about [0, 1], to CT (N, 1, D - 16, H - 16, W - 16) in [0, 1]."""
        x = mr
        for block in self.blocks:
            x = block(x)  # sides D - 8 up to the fourth block, D - 16 from the fifth on
        with torch.autocast(x.device.type, enabled=False):
            x = self.last(x.float())
        return torch.sigmoid(x) if self.config.output == "sigmoid" else x


@dataclass(frozen=True)
class ContextDiscriminatorConfig:
    """Size of the discriminator; the defaults are Table 5 with the fourth block it needs."""

    width: int = 32
    """Channels of the first block; they double with each of the four."""
    dense: int = 512
    """Channels of the first dense layer; a quarter of them in the second."""

    def __post_init__(self) -> None:
        require_within(self, width=(1, 512), dense=(4, 65536))


class ContextDiscriminator(nn.Module):
    """Judges CT patches by themselves, voxel by voxel: 16^3 give 8^3 scores.

    Source: Kaiser & Albarqouni 2019, Table 5, after Nie et al. 2016: blocks of a 5^3 convolution
    and a 3^3 maximum of stride 1 without padding, to 32, 64, 128 channels, then dense layers 512,
    128, 1 at every voxel. Three blocks would leave 10^3 where the table has 8^3: its code has a
    fourth, of 256 channels, and so has this. Between its dense layers that code has no activation,
    which makes them one; here they have ReLU. 5.58 M parameters.
    """

    def __init__(self, config: ContextDiscriminatorConfig = ContextDiscriminatorConfig()) -> None:
        super().__init__()
        self.config = config
        channels = [config.width * 2**level for level in range(4)]
        self.blocks = nn.ModuleList(
            discriminator_block(before, after)
            for before, after in zip([1, *channels[:-1]], channels, strict=True)
        )
        self.dense = nn.Sequential(
            nn.Conv3d(channels[-1], config.dense, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv3d(config.dense, config.dense // 4, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        self.last = nn.Conv3d(config.dense // 4, 1, kernel_size=1)
        self.apply(initialise)

    def forward(self, ct: Tensor) -> Tensor:
        """Map CT (N, 1, D, H, W) to scores (N, 1, D - 8, H - 8, W - 8) before a sigmoid."""
        x = ct
        for block in self.blocks:
            x = block(x)  # sides 14, 12, 10, 8 of a 16^3 patch
        x = self.dense(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.last(x.float())  # type: ignore[no-any-return]


def generator_block(
    before: int, after: int, *, kernel: int, padding: int | None = None
) -> nn.Sequential:
    """Convolution (same unless a padding is given), batch norm, ReLU."""
    padding = kernel // 2 if padding is None else padding
    kind = FourierConv3d if kernel >= 7 else nn.Conv3d
    return nn.Sequential(
        kind(before, after, kernel_size=kernel, padding=padding, bias=False),
        nn.BatchNorm3d(after),
        nn.ReLU(inplace=True),
    )


def discriminator_block(before: int, after: int) -> nn.Sequential:
    """5^3 same convolution, batch norm, ReLU, 3^3 maximum of stride 1 without padding."""
    return nn.Sequential(
        nn.Conv3d(before, after, kernel_size=5, padding=2, bias=False),
        nn.BatchNorm3d(after),
        nn.ReLU(inplace=True),
        nn.MaxPool3d(kernel_size=3, stride=1),
    )
