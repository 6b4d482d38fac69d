"""The dose of one plan on a real and on a synthetic CT of a head, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrtoct.errors import MrtoctError, ValueRangeError
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.curve import Curve
from mrtoct.properties.dose.dvh import DoseVolume, dose_volume
from mrtoct.properties.dose.engine import Answer, Modality, Plan, calculate
from mrtoct.properties.dose.gamma import Criterion, gamma_index, pass_rate
from mrtoct.properties.hu import require_hu
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, BONE_ABOVE_HU, Array, Grid, Volume

REAL, SYNTHETIC, BONELESS = "CT", "synthetic CT", "no bone"
"""What doses are computed on; the last, the real CT with brain's HU in place of bone, shows what a
figure says of a synthetic CT that is plainly wrong."""

GANTRY: dict[Modality, tuple[float, ...]] = {
    "protons": (120.0, 240.0),
    "photons": (60.0, 180.0, 300.0),
}
"""Where beams come from unless told: through the skull's sides and back, past the face."""
GRID_MM = 3.0
CRITERIA = (Criterion(2.0, 2.0), Criterion(1.0, 1.0))
IN_PLACE_OF_BONE_HU = 40.0
PLAN_OFF = 0.1
"""A plan whose target's mean dose is further from the prescription is none."""


@dataclass(frozen=True, eq=False)
class PlannedHead:
    """What an engine needs of a head, on one upright grid: CTs in HU by name, body and target."""

    cts: dict[str, Volume]
    body: Volume
    target: Volume


@dataclass(frozen=True)
class DoseFigures:
    """How the dose on a CT differs from that on the real one."""

    gamma: dict[str, float]
    """Pass rate by criterion, in percent of the voxels above its cut-off."""
    mean_difference_percent: float
    """Of the prescription: mean size of the difference over those voxels."""
    target: DoseVolume


@dataclass(frozen=True, eq=False)
class DoseComparison:
    """One plan, its dose on each CT, and what they differ by."""

    plan: Plan
    head: PlannedHead
    doses: dict[str, Volume]
    """Gy, by the CTs' names."""
    gamma: dict[str, Array]
    """Of the first criterion, for each CT but the real one."""
    figures: dict[str, DoseFigures]
    curve: str
    answer: Answer

    def facts(self) -> dict[str, Any]:
        """Return the numbers as plain values, for JSON."""
        return {
            "plan": vars(self.plan),
            "curve": self.curve,
            "grid_mm": self.head.body.spacing[0],
            "engine": self.answer.engine,
            "spots": self.answer.spots,
            "seconds": self.answer.seconds,
            "on": {
                name: {**vars(found), "target": vars(found.target)}
                for name, found in self.figures.items()
            },
        }


def planned_head(
    synthetic: Volume, real: Volume, target: Volume, grid_mm: float = GRID_MM
) -> PlannedHead:
    """Return two CTs (HU) of one head in one world on the grid of a dose.

    All are inside the real one's body: what is compared is tissue, not how the patient was laid.
    Raises ValueRangeError for what is no CT in HU, and for a target outside the body.
    """
    for ct, name in ((synthetic, "the synthetic CT"), (real, "the CT")):
        try:
            require_hu(ct)
        except ValueRangeError as error:
            raise error.about(name) from error
    body = head_mask_ct(real)
    points = body.grid.to_world(np.argwhere(body.voxels))
    low, high = points.min(axis=0) - 2 * grid_mm, points.max(axis=0) + 2 * grid_mm
    grid = Grid.from_box(low, high, (grid_mm,) * 3)
    cts = {REAL: real, SYNTHETIC: synthetic, BONELESS: without_bone(real)}
    inside = resample_mask(body, grid)
    aimed = resample_mask(target.with_voxels(target.voxels > 0), grid)
    aimed = aimed.with_voxels(aimed.voxels & inside.voxels)
    if not aimed.voxels.any():
        raise ValueRangeError(
            f"no voxel of {grid_mm:g} mm is mostly inside both the target and the body"
        )
    on_grid = {
        name: resample(ct.with_voxels(np.maximum(ct.voxels, AIR_HU)), grid, fill=AIR_HU)
        for name, ct in cts.items()
    }
    return PlannedHead(on_grid, inside, aimed)


def without_bone(ct: Volume) -> Volume:
    """Return a CT (HU) with brain's HU in place of bone."""
    return ct.with_voxels(np.where(ct.voxels > BONE_ABOVE_HU, IN_PLACE_OF_BONE_HU, ct.voxels))


def compare_doses(
    head: PlannedHead, plan: Plan, curve: Curve, python: Path, *, watcher: Watcher = nobody
) -> DoseComparison:
    """Plan on the real CT, and compare the dose that the plan gives on the others.

    curve: HU to proton stopping power, or to electron density for photons. python: an interpreter
    with pyRadPlan, see `mrtoct.properties.dose.engine`, whose errors are raised.
    """
    doses, answer = calculate(
        plan, head.cts, head.body, head.target, curve, python, watcher=watcher
    )
    real = doses[REAL]
    reached = float(real.voxels[head.target.voxels].mean())
    if abs(reached / plan.prescribed_gy - 1) > PLAN_OFF:
        raise MrtoctError(
            f"the plan made for {plan.modality} gives the target {reached:.2f} Gy on average, not "
            f"{plan.prescribed_gy:g} Gy: do all its beams pass the target?"
        )
    gamma, figures = {}, {}
    for name, dose in doses.items():
        maps = {str(c): gamma_index(real, dose, c, plan.prescribed_gy) for c in CRITERIA}
        gamma[name] = maps[str(CRITERIA[0])]
        counted = np.isfinite(gamma[name])
        apart = np.abs(dose.voxels - real.voxels)[counted].mean() / plan.prescribed_gy
        figures[name] = DoseFigures(
            {text: round(100 * pass_rate(found), 2) for text, found in maps.items()},
            round(100 * float(apart), 3),
            dose_volume(dose, head.target, plan.prescribed_gy),
        )
    return DoseComparison(plan, head, doses, gamma, figures, curve.source, answer)
