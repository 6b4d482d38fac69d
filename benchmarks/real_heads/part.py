"""What the parts of the benchmark share: what they are given, and what they give back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mrtoct.errors import MrtoctError
from mrtoct.volume import Volume

from .scores import Row


class Translates(Protocol):
    """Anything that makes a synthetic CT in HU on an MR's grid, as mrtoct's translators do."""

    def translate(self, mr: Volume) -> Volume: ...


@dataclass(frozen=True)
class Setting:
    """Where the data are, and how much is done."""

    data: Path
    out: Path
    cache: Path | None = None
    """Folder that keeps simulated MR between runs."""
    quick: bool = False
    pictures: bool = True
    say: Callable[[str], None] = print


@dataclass(frozen=True)
class Table:
    """Rows of one kind."""

    title: str
    note: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Made:
    """A synthetic CT and, where the translator knows it, its deviation."""

    sct: Volume
    deviation: Volume | None


def translated(translator: Translates, mr: Volume, *, deviation: bool) -> Made:
    """Translate an MR, with the deviation where it is wanted and to be had."""
    both = getattr(translator, "translate_with_deviation", None)
    if deviation and both is not None:
        try:
            return Made(*both(mr))
        except MrtoctError:
            pass  # this bundle does not know
    return Made(translator.translate(mr), None)
