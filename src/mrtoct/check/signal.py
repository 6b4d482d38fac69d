"""Is an MR plausible: no CT, a dark background, neither cut nor coarsened nor negative?"""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.check.hounsfield import is_hu, moved_hu
from mrtoct.check.values import Peaks, find_peaks
from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array, Volume

MOST_SATURATED = 0.005
"""Part of the head that holds the highest value; below 0.0001 in every scan looked at."""
FEWEST_LEVELS = 64
"""Different values inside the head: scanners give hundreds, an 8-bit picture up to 256."""
BRIGHT_BACKGROUND = 0.5
"""Median at the sides of the field of view, where air is, by that of the head."""


def check_modality(mr: Volume, peaks: Peaks, scan: str) -> list[Finding]:
    """Return a finding if the MR is really a CT."""
    if is_hu(peaks):
        return [
            Finding(
                "unusable",
                "looks-like-ct",
                f"holds HU (air at {peaks.background:.0f}, soft tissue at {peaks.body:.0f}): it "
                "is a CT; give the MR",
                scan,
            )
        ]
    offset = moved_hu(peaks)
    if offset in (1024, 1000) and mr.voxels.min() >= 0:
        return [
            Finding(
                "doubtful",
                "looks-like-ct",
                f"looks like a CT with HU shifted by {offset} (background at "
                f"{peaks.background:.0f}, {peaks.narrow:.0%} of the body near "
                f"{peaks.body:.0f}; an MR's values spread more): was the wrong file named mr?",
                scan,
            )
        ]
    return []


def require_mr(mr: Volume, kind: str, **ways_out: str) -> list[str]:
    """Raise ValueRangeError for what holds HU, and return why a scan may be a CT all the same.

    A CT that was named by mistake makes nonsense of what follows. kind names the scan in the
    messages; ways_out are the error's.
    """
    findings = check_modality(mr, find_peaks(mr.voxels), kind)
    for finding in findings:
        if finding.weight == "unusable":
            raise ValueRangeError(f"the {kind} {finding.sentence}", **ways_out)
    return [f"the {kind} {finding.sentence}" for finding in findings]


def check_signal_range(mr: Volume, head: Array, scan: str) -> list[Finding]:
    """Return what is odd about an MR's values, given its head mask (I, J, K)."""
    inside = mr.voxels[head]
    low, high = float(mr.voxels.min()), float(mr.voxels.max())
    found = []
    if low < 0:
        found.append(
            Finding(
                "doubtful",
                "negative",
                f"its values run from {low:.3g} to {high:.3g}, as z-scores do; signal is never "
                "negative. The lowest is taken as no signal: preferably export the scanner's "
                "values",
                scan,
            )
        )
    saturated = float(np.mean(inside == high))
    if saturated > MOST_SATURATED:
        found.append(
            Finding(
                "doubtful",
                "saturated",
                f"{saturated:.1%} of the head has the highest value, {high:g}, hardly any is "
                "usual: bright tissue was clipped; export the full range",
                scan,
            )
        )
    levels = np.unique(inside[:: max(inside.size // 200_000, 1)]).size
    if levels < FEWEST_LEVELS:
        found.append(
            Finding(
                "doubtful",
                "few-values",
                f"the head has only {levels} different values, scans have hundreds: it is a "
                "quantised image or a segmentation; export the scanner's values",
                scan,
            )
        )
    sides = np.concatenate(
        [mr.voxels[[0, -1]].ravel(), mr.voxels[:, [0, -1]].ravel()], dtype=np.float32
    )
    background = float(np.median(sides)) - low
    tissue = float(np.median(inside)) - low
    if background > BRIGHT_BACKGROUND * tissue:
        found.append(
            Finding(
                "doubtful",
                "bright-background",
                f"its sides are as bright ({background + low:.4g}) as the head "
                f"({tissue + low:.4g}); air is dark: is it inverted, or is the field of view "
                "smaller than the head?",
                scan,
            )
        )
    return found
