"""What the MR of some subjects looks like: of a store's, or of heads made for a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.intensity import from_zero
from mrtoct.prepare.store import PreparedSubject, read_subject
from mrtoct.translation.guard.look import Look, measure
from mrtoct.translation.guard.seen import SeenMr, summarise
from mrtoct.volume import Volume

MOST_SUBJECTS = 60
"""Looking at one takes half a second a channel, and more would not move the ranges."""


def seen_in(
    store: Path,
    names: Sequence[str],
    channels: Sequence[str],
    spacing: tuple[float, float, float],
) -> SeenMr | None:
    """Look at subjects of a store as a network of a spacing (mm) sees them.

    Of many, evenly chosen ones are looked at. None if no head is found in any.
    """
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_SUBJECTS)).astype(int))
    looks: list[dict[str, Look]] = []
    scanned: list[PreparedSubject] = []
    for index in chosen:
        subject = read_subject(store, names[index])
        try:
            looks.append(
                {c: measure(subject.channels[c], spacing, subject.covered) for c in channels}
            )
        except ValueRangeError:
            continue  # it trains all the same; there is only nothing to compare others with
        scanned.append(subject)
    if not looks:
        return None
    return SeenMr(
        len(looks),
        spacing,
        {
            c: summarise(
                [look[c] for look in looks],
                [s.scanned[c] for s in scanned if c in s.scanned],
            )
            for c in channels
        },
    )


def seen_of(
    volumes: Sequence[Volume],
    *,
    channel: str = "mr",
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    any_contrast: bool = True,
) -> SeenMr:
    """Look at MR volumes, one a subject, as a network of a spacing (mm) sees them.

    For a training on simulated heads: some that were kept apart, whole and in many contrasts. With
    any_contrast their contrast is not remembered, and `judge.doubts` welcomes every one. Raises
    ValueRangeError if no head is found in any.
    """
    looks = []
    for volume in volumes:
        try:
            looks.append(measure(from_zero(volume), spacing))
        except ValueRangeError:
            continue  # as in a store: there is only nothing to compare others with
    if not looks:
        raise ValueRangeError(f"none of the {len(volumes)} MR shows a head")
    scanned = () if any_contrast else [volume.spacing for volume in volumes]
    seen = summarise(looks, scanned, any_contrast=any_contrast)
    return SeenMr(len(looks), spacing, {channel: seen})
