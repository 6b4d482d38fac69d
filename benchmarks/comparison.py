"""What the benchmarks of networks share: steps timed in turn, and networks without spectra."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from mrtoct.networks.context_gan import ContextGenerator
from mrtoct.networks.fourier import FourierConv3d


def compare(
    a: Callable[[], object],
    b: Callable[[], object],
    rounds: int,
    device: torch.device = torch.device("cpu"),
) -> tuple[float, float]:
    """Return the median seconds of two steps run in turn, after a warm-up of each."""
    first, second = compare_all((a, b), rounds, device)
    return first, second


def compare_all(
    steps: Sequence[Callable[[], object]], rounds: int, device: torch.device
) -> list[float]:
    """Return the median seconds of each of some steps run in turn, after a warm-up of each."""
    times: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for step, found in zip(steps, times, strict=True):
            started = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if number:
                found.append(time.perf_counter() - started)
    return [statistics.median(found) for found in times]


def with_plain_convolutions(network: ContextGenerator) -> ContextGenerator:
    """Return the same network without spectra."""
    plain = copy.deepcopy(network)
    for block in plain.blocks:
        if isinstance(block[0], FourierConv3d):
            c = block[0]
            block[0] = nn.Conv3d(
                c.in_channels, c.out_channels, c.kernel_size, padding=c.padding, bias=False
            )
            block[0].weight = c.weight
    return plain
