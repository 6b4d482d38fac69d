"""Published points, worked out or read elsewhere, against the curves."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.properties.curves.find import CURVES, find_curve, find_quantity
from mrtoct.properties.quantity import QUANTITIES
from mrtoct.properties.schneider import WATER, electrons, excitation_energy

AT = (-1000, -500, -100, 0, 40, 300, 1000, 1500, 2000)
PUBLISHED = {
    ("density", "schneider-2000"): (1.21, 516, 928, 1018, 1050, 1195, 1609, 1905, 2201),
    ("density", "k-plan"): (1.2, 495.3, 898.7, 999.5, 1039.8, 1180, 1530, 1856, 2150),
    ("density", "k-wave"): (1.5, 507, 917.5, 1011.9, 1048.2, 1210, 1674, 2005, 2336),
    ("red", "schneider-2000"): (0.0011, 0.512, 0.931, 1.014, 1.041, 1.161, 1.515, 1.767, 2.041),
    ("spr", "schneider-2000"): (0.0011, 0.512, 0.951, 1.024, 1.042, 1.152, 1.459, 1.677, 1.938),
    ("red", "matrad"): (0.001, 0.522, 0.940, 1.0, 1.038, 1.178, 1.519, 1.766, 2.012),
    ("spr", "schneider-1996"): (0.0011, 0.501, 0.9, 1.0, 1.047, 1.178, 1.529, 1.780, 2.030),
    ("mu511", "carney-2006-80kvp"): (0, 0.048, 0.0864, 0.096, 0.0998, 0.1099, 0.1354, 0.1536),
    ("mu511", "carney-2006-120kvp"): (0, 0.048, 0.0864, 0.096, 0.0998, 0.1134, 0.1491, 0.1746),
    ("mu511", "carney-2006-140kvp"): (0, 0.048, 0.0864, 0.096, 0.0995, 0.1141, 0.1536, 0.1818),
    ("mu511", "burger-2002"): (0, 0.048, 0.0864, 0.096, 0.0983, 0.1132, 0.1533, 0.18195),
}
IN_BONE = (300, 700, 1000, 1500, 2000)
SPEEDS = {
    "k-plan": (1736, 2002, 2202, 2636, 3026),
    "webb-ge-120kvp": (1545, 1845, 2070, 2445, 2820),
    "mcdannold-2020": (1920, 2467, 2896, 3503, 3861),
    "marsac-2017": (1500, 1938, 2266, 2813, 3360),
    "yaakub-2023": (1740, 2060, 2300, 2700, 3100),
}
AT_500_KHZ = {
    "k-plan": (6.65, 6.65, 6.65, 6.65, 6.65),
    "webb-ge-120kvp": (57, 30, 18.5, 8.3, 3.7),
    # Published in Np/m.
    "mcdannold-2020": tuple(0.08686 * n for n in (292, 141, 126, 146, 148)),
}


def at(quantity: str, name: str, hu: tuple[float, ...]) -> np.ndarray:
    return CURVES[quantity][name](np.array(hu, dtype=np.float32))


@pytest.mark.parametrize(("quantity", "name"), PUBLISHED)
def test_published_points(quantity, name):
    expected = PUBLISHED[quantity, name]
    np.testing.assert_allclose(
        at(quantity, name, AT[: len(expected)]), expected, rtol=1e-3, atol=6e-5
    )


def test_the_step_of_schneiders_density_is_within_one_hu():
    np.testing.assert_allclose(
        at("density", "schneider-2000", (100, 101)), (1119.9, 1076.8), atol=0.05
    )
    np.testing.assert_allclose(at("density", "gate", (100, 101)), (1119.9, 1076.2), atol=0.05)


@pytest.mark.parametrize("name", SPEEDS)
def test_speed_in_bone(name):
    np.testing.assert_allclose(at("sound-speed", name, IN_BONE), SPEEDS[name], rtol=5e-4)


@pytest.mark.parametrize("name", AT_500_KHZ)
def test_attenuation_in_bone_at_500_khz(name):
    curve = CURVES["attenuation"][name]
    found = curve(np.array(IN_BONE)) * 0.5**curve.power
    np.testing.assert_allclose(found, AT_500_KHZ[name], rtol=8e-3, atol=0.05)


def test_water_by_its_elements():
    assert electrons(WATER) == pytest.approx(10 / 18.015, rel=1e-6)
    assert excitation_energy(WATER) == pytest.approx(75.3, abs=0.1)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_curve_says_who_published_it_and_fits_its_quantity(quantity):
    known = find_quantity(quantity)
    assert known.default in CURVES[quantity]
    for name, curve in CURVES[quantity].items():
        assert name == curve.name
        assert len(curve.source) > 10
        if known.water:
            assert known.water[0] <= float(curve(np.zeros(1))[0]) <= known.water[1], name


def test_unknown_names_are_told_with_the_nearest():
    with pytest.raises(ValueRangeError, match="did you mean 'red'"):
        find_quantity("redd")
    with pytest.raises(ValueRangeError, match=r"did you mean 'k-plan'.*schneider-2000"):
        find_curve(find_quantity("density"), "kplan")
