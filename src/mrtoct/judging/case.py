"""One subject to be judged: its synthetic CTs by method, its CT and where they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mrtoct.errors import MrtoctError, ValueRangeError
from mrtoct.hardware.processes import spread
from mrtoct.io.files import read_volume
from mrtoct.judging.baselines import WATER, water
from mrtoct.judging.metrics.evaluate import Evaluation, evaluate
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.volume import AIR_HU, Unit, Volume, check_same_grid

Role = Literal["train", "validation", "test", "new", "unknown"]
"""What a subject was to the bundles: new is one that their training never saw, unknown stands
where no run says."""

FOUND = "head found on the CT"


@dataclass(frozen=True, eq=False)
class Case:
    """What one subject is judged from; files are read when their turn comes."""

    subject: str
    scts: dict[str, Path | Volume]
    """By method."""
    ct: Path | Volume
    mask: Path | Volume | None = None
    """Where to compare; None has the head found on the CT."""
    mask_source: str = FOUND
    """In words, the same for masks that were made in the same way."""
    role: Role = "unknown"
    tiles: TileGrid | None = None
    baseline: bool = True
    """Judge water beside the methods."""


@dataclass(frozen=True)
class Judged:
    """One subject's evaluations by method, and what may be wrong with its files."""

    subject: str
    role: Role
    evaluations: dict[str, Evaluation]
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A subject that cannot be judged, and why."""

    subject: str
    reason: str


def judge(case: Case) -> Judged:
    """Evaluate every method of a case; errors name the file that they are about."""
    doubts: list[str] = []
    real = _hu(case.ct, case.mask is not None, doubts)
    scts = {method: _hu(sct, case.mask is not None, doubts) for method, sct in case.scts.items()}
    for method, sct in scts.items():
        names = (_name(case.scts[method], "synthetic CT"), _name(case.ct, "CT"))
        check_same_grid(sct.grid, real.grid, *names)
    mask = _mask(case, real)
    if case.baseline:
        scts[WATER] = real.with_voxels(water(np.asarray(mask.voxels > 0)))
    evaluations = {
        method: evaluate(sct, real, mask, case.mask_source, tiles=case.tiles)
        for method, sct in scts.items()
    }
    return Judged(case.subject, case.role, evaluations, tuple(doubts))


def judge_all(cases: Iterable[Case | Failure], workers: int) -> Iterator[Judged | Failure]:
    """Judge cases as they come, in several processes where workers is above 1, in any order.

    A case that cannot be judged becomes a Failure and stops no other.
    """
    if workers > 1:
        yield from spread(_attempt, ((case,) for case in cases), workers)
    else:
        yield from map(_attempt, cases)


def _attempt(case: Case | Failure) -> Judged | Failure:
    if isinstance(case, Failure):
        return case
    try:
        return judge(case)
    except MrtoctError as error:
        return Failure(case.subject, str(error))


def _hu(source: Path | Volume, masked: bool, doubts: list[str]) -> Volume:
    """Return a CT, real or synthetic, with what was never measured as air."""
    if isinstance(source, Volume):
        return source
    volume = read_volume(source, "HU")
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if low >= 0:
        doubt = (
            f"{source}: values run from {low:g} to {high:g}; in HU air is near -1000 and fat "
            "below 0 (was a rescale intercept left out?)"
        )
        if not masked:
            raise ValueRangeError(doubt)  # without air no head is found either
        doubts.append(doubt)
    # Padding outside a scanner's field of view was never measured: it counts as air.
    return volume.with_voxels(np.maximum(volume.voxels, AIR_HU))


def _mask(case: Case, real: Volume) -> Volume:
    if case.mask is None:
        with _about(case.ct):
            return head_mask_ct(real)
    mask = _read(case.mask, "label")
    check_same_grid(mask.grid, real.grid, _name(case.mask, "mask"), _name(case.ct, "CT"))
    if not (mask.voxels > 0).any():
        raise ValueRangeError(f"{_name(case.mask, 'the mask')} is empty: no voxel is above 0")
    return mask


def _read(source: Path | Volume, unit: Unit) -> Volume:
    return source if isinstance(source, Volume) else read_volume(source, unit)


def _name(source: Path | Volume, otherwise: str) -> str:
    return otherwise if isinstance(source, Volume) else str(source)


@contextmanager
def _about(source: Path | Volume) -> Iterator[None]:
    """Put a file's name before the message of an error within that does not hold it."""
    try:
        yield
    except MrtoctError as error:
        if isinstance(source, Volume) or str(source) in str(error):
            raise
        raise type(error)(f"{source}: {error}") from error
