"""The networks that were considered for the shipped model, each as one of whole heads.

All see an MR (N, 1, I, J, K) at 1 mm and give (N, 2, I, J, K): CT and its expected error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mrtoct.networks.config import NetworkConfig, Sees, require_within
from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.networks.registry import NETWORKS
from mrtoct.networks.residual_unet import ResidualUNet, ResidualUNetConfig

NEIGHBOURS = 2
"""Slices on either side that are seen with each."""
AT_ONCE = 32
"""Slices of a whole head that are translated together."""
PLANES = (4, 3, 2)
"""Axes that slices follow one another along: transverse, coronal, sagittal."""
DRAWN = 4
"""Images that the layers at half resolution draw at full; the first two are CT and error."""
COARSE_MM = 1.5


@dataclass(frozen=True)
class SlicesConfig(NetworkConfig):
    """A residual u-net of five slices that works at half resolution, as the head_unet does."""

    sees: ClassVar[Sees] = "heads"
    width: int = 32
    depth: int = 3
    detail: int = 8
    planes: int = 1
    """1: transverse slices; 3: a plane drawn at random while it learns, the mean of all after."""
    kind: Literal["slices"] = "slices"

    def __post_init__(self) -> None:
        require_within(self, width=(8, 512), depth=(1, 6), detail=(4, 128), planes=(1, 3))

    @property
    def divisor(self) -> int:
        return int(2 ** (self.depth + 1))

    def build(self) -> Slices:
        return Slices(self)


class Slices(nn.Module):
    """Blocks of 2 x 2 pixels folded into channels, a u-net, and two thin layers at full size."""

    def __init__(self, config: SlicesConfig) -> None:
        super().__init__()
        self.config = config
        inner = ResidualUNetConfig(
            in_channels=4 * (2 * NEIGHBOURS + 1), out_channels=4 * DRAWN, width=config.width,
            depth=config.depth, norm="group", output="linear",
        )  # fmt: skip
        self.inner = ResidualUNet(inner)
        nn.init.kaiming_normal_(self.inner.last.weight, nonlinearity="linear")
        self.detail = nn.Conv2d(DRAWN + 1, config.detail, 3, padding=1)
        self.last = nn.Conv2d(config.detail, 2, 3, padding=1)
        nn.init.normal_(self.last.weight, std=0.01)
        with torch.no_grad():
            assert self.last.bias is not None
            self.last.bias.copy_(torch.tensor([0.0, -1.5]))

    def to(self, *args: Any, **options: Any) -> Slices:
        """Move as any module; of layouts its two-dimensional layers bear channels_last alone."""
        if options.get("memory_format") is torch.channels_last_3d:
            options["memory_format"] = torch.channels_last
        return super().to(*args, **options)

    def forward(self, mr: Tensor) -> Tensor:
        """Map (N, 1, I, J, K) to (N, 2, I, J, K), in a plane of its choice."""
        plane = PLANES[int(torch.randint(self.config.planes, ()))]
        return self.along(plane, mr)

    def whole(self, mr: Tensor) -> Tensor:
        """Map a whole head, in every plane that was learnt."""
        planes = PLANES[: self.config.planes]
        return torch.stack([self.along(plane, mr) for plane in planes]).mean(0)

    def along(self, axis: int, mr: Tensor) -> Tensor:
        """Map (N, 1, I, J, K) slice by slice along one of its axes."""
        volume = mr.movedim(axis, 2)  # (N, 1, S, H, W)
        n, _, count, h, w = volume.shape
        edges = (0, 0, 0, 0, NEIGHBOURS, NEIGHBOURS)
        around = F.pad(volume, edges, mode="replicate").unfold(2, 2 * NEIGHBOURS + 1, 1)
        slices = around[:, 0].movedim(-1, 2).reshape(n * count, -1, h, w)
        made = torch.cat([self._slices(part) for part in slices.split(self._most())])
        return made.reshape(n, count, 2, h, w).movedim(1, 2).movedim(2, axis)

    def _most(self) -> int:
        return 1 << 30 if self.training else AT_ONCE

    def _slices(self, slices: Tensor) -> Tensor:
        slices = slices.contiguous(memory_format=torch.channels_last)
        drawn = F.pixel_shuffle(self.inner(F.pixel_unshuffle(slices, 2)), 2)  # (N, DRAWN, H, W)
        middle = slices[:, NEIGHBOURS : NEIGHBOURS + 1]
        x = F.silu(self.detail(torch.cat([drawn, middle.to(drawn.dtype)], dim=1)))
        with torch.autocast(x.device.type, enabled=False):
            x = drawn[:, :2].float() + self.last(x.float())
        return torch.cat([0.25 * (1 + x[:, :1]), x[:, 1:]], dim=1)


@dataclass(frozen=True)
class CoarseConfig(NetworkConfig):
    """A 3-D u-net on voxels of 1.5 mm, drawn out to 1 mm and corrected there by thin layers."""

    sees: ClassVar[Sees] = "heads"
    widths: tuple[int, ...] = (32, 64, 128, 256)
    detail: int = 8
    kind: Literal["coarse"] = "coarse"

    def __post_init__(self) -> None:
        require_within(self, detail=(4, 128))

    @property
    def width(self) -> int:
        return self.widths[0]

    @property
    def divisor(self) -> int:
        return 8

    def build(self) -> Coarse:
        return Coarse(self)


class Coarse(nn.Module):
    """A head_unet at 1.5 mm, then two thin layers at 1 mm."""

    def __init__(self, config: CoarseConfig) -> None:
        super().__init__()
        self.config = config
        self.inner = HeadUNet(HeadUNetConfig(widths=config.widths, detail=config.detail))
        self.detail = nn.Conv3d(2 + 1, config.detail, 3, padding=1)
        self.last = nn.Conv3d(config.detail, 2, 3, padding=1)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)

    def forward(self, mr: Tensor) -> Tensor:
        """Map (N, 1, I, J, K) to (N, 2, I, J, K)."""
        step = self.inner.config.divisor
        coarse = [round(n / COARSE_MM / step) * step for n in mr.shape[2:]]
        small = F.interpolate(mr, size=coarse, mode="trilinear", align_corners=False)
        drawn = self.inner(small.contiguous(memory_format=torch.channels_last_3d))
        drawn = F.interpolate(drawn, size=mr.shape[2:], mode="trilinear", align_corners=False)
        x = F.silu(self.detail(torch.cat([drawn, mr.float()], dim=1)))
        with torch.autocast(x.device.type, enabled=False):
            return drawn + self.last(x.float())

    def whole(self, mr: Tensor) -> Tensor:
        """Map a whole head as forward does."""
        made = self(mr)
        assert isinstance(made, Tensor)
        return made


@dataclass(frozen=True)
class Candidate:
    """A network and the parts of heads that it learns from."""

    name: str
    model: NetworkConfig
    size: tuple[int, int, int]


PART = (96, 96, 64)
CANDIDATES = {
    "transverse": Candidate("2.5-D, transverse", SlicesConfig(), (112, 128, 48)),
    "planes": Candidate("2.5-D, three planes", SlicesConfig(planes=3), PART),
    "coarse": Candidate("3-D at 1.5 mm, refined", CoarseConfig(), PART),
    "head_unet": Candidate("3-D, folded to 2 mm (head_unet)", HeadUNetConfig(), PART),
}


def register() -> None:
    """Let recipes and bundles of this process name the candidates' networks."""
    NETWORKS.update({"slices": SlicesConfig, "coarse": CoarseConfig})
