"""Where things are in a head of tissues; by them sinuses, ears and teeth are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

EYES = (0.84, 110)
"""Of a head without eyes: part of its length from the back, and voxels below the vertex."""


@dataclass(frozen=True)
class Landmarks:
    """Indices (I, J, K) at 1 mm, upright."""

    eyes: tuple[int, int, int]
    """Midway between the eyes."""

    @property
    def middle(self) -> int:
        """Index along I of the plane between left and right."""
        return self.eyes[0]


def find_landmarks(tissue: Array) -> Landmarks:
    """Return the landmarks of tissues (I, J, K); from the outline of a head without eyes."""
    eyes = np.argwhere(tissue == Tissue.VITREOUS)
    if len(eyes):
        # Left and right may differ in size: the mean of the two extremes, not of all voxels.
        i = (eyes[:, 0].min() + eyes[:, 0].max()) / 2
        j, k = (round(float(v)) for v in eyes[:, 1:].mean(axis=0))
        return Landmarks((round(float(i)), j, k))
    head = np.argwhere(tissue[::4, ::4, ::4] != Tissue.AIR) * 4
    low, high = head.min(axis=0), head.max(axis=0)
    front = low[1] + EYES[0] * (high[1] - low[1])
    return Landmarks((int((low[0] + high[0]) / 2), int(front), max(int(high[2]) - EYES[1], 0)))


def is_bone(tissue: Array) -> Array:
    """Return where tissues are bone, compact or marrow, teeth apart (boolean)."""
    return np.asarray((tissue == Tissue.CORTICAL_BONE) | (tissue == Tissue.DIPLOE))
