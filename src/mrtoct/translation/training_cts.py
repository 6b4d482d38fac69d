"""What the CTs were like that a network learnt from: its synthetic CTs are like them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.io.calibration import CtCalibration, distinct, shared
from mrtoct.prepare.store import read_subject
from mrtoct.properties.bone_hu import BoneHu, bone_in, bone_of
from mrtoct.volume import Array

MOST_SUBJECTS = 60
"""Measuring one takes a quarter of a second, and more would not move the ranges."""

MOST_TOLD = 4
"""Calibrations in a sentence."""


@dataclass(frozen=True)
class TrainingCts:
    """The CTs of a training."""

    calibrations: tuple[CtCalibration, ...] = ()
    """What gave them their HU, each once; none of simulated CTs."""
    bone: BoneHu | None = None

    @property
    def calibration(self) -> CtCalibration:
        """What they have in common."""
        return shared(self.calibrations)

    def __str__(self) -> str:
        told = [*map(str, self.calibrations[:MOST_TOLD])]
        more = len(self.calibrations) - len(told)
        return "; ".join(told + [f"and {more} others"] * (more > 0)) or "simulated"


def cts_in(store: Path, names: Sequence[str]) -> TrainingCts:
    """Look at the CTs of some subjects of a store; of many, at the bone of evenly chosen ones."""
    subjects = [read_subject(store, name) for name in names]
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), MOST_SUBJECTS)).astype(int))

    def bones() -> Iterator[Array]:
        for index in chosen:
            subject = subjects[index]
            yield bone_of(np.asarray(subject.ct.voxels), np.asarray(subject.head.voxels))

    return TrainingCts(distinct([s.calibration for s in subjects]), bone_in(bones()))
