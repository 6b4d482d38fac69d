"""Where the time of training steps goes: how long the network waits for what it learns from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StepTimes:
    """Seconds of waiting for batches and of learning from them, summed over steps.

    On a GPU a step returns before it is computed, and the time that is missing here shows in the
    next wait or step: over many steps the share is right where the data are slower than the
    network, and too large where they are not.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._waited = self._learnt = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the block as waiting for a batch."""
        began = self._clock()
        yield
        self._waited += self._clock() - began

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Count the time of the block as learning."""
        began = self._clock()
        yield
        self._learnt += self._clock() - began

    @property
    def idle(self) -> float:
        """Share of the time in which the network had nothing to do, 0 to 1; 0 without any time."""
        total = self._waited + self._learnt
        return round(self._waited / total, 3) if total > 0 else 0.0
