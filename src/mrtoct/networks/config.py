"""What the configuration of every network says, whatever else it has of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict
from torch import nn

Sees = Literal["slices", "patches", "heads"]
"""What a network is shown: how it is trained and how it translates follows from it.

slices: (N, C, H, W) to (N, 1, H, W) in [0, 1], C = MR channels x (1 + 2 x neighbours).
patches: (N, C, I, J, K) to (N, 1, I, J, K), smaller by 8 voxels a side; stages follow one another.
heads: (N, C, I, J, K) to (N, 2, I, J, K), CT and the logarithm of its expected error; whole(mr)
does the same for a whole head, in less memory where it can.
"""


@dataclass(frozen=True)
class NetworkConfig(ABC):
    """Base of the configurations, each a frozen dataclass beside its network.

    Every number has an upper bound: what a damaged or careless file says must not fill the memory.
    """

    in_channels: int = 1
    """MR channels, of slices times those that are seen of each; the data decide."""

    sees: ClassVar[Sees]
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    def __post_init__(self) -> None:
        require_within(self, in_channels=(1, 512))

    @property
    @abstractmethod
    def kind(self) -> str:
        """What a recipe and a bundle call the network; a field."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Channels of the layers at the finest resolution; a field in most."""

    @property
    def most_voxels(self) -> int:
        """Of one pass over a head, of a network that sees heads; a larger one is cut into tiles."""
        return 16_000_000  # about 250 mm each way at 1 mm

    @property
    def divisor(self) -> int:
        """What the sides of an input must be multiples of."""
        return 1

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the network, with new weights."""


def require_within(config: object, **allowed: tuple[int, int]) -> None:
    """Raise ValueError if a field of a configuration is not within its two ends."""
    for name, (least, most) in allowed.items():
        value = getattr(config, name)
        if not least <= value <= most:
            raise ValueError(f"{name} must be {least} to {most}, got {value!r}")


def require_choice(config: object, **allowed: tuple[str, ...]) -> None:
    """Raise ValueError if a field of a configuration is none of some words."""
    for name, words in allowed.items():
        if getattr(config, name) not in words:
            raise ValueError(f"{name} must be {' or '.join(words)}, got {getattr(config, name)!r}")
