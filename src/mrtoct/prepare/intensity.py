"""Intensities the network sees: CT by a fixed HU window, MR by robust percentiles of the head.

The same functions serve preparation, training and translation, and their settings travel in the
bundle: what a network is fed never depends on which of them ran.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume import AIR_HU, Array, Volume, require_signal

MOST_HU = 32767.0
"""A synthetic CT is stored in 16 bits."""


@dataclass(frozen=True)
class HuWindow:
    """A fixed window of the CT, known for every patient, so that its inverse is too."""

    low: float = -1024.0
    """HU that becomes 0."""
    high: float = 3071.0
    """HU that becomes 1."""

    def __post_init__(self) -> None:
        if not -MOST_HU <= self.low < self.high <= MOST_HU:
            raise ValueError(
                f"low must be below high, both within -{MOST_HU:g} to {MOST_HU:g} HU, got "
                f"{self.low} to {self.high}"
            )

    def normalise(self, hu: Array) -> Array:
        """Map HU to [0, 1] as float32, clipped."""
        scaled = (np.asarray(hu, dtype=np.float32) - self.low) / (self.high - self.low)
        return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)

    def to_hu(self, values: Array) -> Array:
        """Map [0, 1] back to HU as float32, clipped to the window."""
        return np.asarray(np.clip(values, 0, 1) * (self.high - self.low) + self.low, np.float32)


def checked_ct(ct: Volume) -> Volume:
    """Return the CT with padding below -1024 HU raised to it; ValueRangeError if it is no HU."""
    require_signal(ct, "CT")
    low, high = float(ct.known.min()), float(ct.known.max())
    if low > -500:
        raise ValueRangeError(
            f"the CT's lowest value is {low:g}; in HU the air around a head is near -1000 "
            "(was a rescale intercept left out?)"
        )
    if high < 300:
        raise ValueRangeError(f"the CT's highest value is {high:g} HU; a skull is above 300")
    return ct.with_voxels(np.maximum(ct.voxels, np.asarray(AIR_HU, ct.voxels.dtype)))


def from_zero(mr: Volume) -> Volume:
    """Return an MR as float32, moved up to 0 if it goes below: 0 stands for no signal.

    Exports as z-scores or with an offset do; what was not measured is 0.
    """
    voxels = np.asarray(mr.voxels, dtype=np.float32) - min(float(mr.known.min()), 0.0)
    return mr.with_voxels(voxels if mr.measured is None else np.where(mr.measured, voxels, 0))


@dataclass(frozen=True)
class MrScaling:
    """Percentiles of the MR inside the head that become 0 and 1."""

    low_percentile: float = 1.0
    high_percentile: float = 99.0
    ceiling: float = 1.5
    """Brighter voxels (vessels, coil hot spots) are clipped here, after scaling."""

    def __post_init__(self) -> None:
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise ValueError(
                "low_percentile must be below high_percentile, both within 0 to 100, got "
                f"{self.low_percentile} and {self.high_percentile}"
            )
        if not 1 <= self.ceiling <= 100:
            raise ValueError(f"ceiling must be 1 to 100, got {self.ceiling}")

    def measure(self, mr: Array, head: Array) -> tuple[float, float]:
        """Return the MR values (low, high) of the two percentiles inside the head mask."""
        inside = np.asarray(mr[head], dtype=np.float32)
        if inside.size == 0:
            raise ValueRangeError("the head mask is empty, so the MR cannot be scaled")
        low, high = np.percentile(inside, (self.low_percentile, self.high_percentile))
        if not high > low:
            raise ValueRangeError(f"the MR is constant ({low:g}) inside the head")
        return float(low), float(high)

    def apply(self, mr: Array, head: Array) -> Array:
        """Return an MR as the network sees it: in [0, ceiling] as float32, 0 outside the head."""
        low, high = self.measure(mr, head)
        return self.normalise(mr, head, low, high)

    def normalise(self, mr: Array, head: Array, low: float, high: float) -> Array:
        """Map MR to [0, ceiling] as float32, 0 outside the head, by a range that is known."""
        scaled = (np.asarray(mr, dtype=np.float32) - low) / (high - low)
        return np.asarray(np.where(head, np.clip(scaled, 0, self.ceiling), 0), dtype=np.float32)
