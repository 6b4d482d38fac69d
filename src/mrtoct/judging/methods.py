"""Methods: each makes a subject's synthetic CT, by a network, by a baseline, or finds it in files.

Those that need a network are in translated.py, so that files are judged without loading torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.errors import CohortError
from mrtoct.judging import baselines
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.judging.roles import Role
from mrtoct.prepare.store import PreparedSubject
from mrtoct.volume import Volume

FOUND = "head found on the CT"

InMask = Callable[[Volume, Volume], Volume]
"""Makes a synthetic CT from the real CT's grid and the mask alone."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Whom synthetic CTs are judged on; files are read when their turn comes."""

    name: str
    ct: Path | Volume
    mask: Path | Volume | None = None
    """Where to compare; None has the head found on the CT."""
    mask_source: str = FOUND
    """In words, the same for masks that were made in the same way."""
    role: Role = "unknown"
    prepared: PreparedSubject | None = None
    """As a store has it, for methods that translate; None where files alone are judged."""


@dataclass(frozen=True, eq=False)
class Made:
    """What a method made of a subject."""

    sct: Path | Volume | InMask
    deviation: Volume | None = None
    """Its standard deviation in HU, 0 where none was estimated."""
    tiles: TileGrid | None = None
    """Those that it was put together from."""


@dataclass(frozen=True, eq=False)
class Method:
    """A name, and what makes a subject's synthetic CT; MrtoctError where that cannot be."""

    name: str
    make: Callable[[Subject], Made]


def from_files(name: str, found: Mapping[str, Path]) -> Method:
    """Return the method whose synthetic CTs lie in files, by subject."""

    def make(subject: Subject) -> Made:
        if subject.name not in found:
            raise CohortError(f"{name} has no synthetic CT of {subject.name}")
        return Made(found[subject.name])

    return Method(name, make)


def water() -> Method:
    """Return the baseline that is 0 HU in the whole mask."""
    return Method(baselines.WATER, lambda subject: Made(water_in))


def water_in(ct: Volume, mask: Volume) -> Volume:
    """Return 0 HU in a mask, on the CT's grid."""
    return ct.with_voxels(baselines.water(np.asarray(mask.voxels > 0)))
