"""Speed (m/s) and attenuation (dB/cm at 1 MHz) of sound in the skull, by HU.

Only lines over absolute HU: those that stretch each scan's highest HU to dense bone would make any
synthetic skull look dense enough, however soft it is.
"""

from __future__ import annotations

import numpy as np

from mrtoct.properties.curve import HIGHEST_HU, Curve, line, sampled, through
from mrtoct.properties.curves.density import K_PLAN, K_WAVE
from mrtoct.volume import Array

DB_PER_NEPER = 20 / np.log(10)
WATER_DENSITY, WATER_SPEED = 994.0, 1500.0
"""kg/m3 and m/s at body temperature, as PRESTUS and the ITRUSST benchmark take them."""
LOWEST_HU = 250.0
"""Below it a voxel of the skull is no bone; the mask's own threshold."""


def _of_density(name: str, density: Curve, slope: float, offset: float, source: str) -> Curve:
    """Return a speed that is linear in density."""
    return through(
        name,
        tuple((h, slope * d + offset) for h, d in zip(density.hu, density.values, strict=True)),
        source,
    )


def _mcdannold_speed(hu: Array) -> Array:
    r = 1.01237 * hu + 1013.67
    return np.asarray(
        1 / (1.24e-3 - 7.63e-7 * r + 1.69e-10 * r**2 + 5.31e-16 * r**3 - 2.79e-18 * r**4)
    )


def _mcdannold_attenuation(hu: Array) -> Array:
    """Published in Np/m at 660 kHz, linear in frequency; here dB/cm at 1 MHz."""
    r = 1.01237 * hu + 1013.67
    nepers = 5710 - 9.02 * r + 5.40e-3 * r**2 - 1.41e-6 * r**3 + 1.36e-10 * r**4
    return np.asarray(nepers / 0.66 * DB_PER_NEPER / 100)


MARSAC_DENSITY = through(
    "marsac-2017",
    ((300, WATER_DENSITY), (2000, 2100)),
    "Marsac et al. (2017), as in PRESTUS: water at 300 HU, 2100 kg/m3 at 2000 HU",
)
YAAKUB_DENSITY = through(
    "yaakub-2023",
    ((300, 1000 + 0.45 * 300), (2000, 1900)),
    "Yaakub et al. (2023), after Marsac and Bancel: 1000 kg/m3 + 0.45 HU from 300 to 2000 HU",
)
MCDANNOLD_DENSITY = through(
    "mcdannold-2020",
    line(1.01237, 1013.67, LOWEST_HU, 2100.0),
    "McDannold et al. (2020), as in BabelBrain",
)

SPEED: tuple[Curve, ...] = (
    _of_density("k-plan", K_PLAN, 1.33, 167, "k-Plan: 1.33 density + 167, on its own calibration"),
    _of_density(
        "k-wave", K_WAVE, 1.333, 166.7,
        "Treeby, skull2medium: 1.333 density + 166.7, on k-Wave's density",
    ),
    through(
        "marsac-2017",
        ((300, WATER_SPEED), (2000, 3360)),
        "Marsac et al. (2017), as in PRESTUS: water at 300 HU, 3360 m/s at 2000 HU",
    ),
    _of_density(
        "yaakub-2023", YAAKUB_DENSITY, 1600 / 900, 1500 - 1600 * 1000 / 900,
        "Yaakub et al. (2023): 1500 + 1600 (density - 1000) / 900",
    ),
    through(
        "webb-ge-120kvp", line(0.75, 1320, LOWEST_HU),
        "Webb et al. (2018): GE at 120 kVp, kernel BonePlus",
    ),
    through(
        "webb-siemens-bone-120kvp", line(0.81, 1270, LOWEST_HU),
        "Webb et al. (2018): Siemens at 120 kVp, bone kernel",
    ),
    through(
        "webb-siemens-soft-120kvp", line(0.58, 1810, LOWEST_HU),
        "Webb et al. (2018): Siemens at 120 kVp, soft kernel",
    ),
    sampled(
        "mcdannold-2020", _mcdannold_speed, LOWEST_HU, 2100.0,
        "McDannold et al. (2020), as in BabelBrain, up to its limit of 2100 HU",
    ),
)  # fmt: skip

ATTENUATION: tuple[Curve, ...] = (
    Curve("k-plan", (LOWEST_HU, HIGHEST_HU), (13.3, 13.3), "k-Plan: 13.3 dB/cm/MHz", 1.0),
    Curve(
        "k-wave", (LOWEST_HU, HIGHEST_HU), (13.3, 13.3),
        "Treeby, skull2medium: 13.3 dB/cm at 1 MHz (Pinton 2012), power 2", 2.0,
    ),
    sampled(
        "yaakub-2023",
        lambda hu: 4 + 4.7 * np.sqrt(np.clip(1 - (hu - 300) / 1700, 0, 1)),
        300.0, 2000.0,
        "Yaakub et al. (2023), with the power of Mueller et al.", 1.43,
    ),
    sampled(
        "webb-ge-120kvp", lambda hu: 26 * np.exp(-0.0016 * hu) * DB_PER_NEPER,
        LOWEST_HU, HIGHEST_HU,
        "Webb et al. (2020): GE at 120 kVp, kernel BonePlus", 1.3,
    ),
    sampled(
        "webb-siemens-bone-120kvp", lambda hu: 26 * np.exp(-0.0014 * hu) * DB_PER_NEPER,
        LOWEST_HU, HIGHEST_HU,
        "Webb et al. (2020): Siemens at 120 kVp, bone kernel", 1.3,
    ),
    sampled(
        "webb-siemens-soft-120kvp", lambda hu: 28 * np.exp(-0.0014 * hu) * DB_PER_NEPER,
        LOWEST_HU, HIGHEST_HU,
        "Webb et al. (2020): Siemens at 120 kVp, soft kernel", 1.3,
    ),
    sampled(
        "mcdannold-2020", _mcdannold_attenuation, LOWEST_HU, 2100.0,
        "McDannold et al. (2020), as in BabelBrain, up to its limit of 2100 HU", 1.0,
    ),
)  # fmt: skip
