"""How far proton beams would go wrong by a synthetic CT: all beams to a target, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.prepare.intracranial import intracranial_mask
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.curve import Curve
from mrtoct.properties.hu import require_hu
from mrtoct.properties.wepl import Beam, BeamPaths, beam_paths, sphere
from mrtoct.resample import measured_on
from mrtoct.volume import AIR_HU, Array, Volume

FAR_MM, FAR_PART = 2.0, 0.03
"""Beyond what a ray is counted: proton plans allow 3.5 % of the range and 1 to 3 mm."""
TARGET_RADIUS_MM = 20.0


@dataclass(frozen=True)
class RangeError:
    """Errors of range over some rays, in mm of water; positive is too deep."""

    rays: int
    mean_mm: float
    sd_mm: float
    mean_abs_mm: float
    p95_abs_mm: float
    mean_percent: float
    """Of the real path length."""
    far: float
    """Part of the rays that are wrong by more than 2 mm, or by more than 3 %."""


@dataclass(frozen=True, eq=False)
class RangeComparison:
    """All beams, one by one and together."""

    paths: list[BeamPaths]
    by_beam: dict[str, RangeError]
    all: RangeError
    curve: str
    missing: float
    """Part of the body before the target that the synthetic CT does not cover."""

    def facts(self) -> dict[str, Any]:
        """Return the numbers as plain values, for JSON."""
        return {
            "curve": self.curve,
            "all": vars(self.all),
            "beams": {name: vars(error) for name, error in self.by_beam.items()},
            "not_covered": self.missing,
        }


def default_target(ct: Volume) -> Volume:
    """Return a ball of 20 mm radius in the middle of the space within the skull of a CT."""
    inside = intracranial_mask(ct)
    middle = ct.grid.to_world(np.argwhere(inside.voxels)).mean(axis=0)
    return sphere(ct, middle.tolist(), TARGET_RADIUS_MM)


def compare_ranges(
    synthetic: Volume,
    real: Volume,
    target: Volume,
    beams: Sequence[Beam],
    curve: Curve,
    watcher: Watcher = nobody,
) -> RangeComparison:
    """Compare water-equivalent path lengths of two CTs (HU) of one head in one world.

    curve: HU to proton stopping power relative to water; with one for electron density the lengths
    are photons' radiological depths. Raises ValueRangeError for what is no CT in HU, for an empty
    target or one outside the body.
    """
    for ct, name in ((synthetic, "the synthetic CT"), (real, "the CT")):
        try:
            require_hu(ct)
        except ValueRangeError as error:
            raise error.about(name) from error
    real = real.with_voxels(np.maximum(real.voxels, AIR_HU))
    synthetic = synthetic.with_voxels(np.maximum(synthetic.voxels, AIR_HU))
    body = head_mask_ct(real)
    missing = float((body.voxels & ~measured_on(synthetic, real.grid)).sum() / body.voxels.sum())
    paths = []
    for done, beam in enumerate(beams, start=1):
        paths.append(beam_paths(real, synthetic, body, target, beam, curve))
        watcher(Update(done, len(beams), beam.name))
    if not any((p.real_mm > 0).any() for p in paths):
        raise ValueRangeError("the target lies outside the body: no beam passes tissue to reach it")
    errors, lengths = (
        np.concatenate([getattr(p, name) for p in paths]) for name in ("error_mm", "real_mm")
    )
    return RangeComparison(
        paths,
        {p.beam.name: range_error(p.error_mm, p.real_mm) for p in paths},
        range_error(errors, lengths),
        curve.source,
        round(missing, 4),
    )


def range_error(error_mm: Array, real_mm: Array) -> RangeError:
    """Summarise errors over rays."""
    size = np.abs(error_mm)
    part = error_mm / np.maximum(real_mm, 1.0)
    return RangeError(
        len(error_mm),
        *(
            round(float(value), 3)
            for value in (
                error_mm.mean(), error_mm.std(), size.mean(), np.percentile(size, 95),
                100 * part.mean(), ((size > FAR_MM) | (np.abs(part) > FAR_PART)).mean(),
            )
        ),
    )  # fmt: skip
