"""What a network is shown of a head: slices, patches or all of it; a bundle says which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from mrtoct.networks.cascade import Cascade
from mrtoct.networks.config import NetworkConfig, require_within
from mrtoct.sampling.planes import require_planes
from mrtoct.sampling.subjects import Plane

MOST_PIXELS = 4096
"""Along a side of a slice."""
MOST_NEIGHBOURS = 8
MOST_EXPONENTS = 4
EXPONENTS = (0.5, 2.0)
"""Beyond them an MR is of another contrast."""
MOST_TILE = 1024
"""Voxels along a side."""
MOST_STAGES = 5


@dataclass(frozen=True)
class Slices:
    """One slice after the other, with neighbours or without, in one plane or more."""

    size: tuple[int, int] = (16, 16)
    """Pixels of a training slice (I, J); in a smaller one more of the head is near the border."""
    neighbours: int = 0
    """Slices above and below that are shown as further channels (2.5-D)."""
    planes: tuple[Plane, ...] = ("transverse",)
    """The CT is the mean of what is made of the slices of each plane."""
    kind: Literal["slices"] = "slices"

    def __post_init__(self) -> None:
        require_within(self, neighbours=(0, MOST_NEIGHBOURS))

    def require_fit(
        self, model: NetworkConfig, channels: int, spacing: tuple[float, float, float]
    ) -> None:
        """Raise ValueError unless a network can be shown slices of MR channels like this."""
        require_planes(self.planes, spacing)
        require_size(self.size, model)
        _require_inputs(model, channels, self.neighbours)

    def build(self, model: NetworkConfig) -> nn.Module:
        """Return the network, with new weights."""
        return model.build()


@dataclass(frozen=True)
class Patches:
    """A cascade of networks that learnt from patches of a head."""

    stages: int = 1
    """Networks of the auto-context cascade."""
    whole: bool = True
    """Whether they are filters over the whole head, or are shown 32^3 patches."""
    kind: Literal["patches"] = "patches"
    planes: ClassVar[tuple[Plane, ...]] = ("transverse",)

    def __post_init__(self) -> None:
        require_within(self, stages=(1, MOST_STAGES))

    def require_fit(
        self, model: NetworkConfig, channels: int, spacing: tuple[float, float, float]
    ) -> None:
        """Raise ValueError unless a network takes so many MR channels."""
        _require_inputs(model, channels)

    def build(self, model: NetworkConfig) -> nn.Module:
        """Return the cascade, with new weights."""
        return Cascade(model, self.stages)


@dataclass(frozen=True)
class Heads:
    """The whole head at once, or as little of it as in training."""

    tile: tuple[int, int, int] | None = None
    """Voxels (I, J, K) that are shown at once, half of which the next tile shares; None: as many
    as the memory holds."""
    kind: Literal["heads"] = "heads"
    planes: ClassVar[tuple[Plane, ...]] = ("transverse",)

    def require_fit(
        self, model: NetworkConfig, channels: int, spacing: tuple[float, float, float]
    ) -> None:
        """Raise ValueError unless a network takes so many MR channels, and tiles of that size."""
        _require_inputs(model, channels)
        if self.tile and any(n % model.divisor or not 8 <= n <= MOST_TILE for n in self.tile):
            raise ValueError(
                f"tile must be multiples of {model.divisor} for this {model.kind}, from 8 to "
                f"{MOST_TILE}, got {list(self.tile)}"
            )

    def build(self, model: NetworkConfig) -> nn.Module:
        """Return the network, with new weights."""
        return model.build()


Geometry = Annotated[Slices | Patches | Heads, Field(discriminator="kind")]


def require_exponents(exponents: tuple[float, ...]) -> None:
    """Raise ValueError unless these are a few different exponents of an MR's contrast beside 1."""
    low, high = EXPONENTS
    if len({1.0, *exponents}) <= len(exponents) or len(exponents) > MOST_EXPONENTS:
        raise ValueError(
            f"exponents must be at most {MOST_EXPONENTS} different numbers other than 1, got "
            f"{list(exponents)}"
        )
    if any(not low <= e <= high for e in exponents):
        raise ValueError(f"exponents must be {low:g} to {high:g}, got {list(exponents)}")


def require_size(size: tuple[int, int], model: NetworkConfig) -> None:
    """Raise ValueError unless a network can be shown slices of a size in pixels."""
    if any(n % model.divisor or not model.divisor <= n <= MOST_PIXELS for n in size):
        raise ValueError(
            f"size must be positive multiples of {model.divisor} for this {model.kind}, up to "
            f"{MOST_PIXELS}, got {list(size)}"
        )


def _require_inputs(model: NetworkConfig, channels: int, neighbours: int = 0) -> None:
    wanted = channels * (2 * neighbours + 1)
    if wanted != model.in_channels:
        beside = f" with {neighbours} neighbours" if neighbours else ""
        raise ValueError(
            f"a network of {model.in_channels} input channels does not fit {channels} MR channels"
            f"{beside}"
        )
