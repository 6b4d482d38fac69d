"""What a translator was trained on, as a record of plain numbers that travels with it.

It holds ranges and averages over the training subjects, nothing of a single one but where there
was only one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoct.check.pair import STATED, CoarseHead, position_fits
from mrtoct.translation.guard.average import average_head, average_of, to_record
from mrtoct.translation.guard.look import DEPTHS_MM, QUANTILES, Look
from mrtoct.volume import Array

Range = tuple[float, float]

MIDDLE = (0.02, 0.98)
"""Quantiles of the subjects that a range spans: of a hundred, one odd one widens it little."""


@dataclass(frozen=True, eq=False)
class SeenChannel:
    """What one MR channel looked like."""

    numbers: Mapping[str, Range]
    """Of what `look.measure` measures, by name."""
    scanned: Range | None
    """Finest and coarsest voxel spacing (mm, along any axis) of the scans; None if not known."""
    profile: Array | None
    """Mean quantiles of the signal (depths, quantiles); NaN for a layer that no subject has. None
    where the training showed every contrast: then any is welcome."""
    apart: float
    """Largest distance of a subject's profile from the mean of the others'."""
    average: CoarseHead
    fit: float
    """Lowest fit of a subject's head to the average of the others'."""


@dataclass(frozen=True, eq=False)
class SeenMr:
    """What the training subjects looked like."""

    subjects: int
    spacing: tuple[float, float, float]
    """Voxel spacing in mm at which they were measured: that of the network's input."""
    channels: Mapping[str, SeenChannel]


def profile_distance(first: Array, second: Array) -> float:
    """Return the mean over the layers of how far two distributions of signal are apart.

    The mean difference of quantiles is their Wasserstein-1 distance. Layers that one lacks (NaN)
    do not count.
    """
    apart = np.abs(first - second)
    return float(apart[np.isfinite(apart)].mean()) if np.isfinite(apart).any() else 0.0


def summarise(
    looks: Sequence[Look],
    scanned: Sequence[tuple[float, float, float]] = (),
    *,
    any_contrast: bool = False,
) -> SeenChannel:
    """Return what one channel of some subjects, at least one, has in common.

    scanned are the voxel spacings (mm) of their scans, as far as known. With any_contrast no
    contrast is remembered.
    """
    numbers = {}
    for name in looks[0].numbers:
        values = [look.numbers[name] for look in looks]
        low, high = np.quantile(values, MIDDLE)
        numbers[name] = (round(float(low), 4), round(float(high), 4))
    profile = None if any_contrast else _mean([look.profile for look in looks])
    average = average_head([look.head for look in looks])
    apart, fits = [0.0], [position_fits(average, looks[0].head, [STATED])[STATED]]
    if len(looks) > 1:
        apart, fits = [], []
        for number, one in enumerate(looks):
            others = [*looks[:number], *looks[number + 1 :]]
            apart.append(profile_distance(one.profile, _mean([o.profile for o in others])))
            without = average_head([look.head for look in others])
            fits.append(position_fits(without, one.head, [STATED])[STATED])
    return SeenChannel(
        numbers,
        (float(np.min(scanned)), float(np.max(scanned))) if len(scanned) else None,
        None if profile is None else np.asarray(np.round(profile, 4)),
        0.0 if any_contrast else round(float(np.quantile(apart, MIDDLE[1])), 4),
        average,
        round(float(np.quantile(fits, MIDDLE[0])), 4),
    )


def as_record(seen: SeenMr) -> dict[str, Any]:
    """Return what was seen as JSON takes it."""
    return {
        "subjects": seen.subjects,
        "spacing_mm": list(seen.spacing),
        "channels": {
            name: {
                "numbers": {number: list(span) for number, span in channel.numbers.items()},
                "scanned_mm": channel.scanned and list(channel.scanned),
                "profile": _as_rows(channel.profile),
                "apart": channel.apart,
                "average": to_record(channel.average),
                "fit": channel.fit,
            }
            for name, channel in seen.channels.items()
        },
    }


def from_record(record: dict[str, Any]) -> SeenMr:
    """Return what a record says; ValueError, TypeError or KeyError if it is damaged."""
    channels = {}
    for name, entry in record["channels"].items():
        channels[name] = SeenChannel(
            {key: _range(pair) for key, pair in entry["numbers"].items()},
            entry["scanned_mm"] and _range(entry["scanned_mm"]),
            _from_rows(entry["profile"]),
            float(entry["apart"]),
            average_of(entry["average"]),
            float(entry["fit"]),
        )
    i, j, k = record["spacing_mm"]
    return SeenMr(int(record["subjects"]), (float(i), float(j), float(k)), channels)


def _as_rows(profile: Array | None) -> list[list[float | None]] | None:
    if profile is None:
        return None
    return [[v if v == v else None for v in row] for row in profile.tolist()]


def _from_rows(rows: list[list[float | None]] | None) -> Array | None:
    if rows is None:
        return None
    profile = np.array(rows, dtype=np.float64)
    if profile.shape != (len(DEPTHS_MM) - 1, len(QUANTILES)):
        raise ValueError(f"a profile has {len(DEPTHS_MM) - 1} layers of {len(QUANTILES)} values")
    return profile


def _mean(profiles: Sequence[Array]) -> Array:
    """Return the mean of the profiles that have a layer, NaN where none has."""
    known = np.isfinite(profiles).sum(axis=0)
    return np.where(known, np.nansum(profiles, axis=0) / np.maximum(known, 1), np.nan)


def _range(pair: Sequence[float]) -> Range:
    low, high = pair
    return float(low), float(high)
