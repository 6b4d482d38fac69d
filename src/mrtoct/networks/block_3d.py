"""What the 3-D u-nets are built of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

GROUP_CHANNELS = 8
"""Channels that group norm averages together."""


class ResidualBlock3d(nn.Module):
    """Norm, activation, 3^3 convolution, twice; added to the input, as He et al. 2016 do.

    The norm is over one image alone, so that a translation does not depend on its batch.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(width // GROUP_CHANNELS, width) for _ in range(2))
        self.convolutions = nn.ModuleList(
            nn.Conv3d(width, width, 3, padding=1, bias=False) for _ in range(2)
        )

    def begin_as_identity(self) -> None:
        """Let the change be 0 at first: signals then keep their size through any depth."""
        last = self.convolutions[1]
        assert isinstance(last, nn.Conv3d)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (N, width, I, J, K)."""
        change = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            change = convolution(F.silu(norm(change)))
        return x + change


def joining_3d(joined: int) -> nn.Sequential:
    """From what was decoded and what was encoded, side by side, to half as many channels."""
    return nn.Sequential(
        nn.GroupNorm(joined // GROUP_CHANNELS, joined),
        nn.SiLU(),
        nn.Conv3d(joined, joined // 2, 3, padding=1),
    )


def initialise_3d(network: nn.Module) -> None:
    """Begin with normal weights that keep the size of a signal, and blocks that change nothing."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualBlock3d):
            module.begin_as_identity()
