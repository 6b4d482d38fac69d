"""How far a piece of work is: one way to be told, for everything that takes long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Update:
    """Where some work stands."""

    done: int
    """Parts that are done: subjects, steps, files."""
    total: int | None
    """Of so many; None where nobody knows."""
    note: str = ""
    """About the part that was done or is under way; the next one takes its place."""
    title: str = ""
    """Which work, where one call does several in turn."""
    message: str = ""
    """A sentence to keep: what went wrong with a part, or came of the work."""

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        parts = (self.title, f"{self.done}{of}", self.note, self.message)
        return ", ".join(part for part in parts if part)


class Watcher(Protocol):
    """Whoever is told how far some work is; print is one.

    It may be called from several threads. What it raises ends the work.
    """

    def __call__(self, update: Update, /) -> object:
        """Hear where the work stands."""


def nobody(update: Update, /) -> None:
    """Watch nothing."""
