"""The curve for a quantity: a published one by its name, or a user's table."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.properties.curve import Curve
from mrtoct.properties.curves.density import DENSITY
from mrtoct.properties.curves.mu511 import MU511
from mrtoct.properties.curves.relative import RED, SPR
from mrtoct.properties.curves.sound import ATTENUATION, SPEED
from mrtoct.properties.quantity import QUANTITIES, Quantity
from mrtoct.properties.tables.files import TABLE_ENDINGS, read_table

CURVES: Mapping[str, Mapping[str, Curve]] = MappingProxyType(
    {
        quantity: MappingProxyType({curve.name: curve for curve in curves})
        for quantity, curves in {
            "density": DENSITY,
            "red": RED,
            "spr": SPR,
            "mu511": MU511,
            "sound-speed": SPEED,
            "attenuation": ATTENUATION,
        }.items()
    }
)
"""By quantity, then by name."""


def find_quantity(name: str) -> Quantity:
    """Return a quantity by name, or raise ValueRangeError that names them all."""
    if name not in QUANTITIES:
        raise ValueRangeError(
            f"no quantity {name!r}{_close(name, QUANTITIES)}; allowed: {', '.join(QUANTITIES)}"
        )
    return QUANTITIES[name]


def find_curve(quantity: Quantity, wanted: str | None = None) -> Curve:
    """Return the quantity's usual curve, the named one, or the one in a table file.

    Raises ValueRangeError for an unknown name or a table that is in another unit, FileError for a
    table that cannot be read.
    """
    known = CURVES[quantity.name]
    name = wanted or quantity.default
    if name in known:
        return known[name]
    if not name.lower().endswith(TABLE_ENDINGS) and not Path(name).is_dir():
        raise ValueRangeError(
            f"no curve {name!r} for {quantity.name}{_close(name, known)}; allowed: "
            f"{', '.join(known)}, or a table ({', '.join(TABLE_ENDINGS)})"
        )
    curve = read_table(Path(name), quantity)
    _require_unit(quantity, curve)
    return curve


def usual_curve(quantity: Quantity, kvp: float | None) -> Curve:
    """Return the quantity's usual curve, for CTs at a tube voltage (kV) where that matters."""
    fitting = quantity.at_voltage.format(kvp=kvp or 0)
    return CURVES[quantity.name].get(fitting) or find_curve(quantity)


def _require_unit(quantity: Quantity, curve: Curve) -> None:
    if quantity.water is None:
        return
    low, high = quantity.water
    at_water = float(curve(np.zeros(1))[0])
    if not low <= at_water <= high:
        raise ValueRangeError(
            f"{curve.name} gives {at_water:.4g} at 0 HU; {quantity.title} is {low:g} to {high:g} "
            f"{quantity.unit} there: is it for another quantity, or in another unit?"
        )


def _close(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
