"""Words that a count needs, the same in every sentence."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun: "1 slice", "12 slices"; plural where adding an s is wrong."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
