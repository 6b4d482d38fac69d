"""Schneider's tissues: mass density by HU, and from their elements electron density and stopping.

Schneider, Bortfeld, Schlegel, Phys. Med. Biol. 45:459 (2000): sections of HU, each with a line for
the density and the elements' part of the mass. Mean excitation energies are those of ICRU report 37
for elements in compounds, mixed by Bragg's rule; Bethe's formula without shell corrections.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

METAL_HU = 2995.0
"""Above it there is no tissue; the curves end here."""

DENSITY_SECTIONS = (
    (-1000.0, 0.00121 + 0.001029700665188 * 1000, 0.001029700665188),
    (-98.0, 1.018, 0.000893),
    (15.0, 1.03, 0.0),
    (23.0, 1.003, 0.001169),
    (101.0, 1.017, 0.000592),
    (2001.0, 2.201 - 0.0005 * 2000, 0.0005),
)
"""From this HU on: density at 0 HU if the line went there, and its slope; g/cm3."""

ELEMENTS = ("H", "C", "N", "O", "Na", "Mg", "P", "S", "Cl", "Ar", "K", "Ca")
TISSUES: tuple[tuple[float, tuple[float, ...]], ...] = (
    (-1050, (0, 0, 75.5, 23.2, 0, 0, 0, 0, 0, 1.3, 0, 0)),
    (-950, (10.3, 10.5, 3.1, 74.9, 0.2, 0, 0.2, 0.3, 0.3, 0, 0.2, 0)),
    (-120, (11.6, 68.1, 0.2, 19.8, 0.1, 0, 0, 0.1, 0.1, 0, 0, 0)),
    (-82, (11.3, 56.7, 0.9, 30.8, 0.1, 0, 0, 0.1, 0.1, 0, 0, 0)),
    (-52, (11.0, 45.8, 1.5, 41.1, 0.1, 0, 0.1, 0.2, 0.2, 0, 0, 0)),
    (-22, (10.8, 35.6, 2.2, 50.9, 0, 0, 0.1, 0.2, 0.2, 0, 0, 0)),
    (8, (10.6, 28.4, 2.6, 57.8, 0, 0, 0.1, 0.2, 0.2, 0, 0.1, 0)),
    (19, (10.3, 13.4, 3.0, 72.3, 0.2, 0, 0.2, 0.2, 0.2, 0, 0.2, 0)),
    (80, (9.4, 20.7, 6.2, 62.2, 0.6, 0, 0, 0.6, 0.3, 0, 0, 0)),
    (120, (9.5, 45.5, 2.5, 35.5, 0.1, 0, 2.1, 0.1, 0.1, 0, 0.1, 4.5)),
    (200, (8.9, 42.3, 2.7, 36.3, 0.1, 0, 3.0, 0.1, 0.1, 0, 0.1, 6.4)),
    (300, (8.2, 39.1, 2.9, 37.2, 0.1, 0, 3.9, 0.1, 0.1, 0, 0.1, 8.3)),
    (400, (7.6, 36.1, 3.0, 38.0, 0.1, 0.1, 4.7, 0.2, 0.1, 0, 0, 10.1)),
    (500, (7.1, 33.5, 3.2, 38.7, 0.1, 0.1, 5.4, 0.2, 0, 0, 0, 11.7)),
    (600, (6.6, 31.0, 3.3, 39.4, 0.1, 0.1, 6.1, 0.2, 0, 0, 0, 13.2)),
    (700, (6.1, 28.7, 3.5, 40.0, 0.1, 0.1, 6.7, 0.2, 0, 0, 0, 14.6)),
    (800, (5.6, 26.5, 3.6, 40.5, 0.1, 0.2, 7.3, 0.3, 0, 0, 0, 15.9)),
    (900, (5.2, 24.6, 3.7, 41.1, 0.1, 0.2, 7.8, 0.3, 0, 0, 0, 17.0)),
    (1000, (4.9, 22.7, 3.8, 41.6, 0.1, 0.2, 8.3, 0.3, 0, 0, 0, 18.1)),
    (1100, (4.5, 21.0, 3.9, 42.0, 0.1, 0.2, 8.8, 0.3, 0, 0, 0, 19.2)),
    (1200, (4.2, 19.4, 4.0, 42.5, 0.1, 0.2, 9.2, 0.3, 0, 0, 0, 20.1)),
    (1300, (3.9, 17.9, 4.1, 42.9, 0.1, 0.2, 9.6, 0.3, 0, 0, 0, 21.0)),
    (1400, (3.6, 16.5, 4.2, 43.2, 0.1, 0.2, 10.0, 0.3, 0, 0, 0, 21.9)),
    (1500, (3.4, 15.5, 4.2, 43.5, 0.1, 0.2, 10.3, 0.3, 0, 0, 0, 22.5)),
)
"""From this HU on: percent of the mass for each element; the metals above tissue are left out."""

_Z_A_I = {
    "H": (1, 1.008, 19.2), "C": (6, 12.011, 81.0), "N": (7, 14.007, 82.0),
    "O": (8, 15.999, 106.0), "Na": (11, 22.990, 168.4), "Mg": (12, 24.305, 176.3),
    "P": (15, 30.974, 195.5), "S": (16, 32.06, 203.4), "Cl": (17, 35.45, 180.0),
    "Ar": (18, 39.948, 188.0), "K": (19, 39.098, 214.7), "Ca": (20, 40.078, 215.8),
}  # fmt: skip
"""Atomic number, atomic mass (g/mol), mean excitation energy (eV)."""

WATER = {"H": 2 * 1.008, "O": 15.999}
ELECTRON_MEV, PROTON_MEV = 0.510999, 938.272

Points = tuple[tuple[float, float], ...]


def density(hu: float) -> float:
    """Return the mass density in g/cm3 at an HU."""
    _, at_zero, slope = next(s for s in reversed(DENSITY_SECTIONS) if hu >= s[0] or s[0] == -1000)
    return at_zero + slope * hu


def density_points() -> Points:
    """Return HU and density in kg/m3 at both ends of each section."""
    edges = [section[0] for section in DENSITY_SECTIONS]
    return tuple((hu, 1000 * density(hu)) for hu in _knots(edges))


def relative_points(stopping_at_mev: float | None = None) -> Points:
    """Return HU and electron density relative to water, or proton stopping power at an energy.

    At both ends of every section of density or tissue, where the next begins 1 HU later.
    """
    starts = {s[0] for s in DENSITY_SECTIONS} | {t[0] for t in TISSUES}
    edges = sorted(start for start in starts if start >= DENSITY_SECTIONS[0][0])
    points = []
    for hu in _knots(edges):
        mass_parts = next(parts for start, parts in reversed(TISSUES) if hu >= start)
        tissue = dict(zip(ELEMENTS, mass_parts, strict=True))
        value = density(hu) * electrons(tissue) / electrons(WATER)
        if stopping_at_mev is not None:
            value *= _stopping_number(tissue, stopping_at_mev) / _stopping_number(
                WATER, stopping_at_mev
            )
        points.append((hu, value))
    return tuple(points)


def electrons(mass_parts: dict[str, float]) -> float:
    """Return moles of electrons in a gram of a mixture, given its elements' parts of the mass."""
    moles = sum(part * _Z_A_I[e][0] / _Z_A_I[e][1] for e, part in mass_parts.items())
    return moles / sum(mass_parts.values())


def excitation_energy(mass_parts: dict[str, float]) -> float:
    """Return the mean excitation energy in eV by Bragg's rule."""
    weights = {e: part * _Z_A_I[e][0] / _Z_A_I[e][1] for e, part in mass_parts.items()}
    mean = sum(w * log(_Z_A_I[e][2]) for e, w in weights.items()) / sum(weights.values())
    return float(2.718281828459045**mean)


def _stopping_number(mass_parts: dict[str, float], mev: float) -> float:
    """Return Bethe's logarithm for protons of an energy."""
    gamma = 1 + mev / PROTON_MEV
    beta2 = 1 - 1 / gamma**2
    transferred = 2 * ELECTRON_MEV * 1e6 * beta2 * gamma**2
    return log(transferred / excitation_energy(mass_parts)) - beta2


def _knots(edges: list[float]) -> Iterator[float]:
    """Yield the first and the last whole HU of each section."""
    for start, end in zip(edges, [*edges[1:], METAL_HU + 1], strict=True):
        yield start
        if end - 1 > start:
            yield end - 1
