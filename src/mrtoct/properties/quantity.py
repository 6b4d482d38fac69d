"""What a CT can be turned into: name, unit, and the bounds that physics sets."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mrtoct.volume import Unit


@dataclass(frozen=True)
class Quantity:
    """A physical property that a curve gives for each HU."""

    name: str
    """As on the command line."""
    title: str
    """What it is, for a header and a table's caption."""
    unit: Unit
    default: str
    """The curve that is taken where none is named."""
    lowest: float
    """No curve's value counts below this: what a line gives beyond its range is not physics."""
    water: tuple[float, float] | None = None
    """Between what a curve's value at 0 HU lies, if the curve is right and in this unit."""
    in_skull: bool = False
    """A property of sound: curves hold for bone, all else has one value a medium."""
    at_voltage: str = ""
    """The usual curve's name for a tube voltage in kV; empty where there is no such choice."""


QUANTITIES = MappingProxyType(
    {
        quantity.name: quantity
        for quantity in (
            Quantity("density", "mass density", "kg/m3", "schneider-2000", 1.0, (900, 1100)),
            Quantity(
                "red", "electron density relative to water", "1", "schneider-2000", 0.0, (0.9, 1.1)
            ),
            Quantity(
                "spr", "proton stopping power relative to water", "1", "schneider-2000", 0.0,
                (0.9, 1.1),
            ),
            Quantity(
                "mu511", "attenuation of 511 keV photons", "1/cm", "carney-2006-120kvp", 0.0,
                (0.085, 0.105), at_voltage="carney-2006-{kvp:g}kvp",
            ),
            Quantity("sound-speed", "speed of sound", "m/s", "k-plan", 1500.0, in_skull=True),
            Quantity("attenuation", "attenuation of sound", "dB/cm", "k-plan", 0.0, in_skull=True),
        )
    }
)  # fmt: skip
"""By name."""
