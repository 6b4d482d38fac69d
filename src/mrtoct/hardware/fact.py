"""One thing worth knowing about a machine or an installation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """A name, what was found, and what is wrong with it."""

    name: str
    value: str
    slow: str = ""
    """Why work is slower, or takes more, than it could, and what to do; empty if it is not."""
    broken: str = ""
    """Why some work is not possible at all, and what to do; empty if it is."""
