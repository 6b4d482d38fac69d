"""Mass density by HU (kg/m3)."""

from __future__ import annotations

from mrtoct.properties.curve import Curve, line, through
from mrtoct.properties.schneider import density_points

K_PLAN = through(
    "k-plan",
    ((-990, 1.2), (60, 1060), (1000, 1530), (1950, 2150)),
    "k-Plan's default calibration, as PRESTUS quotes it",
)


def _k_wave(hu: float) -> float:
    """Return k-Wave's hounsfield2density; its lines meet at 930, 1098 and 1260 of HU + 1000."""
    x = hu + 1000
    if x < 930:
        return 1.025793 * x - 5.6804
    if x < 1098:
        return 0.908271 * x + 103.6151
    if x < 1260:
        return 0.510837 * x + 539.9977
    return 0.662537 * x + 348.8555


K_WAVE = through(
    "k-wave",
    tuple((hu, _k_wave(hu)) for hu in (-993, -70, 98, 260, 3071)),
    "k-Wave, hounsfield2density: a fit to Schneider 1996",
)

DENSITY: tuple[Curve, ...] = (
    through(
        "schneider-2000",
        density_points(),
        "Schneider et al., Phys. Med. Biol. 45:459 (2000), sections as in TOPAS; 0 HU is tissue",
    ),
    through(
        "schneider-1996",
        (
            (-1000, 1.205),
            (-998.7, 1000 + 0.998795 * -998.7),
            *((hu, 1000 + 0.998795 * hu) for hu in (0.0, 65.64)),
            *line(0.6481, 1023.1, 66.0),
        ),
        "Schneider et al., Phys. Med. Biol. 41:111 (1996), as in plastimatch",
    ),
    through(
        "gate",
        (
            (-1000, 1.21), (-98, 930), (-97, 930.486), (14, 1030), (23, 1031), (100, 1119.9),
            (101, 1076.2), (1600, 1964.2), (3000, 2800),
        ),
        "GATE, Schneider2000DensitiesTable",
    ),
    through(
        "mcsquare",
        (
            (-2000, 1), (-1000, 1), (-739, 280), (-628, 400), (-97, 942), (-52, 977), (0, 1000),
            (14, 1053), (70, 1097), (213, 1143), (220, 1154), (588, 1335), (1046, 1560),
            (1565, 1825),
        ),
        "MCsquare and OpenTPS, UCL_Toshiba, their default scanner",
    ),
    through(
        "opentps-linac",
        (
            (-2000, 1.21), (-1000, 1.21), (-837, 195), (-525, 495), (-67, 967), (-35, 991),
            (10, 1000), (52, 1062), (256, 1161), (1002, 1609), (2067, 2150), (4000, 2820),
        ),
        "OpenTPS, photon LINAC",
    ),
    K_PLAN,
    K_WAVE,
    through(
        "ucl-80kvp",
        (
            (-987, 1.2), (-107, 960), (-38, 990), (54, 1060), (337, 1160), (1357, 1530),
            (1699, 1660), (2136, 1820), (2544, 1990), (2615, 2150),
        ),
        "petra-to-ct, low-dose CT at 80 kVp: not for CT of another tube voltage",
    ),
)  # fmt: skip
