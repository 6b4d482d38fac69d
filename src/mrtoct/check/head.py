"""Where the head lies in its field of view: is it whole, of a head's size, upright, face up?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mrtoct.check.finding import Finding, Weight
from mrtoct.volume import SIDES, Array, Volume

WIDTHS_MM, LENGTHS_MM = (120.0, 215.0), (140.0, 265.0)
"""Right to left (with ears) and back to front (with the nose) of heads from children's to the
largest; the middle range of adults is 140 to 165 and 175 to 215. Infants are smaller."""
INFANT_MM = 80.0
MOST_CUT_CM2 = 30.0
"""Skin that may lie on a side of the field of view: ears and the tip of the nose, 15 in a usual T1
and 19 at most in real scans; 5 mm off a head are more."""
SMALL_TOP_CUT, MOST_TOP_CUT = 0.12, 0.42
"""Section of the head on the topmost slice, by the largest: worth a note, and doubtful. A scan that
starts 15 mm below the vertex has 0.3, as RIRE's do, 20 mm 0.4."""
UNSEEN = "what was not measured is missing from a synthetic CT and cannot be learnt"
VAULT_MM = 90.0
"""From the vertex down to the largest section."""
AIR_HU, LEAST_AIR_ML = -400.0, 3.0
"""Cavities inside the head: sinuses, nose, mouth, pharynx; 5 ml above the orbits, 70 with all."""
FACING_MM = 10.0
"""How far the air in the head lies in front of the head's middle, with its sign turned; on
phantoms it was 39 to 56 mm in front."""


@dataclass(frozen=True)
class HeadFacts:
    """A head mask, measured."""

    width_mm: float
    """Right to left."""
    length_mm: float
    """Back to front."""
    height_mm: float
    """Foot to head, as far as it is in view."""
    cut_cm2: dict[str, float]
    """Area of the head on each side of the field of view, by direction."""
    cut: dict[str, float]
    """The same by the head's largest section parallel to that side."""

    @property
    def sides_cut(self) -> list[str]:
        """The directions but top and bottom in which much of the head is out of view."""
        return sides_cut(self.cut_cm2)

    def with_cuts(self, cut_cm2: Mapping[str, float]) -> HeadFacts:
        """Return the facts with more area (cm2) cut off, inside the grid and not at its end."""
        largest = np.pi / 4 * self.width_mm * self.length_mm / 100
        return replace(
            self,
            cut_cm2={s: round(area + cut_cm2[s], 1) for s, area in self.cut_cm2.items()},
            cut={s: round(part + cut_cm2[s] / largest, 3) for s, part in self.cut.items()},
        )


def measure_head(head: Volume) -> HeadFacts:
    """Measure a head mask (boolean, on any grid)."""
    mask, grid = head.voxels, head.grid
    places = np.argwhere(mask)
    points = grid.to_world(places[:: max(len(places) // 50_000, 1)])
    # A stray voxel at the rim is no extent.
    low, high = np.percentile(points, (0.05, 99.95), axis=0)
    area, part = {}, {}
    for side, (axis, sign) in SIDES.items():
        directions = grid.affine[axis, :3] / grid.spacing
        index = int(np.argmax(np.abs(directions)))
        last = directions[index] * sign > 0
        sections = mask.sum(axis=tuple(a for a in range(3) if a != index))
        pixel = grid.voxel_volume / grid.spacing[index]
        area[side] = round(float(sections[-1 if last else 0]) * pixel / 100, 1)
        part[side] = round(float(sections[-1 if last else 0] / sections.max()), 3)
    width, length, height = (round(float(v), 1) for v in high - low)
    return HeadFacts(width, length, height, area, part)


def check_head(facts: HeadFacts, scan: str) -> list[Finding]:
    """Return what is odd about a head's size, position and completeness."""
    turned = _axis(facts, scan)
    if turned:
        return [turned]
    found = check_cut(facts.cut_cm2, facts.cut["top"], scan)
    size = _size(facts, scan)
    return [*found, size] if size else found


def sides_cut(cut_cm2: Mapping[str, float]) -> list[str]:
    """Return the directions but top and bottom in which much of a head (cm2) is out of view."""
    return [s for s in ("right", "left", "front", "back") if cut_cm2[s] > MOST_CUT_CM2]


def check_cut(cut_cm2: Mapping[str, float], top: float, scan: str) -> list[Finding]:
    """Return where a head is cut: by its area on each side, and the top's by the largest section's.

    What goes on at the bottom is the neck.
    """
    found = []
    sides = {side: cut_cm2[side] for side in sides_cut(cut_cm2)}
    if sides:
        found.append(cut_at(sides, f"{MOST_CUT_CM2:.0f} at most is usual", scan))
    if top > SMALL_TOP_CUT:
        found.append(cut_top(top, "doubtful" if top > MOST_TOP_CUT else "note", scan))
    return found


def cut_at(sides_cm2: Mapping[str, float], usual: str, scan: str) -> Finding:
    """Say that a head is cut at some sides, and which area there is usual."""
    named = {"front": "front, through the face,"}
    places = " and ".join(
        f"at the {named.get(side, side)} ({area:.0f} cm2 of it lie there, {usual})"
        for side, area in sides_cm2.items()
    )
    return Finding(
        "doubtful",
        "cut",
        f"the field of view cuts the head {places}: {UNSEEN}, and its surroundings are doubtful; "
        "use a scan of the whole head",
        scan,
    )


def cut_top(part: float, weight: Weight, scan: str) -> Finding:
    """Say that the top of a head is out of view: a section of this part of the largest is left."""
    missing = VAULT_MM * (1 - np.sqrt(max(1 - part, 0.0)))
    return Finding(
        weight,
        "top-missing",
        f"the top of the head, about {missing:.0f} mm, is out of view: {UNSEEN}; do not trust the "
        "uppermost slices",
        scan,
    )


def _axis(facts: HeadFacts, scan: str) -> Finding | None:
    """Find where the neck is: a head goes on there and ends everywhere else."""
    cut = facts.cut
    neck = max(cut, key=lambda side: cut[side])
    if cut["bottom"] >= 0.1 and not (neck == "top" and cut["bottom"] < 0.5 * cut["top"]):
        return None
    if cut[neck] > 0.25 and neck != "bottom":
        how = "upside down" if neck == "top" else "lying on its side"
        return Finding(
            "doubtful",
            "not-upright",
            f"the head continues at the {neck} of the field of view ({cut[neck]:.0%} of its "
            "largest "
            f"section) and hardly at the bottom ({cut['bottom']:.0%}), where the neck should be: "
            f"it is {how}; correct the orientation, often lost when files are converted",
            scan,
        )
    return Finding(
        "doubtful",
        "no-neck",
        "the object ends inside the field of view on all sides, but a head continues at the neck: "
        "is it a head, was it masked, is it on its side?",
        scan,
    )


def _size(facts: HeadFacts, scan: str) -> Finding | None:
    cut = set(facts.sides_cut)
    width, length = facts.width_mm, facts.length_mm
    seen = f"the head is {width:.0f} mm wide and {length:.0f} mm long"
    usual = (
        f"{WIDTHS_MM[0]:.0f} to {WIDTHS_MM[1]:.0f} and {LENGTHS_MM[0]:.0f} to "
        f"{LENGTHS_MM[1]:.0f} mm are usual"
    )
    if width > WIDTHS_MM[1] or length > LENGTHS_MM[1]:
        why = "is the voxel spacing wrong, or is this another part of the body?"
    elif min(width, length) < INFANT_MM:
        why = "is the voxel spacing wrong, or is there no head?"
    elif (width < WIDTHS_MM[0] and not cut & {"left", "right"}) or (
        length < LENGTHS_MM[0] and not cut & {"front", "back"}
    ):
        why = "an infant, a wrong voxel spacing, or a brain without its skull?"
    else:
        return None
    return Finding("doubtful", "head-size", f"{seen}; {usual}: {why}", scan)


def check_facing(ct: Volume, head: Array) -> list[Finding]:
    """Return a finding if the air cavities inside the head (I, J, K) do not lie in its front."""
    air = np.argwhere((ct.voxels < AIR_HU) & head)
    if len(air) * ct.grid.voxel_volume < 1000 * LEAST_AIR_ML:
        return []
    middle = ct.grid.to_world(np.argwhere(head)[::7]).mean(axis=0)
    beside, ahead, _ = ct.grid.to_world(air).mean(axis=0) - middle
    if ahead > -FACING_MM and abs(beside) < 3 * FACING_MM:
        return []
    where = (
        f"{-ahead:.0f} mm behind" if ahead <= -FACING_MM else f"{abs(beside):.0f} mm to one side of"
    )
    return [
        Finding(
            "doubtful",
            "not-facing",
            f"the air inside the head lies {where} its middle; nose, sinuses and throat are in "
            "front: back and front, or sides, are exchanged; correct the orientation",
            "CT",
        )
    ]
