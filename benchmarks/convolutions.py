"""The floor of a network's arithmetic: its convolutions alone, of the shapes that it was given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
Call = tuple[nn.Module, tuple[int, ...], torch.dtype]
"""A layer, its input's shape, and in what it computed."""


@dataclass
class Seen:
    """The convolutions of a piece of work, each with how often it was done."""

    calls: Counter[Call] = field(default_factory=Counter)

    def seconds(self, clock: Callable[[], float] = time.perf_counter, rounds: int = 2) -> float:
        """Return the time of the convolutions alone, the best of some rounds of each."""
        return sum(count * bare(call, clock, rounds) for call, count in self.calls.items())


@contextmanager
def watched(network: nn.Module) -> Iterator[Seen]:
    """Note every convolution that a network does meanwhile."""
    seen = Seen()

    def note(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        seen.calls[layer, tuple(given[0].shape), made.dtype] += 1

    hooks = [
        layer.register_forward_hook(note)
        for layer in network.modules()
        if isinstance(layer, CONVOLUTIONS)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def bare(call: Call, clock: Callable[[], float], rounds: int) -> float:
    """Return the seconds of one convolution in its fastest layout and precision, nothing around."""
    layer, shape, dtype = call
    layout = torch.channels_last_3d if len(shape) == 5 else torch.channels_last
    image = torch.rand(shape).to(dtype).contiguous(memory_format=layout)
    taken = []
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        for _ in range(rounds + 1):  # the first prepares
            began = clock()
            layer(image)
            taken.append(clock() - began)
    return min(taken[1:])
