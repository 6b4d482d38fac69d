"""Is a CT really in HU? Air and soft tissue each have one value, and bone lies far above.

In HU air is -1000 and a head's soft tissue 20 to 60, about 1040 apart; fat is near -100 and bone
above 300. The body's peak is narrow and bone reaches far beyond it: on heads 56 to 67 % of the
body's voxels lay within 8 % of that distance around the peak, and 12 to 18 % beyond its half.
In MR it is one or the other: T1 and T2 are wide (18 to 33 %), PD is narrow (51 to 59 %) but
nothing is far brighter (0.0 %).
"""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.check.values import Peaks, find_peaks
from mrtoct.volume import Array, Volume

DISTANCES = (850.0, 1250.0)
"""From air or its padding (-1000, -1024) to fat (-100) or soft tissue, widened."""
AIR_HU = (-1150.0, -850.0)
BODY_HU = (-150.0, 120.0)
"""Where the most frequent value of a body is: fat to contrast-filled tissue."""
NARROW = 0.45
LEAST_TAIL = 0.02
"""Part of the body near its peak and far above it, from which on it is a CT; see above."""
OFFSETS = (1024, 1000, -1024, -1000)
"""Moves of the whole scale that occur: the intercept left out or applied twice."""
LEAST_BONE = 0.03
"""Part of the head above 300 HU: 0.18 to 0.24 on phantoms, less in infants; 0.026 in meat."""
MOST_CUT_BONE = 0.02
"""Part of the bone that holds the very highest value; metal and enamel are less."""
NO_FAT_HU = -50.0
"""Nothing darker: neither air nor fat."""
CROWDED = 0.01
"""Part of all voxels that hold the lowest or the highest value, after clipping to a window."""
FULL_RANGE_HU = 2900.0
"""Scales that reach this are not cut short: 12 bits end at 3071."""


def is_hu(peaks: Peaks) -> bool:
    """Tell whether two peaks lie where air and soft tissue do in HU."""
    return (
        AIR_HU[0] <= peaks.background <= AIR_HU[1]
        and BODY_HU[0] <= peaks.body <= BODY_HU[1]
        and DISTANCES[0] <= peaks.distance <= DISTANCES[1]
    )


LEAST_OFFSET = 500
"""HU by which values are moved by an offset of their file, not by a poor synthesis."""


def moved_hu(peaks: Peaks) -> int | None:
    """Return by how much HU were moved up, None if these are not HU moved."""
    if not DISTANCES[0] <= peaks.distance <= DISTANCES[1] or not _looks_like_ct(peaks):
        return None
    shift = peaks.body - 35
    likely = min(OFFSETS, key=lambda offset: abs(offset - shift))
    return likely if abs(likely - shift) < 160 else round(shift)


def check_scale(ct: Volume, peaks: Peaks) -> list[Finding]:
    """Return why the values cannot be HU, nothing if they can."""
    if is_hu(peaks):
        return []
    low, high = float(ct.voxels.min()), float(ct.voxels.max())
    seen = f"background at {peaks.background:.4g}, body at {peaks.body:.4g}"
    usual = "in HU air is at -1000 and soft tissue at 20 to 60"
    offset = moved_hu(peaks)
    kind = "no-hu"
    if offset is not None:
        kind = "moved-hu"
        way = "up" if offset > 0 else "down"
        do = "subtract" if offset > 0 else "add"
        what = (
            f"looks like HU shifted {way} by about {abs(offset)} ({seen}; {usual}): the rescale "
            f"intercept was {'left out' if offset > 0 else 'applied twice'}; convert it again, "
            f"or {do} {abs(offset)}"
        )
    elif low >= -1.5 and high <= 1.5:
        kind = "normalised"
        what = (
            f"its values run from {low:.3g} to {high:.3g}, scaled for a network; {usual}: export "
            "the scanner's values"
        )
    elif not _looks_like_ct(peaks) and low > -900 and not _is_cut(ct.voxels, low):
        kind = "looks-like-mr"
        what = (
            f"looks like an MR ({seen}; {usual}, most of a head is near that and bone far above): "
            "was the wrong file named ct?"
        )
    elif low > -900 and _is_cut(ct.voxels, low):
        kind = "window"
        what = (
            f"its values are clipped to a window from {low:g} to {high:g} ({seen}; {usual}): "
            "export "
            "the full range"
        )
    else:
        what = (
            f"its values are not HU ({seen}; {usual}): were they scaled? Export the scanner's "
            "values with slope and intercept applied"
        )
    return [Finding("unusable", kind, what, "CT")]


def why_not_hu(ct: Volume) -> str | None:
    """Say why a CT, real or synthetic, whole or a part of one, cannot be in HU; None if it can."""
    low, high = float(ct.known.min()), float(ct.known.max())
    if low >= 0:
        return (
            f"values run from {low:g} to {high:g}; in HU air is near -1000 and fat below 0 (was a "
            "rescale intercept left out?)"
        )
    # A part may lack air or bone, as may a poor synthetic CT: other findings do not prove a scale.
    peaks = find_peaks(ct.voxels)
    proof = {"normalised", *(["looks-like-mr"] if low > NO_FAT_HU else [])}
    if abs(moved_hu(peaks) or 0) >= LEAST_OFFSET:
        proof.add("moved-hu")
    found = [f.sentence for f in check_scale(ct, peaks) if f.kind in proof]
    return found[0] if found else None


def check_bone(ct: Volume, head: Array) -> list[Finding]:
    """Return what is odd about bone inside the head (I, J, K) of a CT in HU."""
    inside = ct.voxels[head]
    bone = inside[inside > 300]
    found = []
    if bone.size < LEAST_BONE * inside.size:
        found.append(
            Finding(
                "doubtful",
                "little-bone",
                f"{bone.size / inside.size:.1%} of the body is bone (above 300 HU), 10 to 25 % "
                "of a head is usual: not a head, or clipped or scaled values",
                "CT",
            )
        )
    highest = float(ct.voxels.max())
    cut = float(np.mean(bone == highest)) if bone.size else 0.0
    if highest < FULL_RANGE_HU and cut > MOST_CUT_BONE:
        found.append(
            Finding(
                "doubtful",
                "cut-bone",
                f"{cut:.0%} of the bone has the highest value, {highest:g} HU: the values are "
                "clipped to a window; a scanner's reach 3071 HU: export the full range",
                "CT",
            )
        )
    return found


def _looks_like_ct(peaks: Peaks) -> bool:
    return peaks.narrow >= NARROW and peaks.tail >= LEAST_TAIL


def _is_cut(voxels: Array, low: float) -> bool:
    """Tell whether both ends of the values are crowded, as after clipping to a window."""
    ends = (low, float(voxels.max()))
    return all(np.mean(voxels == end) > CROWDED for end in ends)
