"""Maps for transcranial ultrasound: curves inside the skull, one value for each medium outside."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.curve import Curve
from mrtoct.properties.hu import millilitres
from mrtoct.properties.skull import skull_mask
from mrtoct.volume import AIR_BELOW_HU, AIR_HU, Array, Volume

FREQUENCIES_MHZ = (0.05, 10.0)
"""Transcranial ultrasound uses 0.2 to 3 MHz."""


@dataclass(frozen=True)
class Medium:
    """What holds for all of a medium that is no bone."""

    density: float
    """kg/m3"""
    speed: float
    """m/s"""
    attenuation: float
    """dB/cm at 1 MHz"""
    power: float
    """With which attenuation grows with frequency."""


WATER = Medium(994.0, 1500.0, 0.00217, 2.0)
SOFT_TISSUE = Medium(1046.0, 1546.0, 0.59, 1.2)
"""Brain; both as PRESTUS takes them from the ITRUSST benchmark (Aubry et al., 2022)."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where the skull and the rest of the head are, on the CT's grid."""

    skull: Volume
    head: Volume
    hu: Array
    """HU inside the skull, (n,), padding as air."""

    @classmethod
    def find(cls, ct: Volume) -> Places:
        """Find both in a CT in HU."""
        head = head_mask_ct(ct.with_voxels(np.maximum(ct.voxels, AIR_HU)))
        skull = skull_mask(ct)
        return cls(skull, head, ct.voxels[skull.voxels])

    def holes(self, ct: Volume) -> dict[str, float]:
        """Return what lies in the head and is not as a solid skull should be, in ml."""
        inside = self.head.voxels & ~self.skull.voxels
        return {
            "skull_ml": millilitres(self.skull.voxels, ct),
            "soft_in_skull_ml": millilitres(self.hu < 0, ct),
            "air_in_head_ml": millilitres(inside & (ct.voxels < AIR_BELOW_HU), ct),
        }


def require_frequency(mhz: float | None) -> float:
    """Return a frequency in MHz, or raise ValueRangeError if it is none that ultrasound has."""
    low, high = FREQUENCIES_MHZ
    if mhz is None:
        raise ValueRangeError(
            "attenuation of sound depends on its frequency: give it in MHz, such as 0.5"
        )
    if not low <= mhz <= high:
        raise ValueRangeError(f"a frequency is {low:g} to {high:g} MHz, got {mhz:g}")
    return mhz


def at_frequency(curve: Curve, mhz: float) -> Curve:
    """Return an attenuation curve (dB/cm at 1 MHz) at a frequency, in dB/cm."""
    return replace(curve.times(mhz**curve.power), source=f"{curve.source}; at {mhz:g} MHz")


def filled(places: Places, curve: Curve, soft: float, water: float) -> Array:
    """Return a map (I, J, K), float32: the curve in the skull, soft tissue in the head, water.

    Air in the head counts as soft tissue: a wave that meets it is lost in any case, and its speed
    would set the time step of the whole simulation.
    """
    values = np.where(places.head.voxels, np.float32(soft), np.float32(water))
    values[places.skull.voxels] = curve(places.hu)
    return values
