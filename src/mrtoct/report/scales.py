"""From which to which value a picture goes at first, by what its values are."""

from __future__ import annotations

import numpy as np

from mrtoct.volume import Array, Unit

BONE_FIRST = "Bone"
"""The CT window of a first look: a skull is what decides, and soft tissue still shows in it."""
DEVIATION_LIMITS_HU = (20, 50, 100, 200, 400, 600, 1000)
"""Up to where the colours of a standard deviation may go."""
SATURATED = 0.01
"""Part of the voxels with a deviation that may lie above their scale."""
MAP_WINDOWS: dict[Unit, tuple[float, float]] = {
    "kg/m3": (800.0, 2000.0),
    "1": (0.8, 1.8),
    "1/cm": (0.0, 0.16),
    "m/s": (1400.0, 3200.0),
}
"""From below water to cortical bone; maps in other units go from their lowest to their highest."""
WRITTEN: dict[Unit, str] = {
    "HU": "HU", "kg/m3": "kg/m³", "1": "relative to water", "1/cm": "1/cm", "m/s": "m/s",
    "dB/cm": "dB/cm", "dB/(MHz^y cm)": "dB/(MHz^y cm)", "Gy": "Gy",
}  # fmt: skip
"""Units as a picture's scale writes them; signal and labels have none."""


def deviation_limit(deviations: Array) -> float:
    """Return the least scale (HU) that holds all but a hundredth of the deviations above 0."""
    seen = deviations[deviations > 0]
    if not seen.size:
        return float(DEVIATION_LIMITS_HU[2])
    wanted = float(np.quantile(seen, 1 - SATURATED))
    return float(next((n for n in DEVIATION_LIMITS_HU if n >= wanted), DEVIATION_LIMITS_HU[-1]))
