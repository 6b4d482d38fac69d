"""What a translator was trained on, as a record of plain numbers that travels with it.

It holds ranges and averages over the training subjects, nothing of a single one but where there
was only one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from mrtoct.check.pair import STATED, position_fits
from mrtoct.errors import BundleError
from mrtoct.io.records import Record
from mrtoct.translation.guard.average import KeptHead, average_head
from mrtoct.translation.guard.look import DEPTHS_MM, QUANTILES, Look
from mrtoct.volume import Array

Range = tuple[float, float]

MIDDLE = (0.02, 0.98)
"""Quantiles of the subjects that a range spans: of a hundred, one odd one widens it little."""


Rows = list[list[float | None]]


def _as_rows(profile: Array | None) -> Rows | None:
    if profile is None:
        return None
    return [[v if v == v else None for v in row] for row in profile.tolist()]


def _from_rows(rows: object) -> Array | None:
    kept = TypeAdapter(Rows | None).validate_python(rows)
    if kept is None:
        return None
    shape = (len(DEPTHS_MM) - 1, len(QUANTILES))
    if [len(row) for row in kept] != [shape[1]] * shape[0]:
        raise ValueError(f"a profile has {shape[0]} layers of {shape[1]} values")
    return np.array(kept, dtype=np.float64)


Profile = Annotated[Array | None, PlainValidator(_from_rows), PlainSerializer(_as_rows)]


@dataclass(frozen=True, eq=False)
class SeenChannel:
    """What one MR channel looked like."""

    numbers: Mapping[str, Range]
    """Of what `look.measure` measures, by name."""
    scanned: Range | None
    """Finest and coarsest voxel spacing (mm, along any axis) of the scans; None if not known."""
    profile: Profile
    """Mean quantiles of the signal (depths, quantiles); NaN for a layer that no subject has. None
    where the training showed every contrast: then any is welcome."""
    apart: float
    """Largest distance of a subject's profile from the mean of the others'."""
    average: KeptHead
    fit: float
    """Lowest fit of a subject's head to the average of the others'."""


@dataclass(frozen=True, eq=False)
class SeenMr(Record):
    """What the training subjects looked like."""

    file: ClassVar[str] = "seen.json"
    remedy: ClassVar[str] = "copy it again, or remove it: the guard then makes fewer checks"
    error: ClassVar[type[BundleError]] = BundleError

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


def _mean(profiles: Sequence[Array]) -> Array:
    """Return the mean of the profiles that have a layer, NaN where none has."""
    known = np.isfinite(profiles).sum(axis=0)
    return np.where(known, np.nansum(profiles, axis=0) / np.maximum(known, 1), np.nan)
