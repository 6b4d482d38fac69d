"""Signals of pure tissues in common sequences at 1.5 T, from the equations of magnetisation.

Relaxation times and proton densities follow BrainWeb's table (Collins et al. 1998); skin, mucosa,
marrow, vitreous body and blood, which it lacks or simplifies, are estimates of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, radians, sin


@dataclass(frozen=True)
class Relaxation:
    """Times in ms and proton density relative to water."""

    t1: float
    t2: float
    t2_star: float
    density: float


TISSUES: Mapping[str, Relaxation] = {
    "csf": Relaxation(2569, 329, 58, 1.0),
    "grey": Relaxation(833, 83, 69, 0.86),
    "white": Relaxation(500, 70, 61, 0.77),
    "blood": Relaxation(1350, 180, 50, 0.9),
    "muscle": Relaxation(900, 47, 30, 0.95),
    "skin": Relaxation(800, 40, 25, 0.75),
    "mucosa": Relaxation(1200, 110, 50, 0.95),
    "eye": Relaxation(3000, 500, 150, 1.0),
    "fat": Relaxation(350, 70, 50, 1.0),
    "marrow": Relaxation(400, 65, 25, 0.8),
}
ENHANCED = {"blood": 5.0, "mucosa": 2.0, "skin": 0.15, "muscle": 0.15, "marrow": 0.1}
"""Contrast agent times its relaxivity, 1/s: 5 turns a T1 of 1350 ms into 174 ms."""
FAST_ECHO_FAT_T2 = 140.0
"""In trains of refocused echoes fat decays more slowly."""
FLOW_VOID = 0.12
"""What is left of flowing blood in a spin echo."""


@dataclass(frozen=True)
class Sequence:
    """A name, and how a tissue of some name shines."""

    name: str
    signal: Callable[[str, Relaxation], float]


def spin_echo(r: Relaxation, tr: float, te: float) -> float:
    """Saturation recovery with the refocusing pulse counted in; times in ms."""
    recovered = 1 - 2 * exp(-(tr - te / 2) / r.t1) + exp(-tr / r.t1)
    return r.density * recovered * exp(-te / r.t2)


def inversion_echo(r: Relaxation, tr: float, ti: float, te: float) -> float:
    """Inversion, then a spin echo, as magnitude; times in ms."""
    recovered = 1 - 2 * exp(-ti / r.t1) + 2 * exp(-(tr - te / 2) / r.t1) - exp(-tr / r.t1)
    return r.density * abs(recovered) * exp(-te / r.t2)


def inverted_gradient_echo(r: Relaxation, ti: float, te: float, tr: float, flip: float) -> float:
    """Inversion, then gradient echoes of a small flip angle (degrees), as in MP-RAGE; ms.

    The angle is taken to be so small that the echoes do not change what they measure.
    """
    recovered = 1 - 2 * exp(-ti / r.t1) / (1 + exp(-tr / r.t1))
    return r.density * abs(recovered) * sin(radians(flip)) * exp(-te / r.t2_star)


def _flowing(tissue: str, signal: float) -> float:
    return signal * FLOW_VOID if tissue == "blood" else signal


def _fast(tissue: str, r: Relaxation) -> Relaxation:
    fatty = tissue in ("fat", "marrow")
    return Relaxation(r.t1, FAST_ECHO_FAT_T2 if fatty else r.t2, r.t2_star, r.density)


def _enhanced(tissue: str, r: Relaxation) -> Relaxation:
    rate = ENHANCED.get(tissue, 0.0)
    return Relaxation(1000 / (1000 / r.t1 + rate), r.t2, r.t2_star, r.density)


SEQUENCES = (
    Sequence("T1", lambda n, r: _flowing(n, spin_echo(r, 550, 14))),
    Sequence("MP-RAGE", lambda n, r: inverted_gradient_echo(r, 900, 3.5, 2300, 9)),
    Sequence("T2", lambda n, r: _flowing(n, spin_echo(_fast(n, r), 4200, 98))),
    Sequence("PD", lambda n, r: _flowing(n, spin_echo(r, 2600, 22))),
    # The inversion time that nulls fluid of the table's T1.
    Sequence("FLAIR", lambda n, r: _flowing(n, inversion_echo(_fast(n, r), 9000, 1705, 110))),
    Sequence("T1 with agent", lambda n, r: spin_echo(_enhanced(n, r), 550, 14)),
)


def named(name: str) -> Sequence:
    """Return a sequence by its name."""
    return next(s for s in SEQUENCES if s.name == name)
