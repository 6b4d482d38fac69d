"""The discriminator of pix2pix (Table 3, Figure 4); its generator is the u-net."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mrtoct.networks.config import require_within
from mrtoct.networks.initialise import initialise


@dataclass(frozen=True)
class PatchDiscriminatorConfig:
    """Size of the patch discriminator; the defaults are Table 3."""

    in_channels: int = 2
    """Channels of MR and CT together; 1: it is shown the CT alone, as where there are no pairs."""
    width: int = 64
    """Channels of the first layer; they double with each level."""
    depth: int = 4
    """Number of times that the image is halved; its sides must be multiples of 2 ** depth."""

    def __post_init__(self) -> None:
        if self.in_channels < 1:
            raise ValueError(f"in_channels must be at least 1 (a CT), got {self.in_channels}")
        require_within(self, width=(1, 512), depth=(1, 10))

    @property
    def channels(self) -> list[int]:
        """Output channels of each halving layer, outermost first."""
        return [self.width * 2**level for level in range(self.depth)]

    @property
    def divisor(self) -> int:
        """What the sides of an input image must be multiples of."""
        return int(2**self.depth)


class PatchDiscriminator(nn.Module):
    """Judges whether a CT belongs to an MR, patch by patch: a map of scores, not one score.

    Source: Kaiser & Albarqouni 2019, Table 3, after Isola et al. 2017: 4 x 4 convolutions of
    stride 2 to 64, 128, 256, 512 channels, leaky ReLU 0.2, then one of stride 1 to the scores. The
    paper's table has no normalisation and gives 1 x 24 x 512 as output, the trace of a swapped
    data format; 24 x 24 x 1 is meant. 2.76 M parameters.
    """

    def __init__(self, config: PatchDiscriminatorConfig = PatchDiscriminatorConfig()) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1),
                nn.LeakyReLU(0.2, inplace=True),
            )
            for before, after in zip([config.in_channels, *channels[:-1]], channels, strict=True)
        )
        self.last = nn.Conv2d(channels[-1], 1, kernel_size=4)
        self.apply(initialise)

    def forward(self, *shown: Tensor) -> Tensor:
        """Map MR (N, C, H, W) and CT (N, 1, H, W) to scores (N, 1, H / 16, W / 16) before sigmoid.

        What it is shown is together of in_channels channels: MR and CT, or the CT alone.

        The sigmoid belongs to the loss; a least-square loss takes the scores as they are.
        """
        x = torch.cat(shown, dim=1)
        for block in self.blocks:
            x = block(x)  # (N, channels[level], H / 2^(level+1), W / 2^(level+1))
        # An even kernel of stride 1 keeps the size with one more row and column at the end.
        x = nn.functional.pad(x, (1, 2, 1, 2))
        with torch.autocast(x.device.type, enabled=False):
            return self.last(x.float())  # type: ignore[no-any-return]
