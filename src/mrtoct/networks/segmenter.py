"""A small 3-D network that tells tissues apart in a CT: what an anatomical loss looks through.

It knows one window, -1024 to 3071 HU as 0 to 1, and voxels of about 1 mm.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.networks.block_3d import ResidualBlock3d, initialise_3d, joining_3d

CLASSES = ("outside", "air", "bone", "brain", "fat", "soft tissue")
"""What a voxel may be: air is inside the head, brain with its fluid, soft tissue all the rest."""
WIDTHS = (8, 16, 32)
"""Channels at full resolution and after each halving."""
DIVISOR = 4
"""What the sides of a CT must be multiples of."""
LOW_HU, WIDTH_HU = -1024.0, 4095.0
SOFT_HU = 120.0
"""Fat, brain and muscle lie within so much of 0 HU, less than 4 % of the window apart."""


class Segmenter(nn.Module):
    """Residual blocks down, one convolution at each resolution up."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv3d(2, WIDTHS[0], 3, padding=1)
        downs = [nn.Conv3d(before, after, 2, stride=2) for before, after in pairwise(WIDTHS)]
        self.encoder = nn.ModuleList(
            nn.Sequential(entry, ResidualBlock3d(width))
            for entry, width in zip([first, *downs], WIDTHS, strict=True)
        )
        upwards = [*reversed([*pairwise(WIDTHS)])]
        self.up = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in upwards)
        self.decoder = nn.ModuleList(joining_3d(2 * here) for here, _ in upwards)
        self.last = nn.Conv3d(WIDTHS[0], len(CLASSES), 1)
        initialise_3d(self)

    def features(self, ct: Tensor) -> list[Tensor]:
        """Map CT (N, 1, I, J, K) in [0, 1] to what it sees: (N, WIDTHS[n], I / 2^n, ...) each."""
        x = _in_two_windows(ct)
        seen = []
        for stage in self.encoder:
            x = stage(x)
            seen.append(x)
        return seen

    def forward(self, ct: Tensor) -> Tensor:
        """Map CT (N, 1, I, J, K) in [0, 1] to the classes' scores (N, 6, I, J, K), no softmax."""
        *skips, x = self.features(ct)
        for up, join in zip(self.up, self.decoder, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
        scores: Tensor = self.last(x)
        return scores


def _in_two_windows(ct: Tensor) -> Tensor:
    """Return a CT (N, 1, ...) as thousands of HU, and as a window of soft tissue with soft ends."""
    hu = ct.float() * WIDTH_HU + LOW_HU
    return torch.cat([hu / 1000, torch.tanh(hu / SOFT_HU)], dim=1)


def padded(image: Tensor) -> Tensor:
    """Add zeros, which are air, behind images (N, 1, I, J, K) until their sides can be halved."""
    padding = [side for n in reversed(image.shape[2:]) for side in (0, -n % DIVISOR)]
    return F.pad(image, padding) if any(padding) else image
