"""Electron density and proton stopping power, both relative to water."""

from __future__ import annotations

from mrtoct.properties.curve import Curve, line, through
from mrtoct.properties.schneider import relative_points

SCHNEIDER = "Schneider et al., Phys. Med. Biol. 45:459 (2000)"
PROTON_MEV = 100.0
"""Stopping relative to water changes by less than 0.4 % in bone from here to 200 MeV."""

MATRAD = through(
    "matrad",
    ((-1024, 0.001), (-999, 0.001), (-90, 0.95), (-45, 0.99), (0, 1), (100, 1.095), (350, 1.199),
     (3000, 2.505)),
    "matRad_default.hlut, for photons and for ions; as stopping power some 4 % high in bone",
)  # fmt: skip

RED: tuple[Curve, ...] = (
    through("schneider-2000", relative_points(), f"{SCHNEIDER}: electrons of its tissues"),
    MATRAD,
)

SPR: tuple[Curve, ...] = (
    through(
        "schneider-2000",
        relative_points(PROTON_MEV),
        f"{SCHNEIDER}: Bethe's formula for its tissues, protons of {PROTON_MEV:g} MeV",
    ),
    through(
        "schneider-1996",
        (
            (-1000, 0.00106),
            *((hu, 1 + 0.99894e-3 * hu) for hu in (-999.0, 0.0)),
            (41.46, 1 + 0.001174 * 41.46),
            *line(0.0005011, 1.0279, 42.0),
        ),
        "Schneider et al., Phys. Med. Biol. 41:111 (1996), as in plastimatch",
    ),
    through(
        "xio",
        ((-1000, 0.01), (0, 1), (40, 1.04), (1000, 1.52), (2000, 2.02), (3000, 2.55)),
        "XiO at MGH, as in plastimatch",
    ),
    MATRAD,
)
