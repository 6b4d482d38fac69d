"""Is an MR of any contrast fine, quiet and even enough?

Limits follow the training's heads within bounds that hold for any head MR: what some training heads
lack by chance is no fault of a scan, and a training that saw spoilt scans does not make them good.
"""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding, Weight
from mrtoct.translation.guard.look import Look
from mrtoct.translation.guard.seen import Range, SeenChannel

THICK_MM, WIDE_MM = 7.5, 2.5
"""Thickest slice, and widest voxel in plane."""
NOISE, RAMP, BACKGROUND = (0.06, 0.10), (7.0, 12.0), (0.15, 0.2)
"""Bounds of the limits: whatever the training was, less is passed and more is found. In the air
noise shows best, as 1.25 of its deviation: 10 % of the brain's signal pass, 20 % do not."""
NOTED_RAMP = 3.5
"""Coils make a factor of 3 in good scans; the training goes up to 5."""
SLACK = 1.25
"""Times the upper end of the training's range."""
CORRECT = ("bias_correct", "to correct the bias field first")
"""The way out where the brightness is uneven."""


def check_coarse(spacing: tuple[float, float, float], scan: str) -> list[Finding]:
    """Return a finding if voxels (mm) are coarser than simulated training scans are."""
    _, wide, thick = sorted(spacing)
    if thick <= THICK_MM and wide <= WIDE_MM:
        return []
    voxel = " x ".join(f"{s:.3g}" for s in spacing)
    return [
        Finding(
            "doubtful",
            "coarse",
            f"its voxels are {voxel} mm: the model was trained on slices up to 7 mm and "
            f"{WIDE_MM:g} mm in plane; detail in between is guessed; use a finer scan",
            scan,
        )
    ]


def check_quality(look: Look, channel: SeenChannel, scan: str) -> list[Finding]:
    """Return what is said of noise, drift of the brightness and signal in the air."""
    numbers, ranges = look.numbers, channel.numbers
    noise, air = numbers["noise"], numbers["background"]
    mild = numbers["ramp"] <= _limit(ranges.get("ramp"), RAMP)
    means = "the model was trained for up to 5" + (", so it is acceptable" if mild else "")
    found = check_drift(numbers["ramp"], scan, means, weight="note" if mild else "doubtful")
    most, most_air = (
        _limit(ranges.get("noise"), NOISE),
        _limit(ranges.get("background"), BACKGROUND),
    )
    if noise > most or air > most_air:
        found.append(
            Finding(
                "doubtful",
                "noise",
                f"the air holds {air:.2g} of the brain's signal, and a voxel differs from the mean "
                f"of its neighbours by {noise:.2g}: noise, motion ghosts or wrap-around, which "
                "affect the synthetic CT; use a better scan",
                scan,
            )
        )
    return found


def check_drift(
    ramp: float,
    scan: str,
    means: str = "up to 3 is usual in good scans",
    *,
    usual: float = 0.0,
    weight: Weight = "doubtful",
) -> list[Finding]:
    """Return a finding if the brightness drifts by more than in good scans, and than is usual."""
    if ramp <= max(NOTED_RAMP, SLACK * usual):
        return []
    said = f"its brightness drifts by a factor of {ramp:.2g} across the head: {means}"
    return [Finding(weight, "uneven", said, scan, CORRECT)]


def _limit(span: Range | None, bounds: tuple[float, float]) -> float:
    """Return a limit after the training's range, within its bounds."""
    return float(np.clip(SLACK * span[1] if span else 0.0, *bounds))
