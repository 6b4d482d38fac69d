"""A synthetic CT in HU into a map of a physical property, with what cannot be right about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mrtoct._version import __version__
from mrtoct.properties.curve import Curve
from mrtoct.properties.hu import millilitres, require_deviation, require_hu
from mrtoct.properties.quantity import Quantity
from mrtoct.properties.sound import (
    SOFT_TISSUE,
    WATER,
    Places,
    at_frequency,
    filled,
    require_frequency,
)
from mrtoct.volume import Array, Volume


@dataclass(frozen=True, eq=False)
class PropertyMap:
    """A property on a CT's grid."""

    values: Volume
    """float32, in the quantity's unit."""
    deviation: Volume | None
    """Its standard deviation in the same unit; None where the CT's is not known."""
    facts: dict[str, Any]
    """Quantity, unit, curve and source, range, and in ml what lies beyond the curve."""


def convert(
    sct: Volume,
    quantity: Quantity,
    curve: Curve,
    *,
    deviation: Volume | None = None,
    frequency_mhz: float | None = None,
) -> PropertyMap:
    """Return a property of a synthetic CT (HU), and its standard deviation if the CT's is given.

    Properties of sound follow the curve inside the skull alone; elsewhere each medium has one
    value, known without error. Attenuation of sound needs a frequency. Raises ValueRangeError for
    a volume that is no CT in HU or has no bone, GeometryError for a deviation on another grid.
    """
    require_hu(sct)
    if deviation is not None:
        require_deviation(sct, deviation)
    if quantity.name == "attenuation":
        curve = at_frequency(curve, require_frequency(frequency_mhz))
    bounded = curve.at_least(quantity.lowest)
    facts = _facts(quantity, curve)
    if quantity.in_skull:
        places = Places.find(sct)
        soft, water = _media(quantity, frequency_mhz)
        values = filled(places, bounded, soft, water)
        where = places.skull.voxels
        facts |= {"soft_tissue": soft, "water": water, **places.holes(sct)}
    else:
        values = bounded(sct.voxels)
        where = np.ones(sct.grid.shape, dtype=np.bool_)
    facts |= beyond(sct, curve, where, quantity.lowest)
    facts |= {"lowest": float(values.min()), "highest": float(values.max())}
    return PropertyMap(
        sct.with_voxels(values, quantity.unit),
        None if deviation is None else _spread(sct, deviation, bounded, where, quantity),
        facts,
    )


def beyond(sct: Volume, curve: Curve, where: Array, lowest: float) -> dict[str, float]:
    """Return how much of a CT (ml) lies above the curve's last point, and where a bound holds."""
    hu = sct.voxels[where]
    return {
        "saturated_above_hu": curve.hu[-1],
        "saturated_ml": millilitres(hu > curve.hu[-1], sct),
        "raised_to": lowest,
        "raised_ml": millilitres(curve(hu) < lowest, sct),
    }


def _facts(quantity: Quantity, curve: Curve) -> dict[str, Any]:
    return {
        "quantity": quantity.name,
        "title": quantity.title,
        "unit": quantity.unit,
        "curve": curve.name,
        "source": curve.source,
        "mrtoct": __version__,
    }


def _media(quantity: Quantity, mhz: float | None) -> tuple[float, float]:
    """Return the value of soft tissue and of water."""
    if quantity.name == "sound-speed":
        return SOFT_TISSUE.speed, WATER.speed
    mhz = require_frequency(mhz)
    soft, water = (m.attenuation * mhz**m.power for m in (SOFT_TISSUE, WATER))
    return soft, water


def _spread(
    sct: Volume, deviation: Volume, curve: Curve, where: Array, quantity: Quantity
) -> Volume:
    spread = np.zeros(sct.grid.shape, dtype=np.float32)
    known = where & (deviation.voxels > 0)
    spread[known] = curve.deviation(sct.voxels[known], deviation.voxels[known])
    return sct.with_voxels(spread, quantity.unit)
