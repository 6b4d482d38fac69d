"""How hard the bone of CTs is: what a synthetic CT's is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mrtoct.volume import Array

BONE_HU = 300.0
FINE_MM = 3.0
"""Slices that are thicker blur bone, and it is softer than the training's without being wrong."""
ROOM = 0.2
"""A network draws bone softer than it learnt it, and heads differ from the few that it knows."""


@dataclass(frozen=True)
class BoneHu:
    """Lowest and highest of some heads' percentiles of the HU above 300."""

    cts: int
    """How many CTs they were measured in; 0: what is usual."""
    median: tuple[float, float]
    """Of the 50th percentile."""
    high: tuple[float, float]
    """Of the 90th."""


USUAL = BoneHu(0, (450.0, 1250.0), (800.0, 1900.0))
"""Wide: 969 and 1426 in a real head's CT, 576 and 897 where slices of 6 mm blur a phantom's."""


def bone_of(hu: Array, head: Array) -> Array:
    """Return the HU of a head's bone, (n,)."""
    return np.asarray(hu[head & (hu > BONE_HU)])


def bone_in(bones: Iterable[Array]) -> BoneHu | None:
    """Return how hard bone is in some CTs, from the HU of each one's; None if none has any."""
    seen = np.array([np.percentile(bone, (50, 90)) for bone in bones if bone.size])
    if not seen.size:
        return None
    (low, low_high), (most, most_high) = np.round((seen.min(axis=0), seen.max(axis=0)), 1).tolist()
    return BoneHu(len(seen), (low, most), (low_high, most_high))


def usual_for(spacing: tuple[float, float, float], trained: BoneHu | None) -> BoneHu:
    """Return the bounds for a synthetic CT of a spacing (mm) whose model learnt from such bone."""
    if trained is None or max(spacing) > FINE_MM:
        return USUAL
    median, high = (
        ((1 - ROOM) * least, (1 + ROOM) * most) for least, most in (trained.median, trained.high)
    )
    return BoneHu(trained.cts, median, high)
