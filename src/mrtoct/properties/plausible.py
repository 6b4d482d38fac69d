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
from mrtoct.properties.skull import skull_mask
from mrtoct.properties.vault import Vault, look_at_vault, mirrored, patches
from mrtoct.volume import AIR_HU, Array, Volume

BONE_PART = (0.06, 0.32)
"""Of the head above 300 HU: 0.18 to 0.24 in whole heads, less where the jaw is out of view."""
THICKNESS_MM = (3.5, 13.0)
"""Median over the vault: 6 to 8 in adults, some more as thick slices show it."""
THIN_MM = 1.0
LARGEST_HOLE_CM2 = 2.0
"""A burr hole is 1.5; sutures and thin temporal bone leave less."""
MOST_UNLIKE_SIDES, MOST_UNLIKE_HU = 0.2, 150.0
"""Of the vault's mean thickness, and of its HU, from one side to the other."""
MOST_BRAIN_AIR_ML, MOST_BRAIN_BONE_ML = 0.5, 2.0
LEAST_WALL_AIR_MM = 2.0
SINUS_DEGREES = (40.0, 45.0)
"""Air in the wall is a frontal sinus so near to the front, and so low."""
MOST_WALL_AIR_CM2 = 2.0
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
        return [_doubt("no-head", f"it does not look like a head's CT: {error}")]


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
    findings = _amount_findings(part) or _hardness_findings(
        median, high, usual_for(sct.spacing, trained)
    )
    try:
        vault = look_at_vault(sct, skull_mask(sct), head)
    except ValueRangeError as error:
        findings.append(Finding("note", "no-vault", f"the vault was not looked at: {error}", SCT))
        nothing = (float("nan"), float("nan"))
        return Plausibility(
            findings, round(part, 4), (low, median, high), (*nothing, nothing[0]), [], nothing,
            nothing, float("nan"), float("nan"), float("nan"),
        )  # fmt: skip
    bare = patches(vault, vault.bone_mm < THIN_MM)
    holes = [round(vault.area_cm2(hole), 2) for hole in bare]
    right, left = mirrored(vault)
    sides_mm = _sides(vault.bone_mm[right], vault.bone_mm[left])
    sides_hu = _sides(vault.bone_hu[right], vault.bone_hu[left])
    wall = _odd_air(vault)
    thin, middle, thick = _percentiles(vault.bone_mm)
    findings += _hole_findings(vault, bare, holes)
    findings += _shape_findings(middle, sides_mm, sides_hu)
    findings += _place_findings(vault.brain_air_ml, vault.brain_bone_ml, wall)
    return Plausibility(
        findings, round(part, 4), (low, median, high), (thin, middle, thick), holes, sides_mm,
        sides_hu, round(vault.brain_air_ml, 2), round(vault.brain_bone_ml, 2), wall,
    )  # fmt: skip


SCT = "synthetic CT"


def _around_tissue(ct: Volume) -> Volume:
    """Cut away the air around, which is half of most scans and takes as long as a head."""
    tissue = ct.voxels > BODY_HU
    if not tissue.any():
        return ct
    i, j, k = (int(np.ceil(AIR_AROUND_MM / spacing)) for spacing in ct.spacing)
    return ct.cropped(bounding_box(tissue, (i, j, k)))


def _amount_findings(part: float) -> list[Finding]:
    if part < BONE_PART[0]:
        return [
            _doubt(
                "little-bone",
                f"{part:.1%} of the head is bone (above 300 HU), 18 to 24 % is usual in a whole "
                "head: bone was lost or is far too soft",
            )
        ]
    if part > BONE_PART[1]:
        return [
            _doubt(
                "much-bone",
                f"{part:.1%} of the head is bone (above 300 HU), 18 to 24 % is usual: soft "
                "tissue was drawn as bone",
            )
        ]
    return []


def _hardness_findings(median: float, high: float, usual: BoneHu) -> list[Finding]:
    found = []
    whose = "in the CTs that its model learnt from" if usual.cts else "in real heads"
    for what, value, (least, most) in (
        ("half", median, usual.median),
        ("nine tenths", high, usual.high),
    ):
        if not least <= value <= most:
            how = "softer" if value < least else "harder"
            found.append(
                _doubt(
                    "bone-hu",
                    f"{what} of the bone lies below {value:.0f} HU, {least:.0f} to {most:.0f} is "
                    f"usual: it is {how} than {whose}, and so are doses and sound through it",
                )
            )
    return found


def _hole_findings(vault: Vault, bare: list[Array], areas: list[float]) -> list[Finding]:
    large = [n for n, area in enumerate(areas) if area > LARGEST_HOLE_CM2]
    if not large:
        return []
    first = bare[large[0]]
    where = vault.directions[first].mean(axis=0)
    side = ("left" if where[0] < 0 else "right") if abs(where[0]) > 0.2 else "middle"
    place = "front" if where[1] > 0.35 else "back" if where[1] < -0.35 else "top"
    return [
        _doubt(
            "hole",
            f"{len(large)} places of the vault have no bone, the largest {areas[large[0]]:.1f} cm2 "
            f"at the {place}, {side} ({LARGEST_HOLE_CM2:g} cm2 at most are usual): after surgery "
            "they are real, else the skull was lost in translation",
        )
    ]


def _shape_findings(
    thickness: float, mm: tuple[float, float], hu: tuple[float, float]
) -> list[Finding]:
    found = []
    if not THICKNESS_MM[0] <= thickness <= THICKNESS_MM[1]:
        found.append(
            _doubt(
                "thickness",
                f"the vault is {thickness:.1f} mm thick in the median, {THICKNESS_MM[0]:g} to "
                f"{THICKNESS_MM[1]:g} is usual in adults",
            )
        )
    unlike = abs(mm[0] - mm[1]) > MOST_UNLIKE_SIDES * max(sum(mm) / 2, 1.0)
    if unlike or abs(hu[0] - hu[1]) > MOST_UNLIKE_HU:
        found.append(
            _doubt(
                "sides",
                f"the vault's sides differ: {mm[0]:.1f} mm of {hu[0]:.0f} HU on the right, "
                f"{mm[1]:.1f} mm of {hu[1]:.0f} HU on the left; heads are alike on both sides to "
                "about a tenth: a bias of the MR, or a sick side",
            )
        )
    return found


def _place_findings(air_ml: float, bone_ml: float, wall_cm2: float) -> list[Finding]:
    found = []
    if air_ml > MOST_BRAIN_AIR_ML:
        found.append(
            _doubt("air-in-brain", f"{air_ml:.1f} ml of air lie within the skull, none is usual")
        )
    if bone_ml > MOST_BRAIN_BONE_ML:
        found.append(
            _doubt(
                "bone-in-brain",
                f"{bone_ml:.1f} ml within the skull are above 200 HU, {MOST_BRAIN_BONE_ML:g} ml at "
                "most are usual (calcified plexus and falx): dark ventricles or vessels in the MR "
                "were taken for bone",
            )
        )
    if wall_cm2 > MOST_WALL_AIR_CM2:
        found.append(
            _doubt(
                "air-in-vault",
                f"{wall_cm2:.1f} cm2 of the vault's wall hold air without connection to nose or "
                "ears: dark bone in the MR was taken for air",
            )
        )
    return found


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


def _doubt(kind: str, sentence: str) -> Finding:
    return Finding("doubtful", kind, sentence, SCT)
