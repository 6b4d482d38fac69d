"""What is said of a synthetic CT that is unlike any head: the bounds, and a sentence for each."""

from __future__ import annotations

from mrtoct.check.finding import Finding
from mrtoct.properties.bone_hu import BoneHu
from mrtoct.properties.vault import Vault
from mrtoct.volume import Array

SCT = "synthetic CT"
"""What the findings are about."""
BONE_PART = (0.06, 0.32)
"""Of the head above 300 HU: 0.18 to 0.24 in whole heads, less where the jaw is out of view."""
THICKNESS_MM = (3.5, 13.0)
"""Median over the vault: 6 to 8 in adults, some more as thick slices show it."""
LARGEST_HOLE_CM2 = 2.0
"""A burr hole is 1.5; sutures and thin temporal bone leave less."""
MOST_OPEN_TEMPLE = 0.1
"""None in real heads, whose bone is 3 mm thin there; more than half where a network lost it."""
MOST_UNLIKE_SIDES, MOST_UNLIKE_HU = 0.2, 150.0
"""Of the vault's mean thickness, and of its HU, from one side to the other."""
MOST_WALL_AIR_CM2 = 2.0
MOST_BRAIN_AIR_ML, MOST_BRAIN_BONE_ML = 0.5, 2.0


def amount_findings(part: float) -> list[Finding]:
    """Say whether a head has too little or too much bone, from its part of the head."""
    if part < BONE_PART[0]:
        return [
            doubt(
                "little-bone",
                f"{part:.1%} of the head is bone (above 300 HU), 18 to 24 % is usual in a whole "
                "head: bone is missing or far too soft",
            )
        ]
    if part > BONE_PART[1]:
        return [
            doubt(
                "much-bone",
                f"{part:.1%} of the head is bone (above 300 HU), 18 to 24 % is usual: soft "
                "tissue was drawn as bone",
            )
        ]
    return []


def hardness_findings(median: float, high: float, usual: BoneHu) -> list[Finding]:
    """Say whether bone is too soft or too hard, from two percentiles of its HU."""
    found = []
    whose = "in its model's training CTs" if usual.cts else "in real heads"
    for what, value, (least, most) in (
        ("half", median, usual.median),
        ("nine tenths", high, usual.high),
    ):
        if not least <= value <= most:
            how = "softer" if value < least else "harder"
            found.append(
                doubt(
                    "bone-hu",
                    f"{what} of the bone lies below {value:.0f} HU, {least:.0f} to {most:.0f} is "
                    f"usual: it is {how} than {whose}, which also affects doses and sound",
                )
            )
    return found


def hole_findings(vault: Vault, bare: list[Array], areas: list[float]) -> list[Finding]:
    """Say where the vault has holes, from groups of rays and their areas (cm2)."""
    large = [n for n, area in enumerate(areas) if area > LARGEST_HOLE_CM2]
    if not large:
        return []
    first = bare[large[0]]
    where = vault.directions[first].mean(axis=0)
    side = ("left" if where[0] < 0 else "right") if abs(where[0]) > 0.2 else "middle"
    place = "front" if where[1] > 0.35 else "back" if where[1] < -0.35 else "top"
    return [
        doubt(
            "hole",
            f"{len(large)} places in the vault have no bone, the largest {areas[large[0]]:.1f} cm2 "
            f"at the {place}, {side} ({LARGEST_HOLE_CM2:g} cm2 at most are usual): real after "
            "surgery, otherwise an error of the translation",
        )
    ]


def temple_findings(parts: tuple[float, float]) -> list[Finding]:
    """Say whether the temples have no bone, from the parts of right and left that have none."""
    if not any(part > MOST_OPEN_TEMPLE for part in parts):
        return []
    return [
        doubt(
            "temple",
            f"{parts[0]:.0%} of the right temple and {parts[1]:.0%} of the left have no bone, "
            "which real heads have everywhere: thin bone was lost, as happens with thick slices",
        )
    ]


def shape_findings(
    thickness: float, mm: tuple[float, float], hu: tuple[float, float]
) -> list[Finding]:
    """Say whether the vault is too thin or thick (mm), or unlike on its sides (mm, HU)."""
    found = []
    if not THICKNESS_MM[0] <= thickness <= THICKNESS_MM[1]:
        found.append(
            doubt(
                "thickness",
                f"the vault is {thickness:.1f} mm thick in the median, {THICKNESS_MM[0]:g} to "
                f"{THICKNESS_MM[1]:g} is usual in adults",
            )
        )
    unlike = abs(mm[0] - mm[1]) > MOST_UNLIKE_SIDES * max(sum(mm) / 2, 1.0)
    if unlike or abs(hu[0] - hu[1]) > MOST_UNLIKE_HU:
        found.append(
            doubt(
                "sides",
                f"the vault's sides differ: {mm[0]:.1f} mm of {hu[0]:.0f} HU on the right, "
                f"{mm[1]:.1f} mm of {hu[1]:.0f} HU on the left; heads are symmetric to about 10 "
                "%: a bias field in the MR, or pathology",
            )
        )
    return found


def place_findings(air_ml: float, bone_ml: float, wall_cm2: float) -> list[Finding]:
    """Say whether there is air or bone where there is none."""
    found = []
    if air_ml > MOST_BRAIN_AIR_ML:
        found.append(
            doubt("air-in-brain", f"{air_ml:.1f} ml of air are inside the skull, none is usual")
        )
    if bone_ml > MOST_BRAIN_BONE_ML:
        found.append(
            doubt(
                "bone-in-brain",
                f"{bone_ml:.1f} ml inside the skull are above 200 HU, {MOST_BRAIN_BONE_ML:g} ml at "
                "most are usual (calcified plexus and falx): dark ventricles or vessels in the MR "
                "were mistaken for bone",
            )
        )
    if wall_cm2 > MOST_WALL_AIR_CM2:
        found.append(
            doubt(
                "air-in-vault",
                f"{wall_cm2:.1f} cm2 of the vault's wall hold air without connection to nose or "
                "ears: dark bone in the MR was mistaken for air",
            )
        )
    return found


def doubt(kind: str, sentence: str) -> Finding:
    """Return a finding that makes a synthetic CT doubtful."""
    return Finding("doubtful", kind, sentence, SCT)
