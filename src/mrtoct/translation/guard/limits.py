"""How far a number of a new scan may lie outside the range of the training subjects.

The margins were chosen on phantoms in which nothing was changed, or only what does no harm:
docs/guard.md says what they catch and what they let pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mrtoct.check.finding import Finding
from mrtoct.check.head import cut_at, cut_top
from mrtoct.translation.guard.look import Look
from mrtoct.translation.guard.quality import CORRECT
from mrtoct.translation.guard.seen import Range


@dataclass(frozen=True)
class Limit:
    """One side of the allowed range of a number, and what is said beyond it.

    The margin is the largest of an absolute one, a part of that end of the training's range, and
    half of the range's length.
    """

    number: str
    """As `look.measure` names it."""
    above: bool
    kind: str
    what: str
    """What was seen, with {} for the value and its unit."""
    unit: str
    absolute: float
    part: float
    means: str
    """What the cause may be and what to do."""

    def end(self, span: Range) -> float:
        """Return the last value that is still allowed after a training's range."""
        low, high = span
        end = high if self.above else low
        margin = max(self.absolute, self.part * end, (high - low) / 2)
        return end + margin if self.above else end - margin


_SIZE = "a wrong voxel spacing, a child, another part of the body, or a brain without its skull?"
_LOW = "the model was not trained below that; do not trust the synthetic CT there"
_SHORT = "the lower part or the vertex is out of view; do not trust the outermost slices"
_DRIFT = "the brightness drifts across the head"
_AIR = "noise, motion ghosts or wrap-around; check the scan"
_NOISE = "the scan is noisy, which affects the synthetic CT; use a better scan"
_SOFT = "it is blurred by motion, smoothing or resampled thick slices; use the original scan"
_WIDE, _LONG = "the head is {} wide", "the head is {} long"
_REACH = "the head is in view down to {} below its top"
_STEP = "a voxel differs from the mean of its neighbours by {}"

LIMITS = (
    Limit("width", True, "head-size", _WIDE, "mm", 15.0, 0, _SIZE),
    Limit("width", False, "head-size", _WIDE, "mm", 15.0, 0, _SIZE),
    Limit("length", True, "head-size", _LONG, "mm", 18.0, 0, _SIZE),
    Limit("length", False, "head-size", _LONG, "mm", 18.0, 0, _SIZE),
    Limit("reach", True, "reach", _REACH, "mm", 25.0, 0, _LOW),
    Limit("reach", False, "reach", _REACH, "mm", 25.0, 0, _SHORT),
    Limit("unevenness", True, "uneven", "the signal of the brain's parts differs by {}",
          "of its median", 0.1, 0, _DRIFT),
    Limit("background", True, "background", "the mean signal in the air is {}",
          "of the brain's", 0.03, 0, _AIR),
    Limit("noise", True, "noise", _STEP, "of the brain's signal", 0.02, 0.8, _NOISE),
    Limit("noise", False, "blurred", _STEP, "of the brain's signal", 0, 0.4, _SOFT),
    Limit("detail", False, "blurred", "the signal changes over two voxels by {}",
          "of the brain's", 0, 0.3, _SOFT),
)  # fmt: skip

CUT_CM2 = 15.0
"""More area of the head on a side of the view than in the training's range, or half its length."""
COARSER = 1.5
"""Times the coarsest voxel spacing of the training scans: slices half as thick again are new."""


def beyond(numbers: Mapping[str, float], ranges: Mapping[str, Range], scan: str) -> list[Finding]:
    """Return a finding for each limit that a number lies beyond, one of a kind."""
    found: list[Finding] = []
    for limit in LIMITS:
        value, span = numbers[limit.number], ranges[limit.number]
        end = limit.end(span)
        if value <= end if limit.above else value >= end:
            continue
        if limit.kind in {finding.kind for finding in found}:
            continue
        seen = limit.what.format(f"{value:.3g} {limit.unit}")
        sentence = f"{seen}, {_trained(span)}: {limit.means}"
        way_out = CORRECT if limit.kind == "uneven" else None
        found.append(Finding("doubtful", limit.kind, sentence, scan, way_out))
    return found


def cut_beyond(look: Look, ranges: Mapping[str, Range], scan: str) -> list[Finding]:
    """Return where a head is cut more than the training's were."""
    found = []
    for side, area in look.cut_cm2.items():
        low, high = span = ranges[f"cut {side}"]
        if side == "bottom" or area <= high + max(CUT_CM2, (high - low) / 2):
            continue
        if side == "top":
            found.append(cut_top(look.top_cut, "doubtful", scan))
        else:
            found.append(cut_at({side: area}, _trained(span), scan))
    return found


def _trained(span: Range) -> str:
    """Say what a number was in training."""
    low, high = (f"{edge:.3g}" for edge in span)
    return f"in the training MR {low if low == high else f'{low} to {high}'}"


def check_spacing(
    spacing: tuple[float, float, float], scanned: Range | None, scan: str
) -> list[Finding]:
    """Return a finding if voxels (mm) are far coarser than any of the training scans'."""
    if scanned is None or max(spacing) <= COARSER * scanned[1]:
        return []
    voxel = " x ".join(f"{s:.3g}" for s in spacing)
    return [
        Finding(
            "doubtful",
            "coarse",
            f"its voxels are {voxel} mm, in the training MR {scanned[1]:.3g} mm was the coarsest: "
            "detail in between is guessed; use a finer scan, or a model trained on such scans",
            scan,
        )
    ]
