"""Dose-volume histograms, and the few numbers by which plans are told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array, Volume, require_same_grid

CURVE_STEPS = 200
"""Of a curve, up to its highest dose."""


@dataclass(frozen=True)
class DoseVolume:
    """A structure's dose in numbers; Dx is what x % of its volume gets at least (ICRU 83)."""

    mean_gy: float
    d98_gy: float
    d95_gy: float
    d2_gy: float
    v95_percent: float
    """Part of the volume that gets at least 95 % of the prescription."""


def dose_volume(dose: Volume, structure: Volume, prescribed_gy: float) -> DoseVolume:
    """Return the numbers of a dose (Gy) in a structure (boolean) on the same grid."""
    inside = _inside(dose, structure)
    d98, d95, d2 = (np.percentile(inside, 100 - volume) for volume in (98, 95, 2))
    v95 = 100 * (inside >= 0.95 * prescribed_gy).mean()
    return DoseVolume(*(round(float(v), 4) for v in (inside.mean(), d98, d95, d2, v95)))


def cumulative(dose: Volume, structure: Volume) -> tuple[Array, Array]:
    """Return doses (Gy), and the percent of the structure that gets at least as much."""
    inside = np.sort(_inside(dose, structure))
    doses = np.linspace(0.0, max(float(inside[-1]), 1e-6), CURVE_STEPS + 1)
    below = np.searchsorted(inside, doses, side="left")
    return doses, 100.0 * (1 - below / inside.size)


def _inside(dose: Volume, structure: Volume) -> Array:
    require_same_grid(dose.grid, structure.grid, "the dose", "the structure")
    inside = np.asarray(dose.voxels[structure.voxels > 0], dtype=np.float64)
    if not inside.size:
        raise ValueRangeError("the structure is empty: no voxel is above 0")
    return inside
