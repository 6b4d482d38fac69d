"""Is a synthetic CT plausible, by itself? What no head looks like can be told without a reference.

The bounds are wide: they hold real heads of adults, and find a skull with holes, one that is far
too thin or soft, two sides that differ, and air where there is none. They do not find a skull
that is plausible and wrong.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import BODY_HU, bounding_box, head_mask_ct
from mrtoct.properties.bone_hu import BoneHu, bone_of, usual_for
from mrtoct.properties.hu import require_hu
from mrtoct.properties.oddities import (
    SCT,
    amount_findings,
    doubt,
    hardness_findings,
    hole_findings,
    place_findings,
    shape_findings,
    temple_findings,
)
from mrtoct.properties.skull import skull_mask
from mrtoct.properties.vault import Vault, look_at_vault, mirrored, open_temples, patches
from mrtoct.volume import AIR_HU, Array, Volume

THIN_MM = 1.0
LEAST_WALL_AIR_MM = 2.0
SINUS_DEGREES = (40.0, 45.0)
"""Air in the wall is a frontal sinus so near to the front, and so low."""
AIR_AROUND_MM = 8.0
"""What a ray needs to leave the head by."""


@dataclass(frozen=True)
class Plausibility:
    """A synthetic CT, measured without a reference, and what is odd about it."""

    findings: list[Finding]
    bone_part: float
    """Of the head, above 300 HU."""
    bone_hu: tuple[float, float, float]
    """10th, 50th and 90th percentile of the HU above 300; NaN where there is no bone."""
    thickness_mm: tuple[float, float, float]
    """10th, 50th and 90th percentile of the vault; NaN where it is not in the scan."""
    holes_cm2: list[float]
    """Connected places of the vault without bone, largest first."""
    open_temples: tuple[float, float]
    """Part of the right and the left temple without bone; NaN where they are not in the scan."""
    sides_mm: tuple[float, float]
    """Mean thickness of the vault's right and left, at mirrored places."""
    sides_hu: tuple[float, float]
    brain_air_ml: float
    brain_bone_ml: float
    """Above 200 HU within the skull and apart from it."""
    wall_air_cm2: float
    """Of the vault, where its wall holds air that is no frontal sinus."""

    def facts(self) -> dict[str, object]:
        """Return everything as plain values, for JSON."""
        told = asdict(self)
        told["findings"] = [vars(finding) for finding in self.findings]
        return told


def doubts_about(sct: Volume, trained: BoneHu | None = None) -> list[Finding]:
    """Return what is odd about a synthetic CT (HU), one of which nothing can be measured, too."""
    try:
        return look_at_sct(sct, trained).findings
    except ValueRangeError as error:
        return [doubt("no-head", f"it does not look like a head's CT: {error}")]


def look_at_sct(sct: Volume, trained: BoneHu | None = None) -> Plausibility:
    """Measure a synthetic CT (HU) of a head and say what is odd about it.

    Its bone is compared with that of the CTs that its model was trained on, where that is known,
    else with what is usual. Raises ValueRangeError if it is no CT in HU, or if there is no head.
    """
    require_hu(sct)
    sct = _around_tissue(sct.with_voxels(np.maximum(sct.voxels, AIR_HU)))
    head = head_mask_ct(sct)
    bone = bone_of(sct.voxels, head.voxels)
    part = bone.size / int(head.voxels.sum())
    low, median, high = _percentiles(bone)
    findings = amount_findings(part) or hardness_findings(
        median, high, usual_for(sct.spacing, trained)
    )
    try:
        skull = skull_mask(sct)
        vault = look_at_vault(sct, skull, head)
    except ValueRangeError as error:
        findings.append(Finding("note", "no-vault", f"the vault was not checked: {error}", SCT))
        nothing = (float("nan"), float("nan"))
        return Plausibility(
            findings, round(part, 4), (low, median, high), (*nothing, nothing[0]), [], nothing,
            nothing, nothing, float("nan"), float("nan"), float("nan"),
        )  # fmt: skip
    bare = patches(vault, vault.bone_mm < THIN_MM)
    holes = [round(vault.area_cm2(hole), 2) for hole in bare]
    right, left = mirrored(vault)
    sides_mm = _sides(vault.bone_mm[right], vault.bone_mm[left])
    sides_hu = _sides(vault.bone_hu[right], vault.bone_hu[left])
    wall = _odd_air(vault)
    temples = open_temples(skull, head)
    thin, middle, thick = _percentiles(vault.bone_mm)
    findings += hole_findings(vault, bare, holes) + temple_findings(temples)
    findings += shape_findings(middle, sides_mm, sides_hu)
    findings += place_findings(vault.brain_air_ml, vault.brain_bone_ml, wall)
    return Plausibility(
        findings, round(part, 4), (low, median, high), (thin, middle, thick), holes, temples,
        sides_mm, sides_hu, round(vault.brain_air_ml, 2), round(vault.brain_bone_ml, 2), wall,
    )  # fmt: skip


def _around_tissue(ct: Volume) -> Volume:
    """Cut away the air around, which is half of most scans and takes as long as a head."""
    tissue = ct.voxels > BODY_HU
    if not tissue.any():
        return ct
    i, j, k = (int(np.ceil(AIR_AROUND_MM / spacing)) for spacing in ct.spacing)
    return ct.cropped(bounding_box(tissue, (i, j, k)))


def _odd_air(vault: Vault) -> float:
    """Return the area of the vault whose wall holds air, frontal sinuses aside, in cm2."""
    sinus = (np.abs(vault.azimuth) < SINUS_DEGREES[0]) & (vault.elevation < SINUS_DEGREES[1])
    return round(vault.area_cm2((vault.wall_air_mm > LEAST_WALL_AIR_MM) & ~sinus), 2)


def _percentiles(values: Array) -> tuple[float, float, float]:
    if values.size == 0:
        return float("nan"), float("nan"), float("nan")
    low, middle, high = (round(float(v), 1) for v in np.percentile(values, (10, 50, 90)))
    return low, middle, high


def _sides(right: Array, left: Array) -> tuple[float, float]:
    if right.size == 0:
        return float("nan"), float("nan")
    return round(float(right.mean()), 2), round(float(left.mean()), 2)
