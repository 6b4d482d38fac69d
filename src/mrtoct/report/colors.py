"""Colours that stay apart for colour-blind readers, shared by the page and the figures."""

from __future__ import annotations

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


def error_table(size: int = 256) -> Array:
    """Return the diverging colour map as uint8 (size, 3), from most negative to most positive."""
    positions = [position for position, _ in ERROR_STOPS]
    at = np.linspace(-1, 1, size)
    channels = [np.interp(at, positions, [c[n] for _, c in ERROR_STOPS]) for n in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
