"""Which curve a synthetic CT wants, by what its files say of the CTs that its HU are like."""

from __future__ import annotations

from pathlib import Path

from mrtoct.io.calibration import read_calibration
from mrtoct.io.scan import Scan
from mrtoct.properties.curve import Curve
from mrtoct.properties.curves.find import find_curve, usual_curve
from mrtoct.properties.quantity import Quantity


def curve_for(quantity: Quantity, wanted: str | None, sct: Path) -> tuple[Curve, str]:
    """Return the named curve, or the usual one for a CT's tube voltage and what to say of that.

    Nothing is said where a curve was named, or the voltage does not matter.
    """
    if wanted is not None or not quantity.at_voltage:
        return find_curve(quantity, wanted), ""
    kvp = read_calibration(Scan(sct)).kvp
    curve = usual_curve(quantity, kvp)
    if kvp is None:
        return curve, f"the tube voltage of {sct} is not known; {curve.name} was used"
    if curve.name == quantity.at_voltage.format(kvp=kvp):
        return curve, f"{sct} has HU of {kvp:g} kVp, like {curve.name}"
    like = f"{sct} has HU of {kvp:g} kVp"
    return curve, f"{like}, for which no curve is known; {curve.name} was used"
