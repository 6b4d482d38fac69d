"""Ear canals and middle ears: narrow air between skin and bone, which label maps leave out."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.landmarks import Landmarks
from mrtoct.volume import Array

BEHIND, BELOW = (66.0, 80.0), (14.0, 28.0)
"""mm from the eyes' middle to the canals' outer ends."""
LENGTH, RADIUS, DRUM = (22.0, 32.0), (2.2, 4.2), (3.0, 6.0)
"""mm: from the skin to the ear drum, half the width of a canal, and of the middle ear."""
AROUND = (
    Tissue.SKIN, Tissue.FAT, Tissue.MUSCLE, Tissue.CONNECTIVE, Tissue.CARTILAGE, Tissue.MUCOSA,
    Tissue.CORTICAL_BONE, Tissue.DIPLOE,
)  # fmt: skip
"""What a canal may replace; brain, fluid and vessels it may not."""


def open_ear_canals(tissue: Array, marks: Landmarks, rng: np.random.Generator) -> None:
    """Open a tube of air from the skin to a middle ear on each side of a head, in place."""
    _, j, k = marks.eyes
    j, k = round(j - rng.uniform(*BEHIND)), round(k - rng.uniform(*BELOW))
    for side in (-1, 1):
        length, radius, drum = (rng.uniform(*r) for r in (LENGTH, RADIUS, DRUM))
        bend = rng.uniform(-4, 4, 2)
        if not (0 <= j < tissue.shape[1] and 0 <= k < tissue.shape[2]):
            continue
        line = np.flatnonzero(tissue[:, j, k] != Tissue.AIR)
        if not len(line):
            continue
        skin = line[0] if side < 0 else line[-1]
        for depth in np.arange(0, length, 0.5):
            part = depth / length
            place = (skin - side * depth, j + bend[0] * part, k + bend[1] * part)
            _hollow(tissue, place, radius)
        _hollow(tissue, (skin - side * length, j + bend[0], k + bend[1]), drum)


def _hollow(tissue: Array, center: tuple[float, float, float], radius: float) -> None:
    low = [max(int(np.floor(c - radius)), 0) for c in center]
    high = [max(int(np.ceil(c + radius)) + 1, 0) for c in center]
    box = tissue[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    i, j, k = (np.arange(n) + a - c for n, a, c in zip(box.shape, low, center, strict=True))
    ball = i[:, None, None] ** 2 + j[None, :, None] ** 2 + k[None, None, :] ** 2 < radius**2
    box[ball & np.isin(box, AROUND)] = Tissue.INNER_AIR
