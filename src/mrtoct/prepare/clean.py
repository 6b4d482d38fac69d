"""Which transverse slices cannot teach: found from the MR's coverage, recorded with the reason.

The paper's authors looked through their volumes and dropped the end slices by hand (2157 became
2020). Those slices are where the moved MR, of fewer or shorter slices, does not reach the CT.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.volume import Array


@dataclass(frozen=True)
class CleanSettings:
    """When a slice is dropped."""

    min_coverage: float = 0.95
    """Least fraction of a slice's head that the MR must cover."""
    min_head_area_mm2: float = 400.0
    """Least area of head in a slice, in square mm."""


@dataclass(frozen=True)
class DroppedSlice:
    """A transverse slice left out of training."""

    slice: int
    reason: str


def find_bad_slices(
    head: Array, covered: Array, pixel_area_mm2: float, settings: CleanSettings = CleanSettings()
) -> list[DroppedSlice]:
    """Return the slices (along K) to drop, from the head mask and the MR coverage (I, J, K)."""
    head_pixels = head.sum(axis=(0, 1))
    covered_pixels = (head & covered).sum(axis=(0, 1))
    dropped = []
    for k, (total, seen) in enumerate(zip(head_pixels, covered_pixels, strict=True)):
        area = float(total) * pixel_area_mm2
        if area < settings.min_head_area_mm2:
            dropped.append(
                DroppedSlice(
                    k, f"{area:.0f} mm2 of head, {settings.min_head_area_mm2:.0f} are needed"
                )
            )
        elif seen < settings.min_coverage * total:
            dropped.append(
                DroppedSlice(
                    k,
                    f"the MR covers {np.floor(100 * seen / total):.0f} % of the head, "
                    f"{100 * settings.min_coverage:.0f} % are needed",
                )
            )
    return dropped
