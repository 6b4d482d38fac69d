"""Which samples of every batch are whose, where several processes train one network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The samples first, first + 1, ... of a batch: those of one process, or all."""

    first: int
    count: int
    whole: int
    """Samples of the batch, of all processes together."""

    @property
    def numbers(self) -> range:
        """Which samples of a batch these are, from 0."""
        return range(self.first, self.first + self.count)

    @property
    def part(self) -> slice:
        """The same, to cut them out of a batch."""
        return slice(self.first, self.first + self.count)


def all_of(count: int) -> Share:
    """Return the share of who trains alone."""
    return Share(0, count, count)
