"""Would a mirrored head fit better? Flipped files (left for right) are a known plague of MR data.

Heads are nearly symmetric, so a flipped one can be brought to a CT with little to see. What tells
is that its mirror image fits clearly better than the head itself does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mrtoct.registration.search import (
    MIXED_SHARE,
    ScaledPair,
    SearchSettings,
    level_pair,
    measure,
    search,
)
from mrtoct.registration.starts import near_starts
from mrtoct.volume import Array

TILT = 12.0
"""Starts lean so far, degrees: a head's own plane of symmetry may lean in the CT, too."""

COARSE = 2
"""Levels that take part: enough to tell left from right, at a fifth of a registration's cost."""


def mirrored_ratio(
    pair: ScaledPair, best: Array, settings: SearchSettings, rng: np.random.Generator
) -> float:
    """Return the best metric of the mirrored head over that of the head at its pose (4 x 4)."""
    levels = settings.levels[:COARSE]
    starts = near_starts(best[:3, :3] @ np.diag([-1.0, 1.0, 1.0]), best[None, :3, 3], TILT)
    peaks = search(pair, starts, replace(settings, levels=levels), rng)
    metric, overlap = measure(
        level_pair(pair, levels[-1], MIXED_SHARE, rng), np.stack([best, peaks.best])
    )
    if overlap[1] < settings.minimum_overlap:
        return 0.0
    return float(metric[1] / metric[0])
