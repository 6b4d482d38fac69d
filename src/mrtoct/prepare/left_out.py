"""What of a pair neither teaches nor counts, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mrtoct.volume import Array

LeftOut = Sequence[tuple[str, Array]]
"""Reasons and where (I, J, K) each holds, on the grid of the store."""


def shares(left_out: LeftOut, head: Array) -> dict[str, float]:
    """Return which part of a head (I, J, K) each reason leaves out; nothing of those with none."""
    parts = {why: float((where & head).sum() / max(head.sum(), 1)) for why, where in left_out}
    return {why: round(part, 4) for why, part in parts.items() if part >= 0.0001}


def in_words(parts: Mapping[str, float]) -> str:
    """Say which parts of a head are left out and why; empty where nothing is."""
    if not parts:
        return ""
    each = ", ".join(f"{part:.1%} of the head ({why})" for why, part in parts.items())
    return f"left out of training and scores: {each}"
