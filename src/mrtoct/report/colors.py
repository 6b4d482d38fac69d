"""Colours that stay apart for colour-blind readers, shared by the page and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoct.volume import Array

METHOD_COLORS = (
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#e69f00"),
    ("#7d838d", "#9aa1ab"),
    ("#009e73", "#2fc79b"),
    ("#b0578a", "#cc79a7"),
    ("#6b5b00", "#f0e442"),
)
"""After Okabe & Ito, grey third: (light, dark scheme) of the method shown, then of its rivals."""

ERROR_STOPS: tuple[tuple[float, tuple[int, int, int]], ...] = (
    (-1.0, (196, 232, 255)),
    (-0.55, (38, 128, 214)),
    (0.0, (10, 10, 12)),
    (0.55, (214, 96, 24)),
    (1.0, (255, 228, 170)),
)
"""Blue where the synthetic CT is too low, black where right, orange where too high."""


@dataclass(frozen=True)
class Window:
    """A display window in HU: black at low, white at high."""

    name: str
    low: float
    high: float


WINDOWS = (
    Window("Brain", 0, 80),
    Window("Soft tissue", -160, 240),
    Window("Bone", -500, 1500),
    Window("Full", -1024, 2000),
)


DEVIATION_STOPS: tuple[tuple[float, tuple[int, int, int]], ...] = (
    (0.0, (8, 8, 12)),
    (0.3, (40, 72, 130)),
    (0.6, (134, 138, 120)),
    (0.85, (226, 196, 84)),
    (1.0, (255, 250, 200)),
)
"""From dark (certain) over blue to yellow (uncertain): lighter at every step."""


def deviation_table(size: int = 256) -> Array:
    """Return the colour map of standard deviations as uint8 (size, 3), from 0 to the highest."""
    return _table(DEVIATION_STOPS, np.linspace(0, 1, size))


def gradient(stops: Sequence[tuple[float, tuple[int, int, int]]]) -> str:
    """Return colours as a style sheet's gradient from left to right."""
    first, last = stops[0][0], stops[-1][0]
    at = [100 * (position - first) / (last - first) for position, _ in stops]
    colors = [f"rgb({r} {g} {b}) {p:.4g}%" for p, (_, (r, g, b)) in zip(at, stops, strict=True)]
    return f"linear-gradient(to right, {', '.join(colors)})"


def error_table(size: int = 256) -> Array:
    """Return the diverging colour map as uint8 (size, 3), from most negative to most positive."""
    return _table(ERROR_STOPS, np.linspace(-1, 1, size))


def _table(stops: Sequence[tuple[float, tuple[int, int, int]]], at: Array) -> Array:
    """Return the colours at positions (N,) between stops, as uint8 (N, 3)."""
    positions = [position for position, _ in stops]
    channels = [np.interp(at, positions, [c[n] for _, c in stops]) for n in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
