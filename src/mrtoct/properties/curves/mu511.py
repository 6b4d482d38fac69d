"""Linear attenuation of 511 keV photons (1/cm): two straight lines that meet near water."""

from __future__ import annotations

from mrtoct.properties.curve import HIGHEST_HU, Curve, through

PER_HU_BELOW = 9.6e-5
"""Water's 0.096 / cm over the 1000 HU from air to water; all curves but OMEGA's agree on it."""

CARNEY = {
    80: (3.64e-5, 6.26e-2, 50),
    100: (4.43e-5, 5.44e-2, 52),
    110: (4.92e-5, 4.88e-2, 43),
    120: (5.10e-5, 4.71e-2, 47),
    130: (5.51e-5, 4.24e-2, 37),
    140: (5.64e-5, 4.08e-2, 30),
}
"""By kVp: slope and offset over HU + 1000 above the break, and the break in HU."""

BAI = {120: 5.76e-4, 130: 6.05e-4, 140: 6.40e-4}
"""By kVp: k of 0.096 (1 + k HU) above water."""

STIR_GE = {
    80: (0.0989, 3.84e-5), 100: (0.0985, 4.56e-5), 120: (0.0982, 5.11e-5), 140: (0.0980, 5.60e-5),
}  # fmt: skip
"""By kVp: value at 0 HU and slope above 50 HU."""


def _bilinear(name: str, at_zero: float, slope: float, bend: float, source: str) -> Curve:
    """Return a curve that follows air and water below a bend, and another line above."""
    below = PER_HU_BELOW * (bend + 1000)
    above = ((hu, at_zero + slope * hu) for hu in (bend + 1, HIGHEST_HU))
    return through(name, ((-1000, 0.0), (bend, below), *above), source)


MU511: tuple[Curve, ...] = (
    *(
        _bilinear(
            f"carney-2006-{kvp}kvp",
            offset + 1000 * slope,
            slope,
            bend,
            f"Carney et al., Med. Phys. 33:976 (2006), CT at {kvp} kVp",
        )
        for kvp, (slope, offset, bend) in CARNEY.items()
    ),
    _bilinear(
        "burger-2002", 0.096, 5.73e-5, 0.0,
        "Burger et al., Eur. J. Nucl. Med. 29:922 (2002), with the constants of STIR and NIMPA",
    ),
    *(
        _bilinear(
            f"bai-2003-{kvp}kvp", 0.096, 0.096 * k, 0.0,
            f"Bai et al. (2003), CT at {kvp} kVp, as in pseudoCT_standalone",
        )
        for kvp, k in BAI.items()
    ),
    *(
        _bilinear(
            f"stir-ge-{kvp}kvp", at_zero, slope, 50.0,
            f"STIR, ct_slopes.json, GE at {kvp} kVp",
        )
        for kvp, (at_zero, slope) in STIR_GE.items()
    ),
    _bilinear(
        "nipet", 0.096, 7.15e-5, 0.0,
        "NIPET, hu2mu, of its input pCT: 12 % above the others in bone",
    ),
    through(
        "omega-120kvp",
        ((-1000, 0.0), (0, 0.093), (1000, 0.093 + 0.0471), (HIGHEST_HU, 0.1401 + 0.589e-5 * 2071)),
        "OMEGA, attenuationCT_to_511, CT at 120 kVp",
    ),
)  # fmt: skip
