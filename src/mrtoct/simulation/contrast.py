"""Which signal each tissue has: sequences with drawn settings, or no sequence at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.tissues import TISSUES, Tissue
from mrtoct.volume import Array

SEQUENCES = ("t1", "mprage", "t2", "pd", "flair", "t1-contrast", "gre")
SHARES = (0.17, 0.24, 0.2, 0.06, 0.2, 0.08, 0.05)
ANY = "any"
"""Random signals: what is not foreseen here."""
PHYSICAL = 0.6
"""Share of the scans whose contrast is that of a sequence."""

NULLING = ("mprage", "flair")
"""Sequences whose inversion is often timed so that fluid is as dark as bone and air."""
NULLED = 0.5
"""Share of their scans in which the fluid's own relaxation time was met."""

SILENT = (Tissue.AIR, Tissue.INNER_AIR, Tissue.METAL)
FLUID = (Tissue.CSF, Tissue.VITREOUS)
DARK = (Tissue.CORTICAL_BONE, Tissue.ENAMEL, Tissue.DENTINE)
ENHANCED = (Tissue.BLOOD, Tissue.MUCOSA, Tissue.DURA)
"""Where contrast agent stays, of healthy tissue."""

_T1, _T2, _PD = (
    np.array([getattr(TISSUES[tissue], name) for tissue in sorted(TISSUES)], dtype=np.float64)
    for name in ("t1", "t2", "pd")
)


def draw_signals(
    rng: np.random.Generator, sequence: str | None = None, *, fat_saturation: float = 0.15
) -> Array:
    """Return the signal of every tissue, float32 (21,), the brightest 1.

    Without a named sequence one is drawn, or random signals. Bone gives little or nothing; marrow
    is fat, but often shows less of it. fat_saturation is the share of scans in which the signal of
    fat is suppressed. Raises ValueRangeError for a sequence that is not known.
    """
    if sequence not in (None, ANY, *SEQUENCES):
        raise ValueRangeError(f"contrasts are {', '.join(SEQUENCES)} and {ANY}, got {sequence!r}")
    if sequence is None:
        physical = rng.uniform() < PHYSICAL
        sequence = str(rng.choice(SEQUENCES, p=SHARES)) if physical else ANY
    if sequence == ANY:
        signals = rng.uniform(0, 1, len(_PD))
        # Skin, muscle and the like differ, but marrow follows fat in every sequence.
        signals[Tissue.DIPLOE] = rng.uniform(0.1, 1) * max(float(signals[Tissue.FAT]), 0.2)
    else:
        signals = _EQUATIONS[sequence](rng)
        signals[Tissue.DIPLOE] = max(signals[Tissue.DIPLOE], signals[Tissue.FAT])
    if sequence == "t1-contrast":
        bright = signals[[Tissue.WHITE_MATTER, Tissue.GREY_MATTER]].max()
        signals[[*ENHANCED]] = bright * rng.uniform(1.2, 2.0, len(ENHANCED))
        signals[Tissue.LESION] *= rng.uniform(1.0, 2.5)
    elif rng.uniform() < 0.4:
        signals[Tissue.BLOOD] = rng.uniform(0, 1.5) * signals[Tissue.WHITE_MATTER]  # it flows
    if sequence in NULLING and rng.uniform() < NULLED:
        signals[[*FLUID]] *= rng.uniform(0, 0.3)
    if rng.uniform() < fat_saturation:
        signals[[Tissue.FAT, Tissue.DIPLOE]] *= rng.uniform(0.05, 0.4)  # fat saturation
    signals = signals / max(float(np.delete(signals, _NOT_BRIGHTEST).max()), 1e-3)
    signals[[*SILENT]] = 0
    faint = rng.uniform(0, 0.12) if rng.uniform() < 0.7 else 0.0
    signals[[*DARK]] = faint
    signals[Tissue.DIPLOE] = max(float(signals[Tissue.DIPLOE]) * rng.uniform(0.3, 1.05), 0.02)
    return np.asarray(np.clip(signals, 0, 2), dtype=np.float32)


_NOT_BRIGHTEST = [*SILENT, *DARK]


def _properties(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return T1 and T2 in ms and proton density of every tissue, varied by field and person."""
    n = len(_T1)
    t1 = _T1 * rng.uniform(0.8, 1.25, n) * rng.uniform(0.8, 1.4)
    t2 = _T2 * rng.uniform(0.75, 1.3, n)
    # BrainWeb gives skin and dura the values of fluid; scans show them darker.
    for tissue in (Tissue.SKIN, Tissue.DURA):
        t1[tissue] *= rng.uniform(0.3, 0.7)
        t2[tissue] *= rng.uniform(0.1, 0.4)
    return t1, t2, _PD * rng.uniform(0.85, 1.1, n)


def _t1(rng: np.random.Generator) -> Array:
    t1, t2, pd = _properties(rng)
    tr, te = rng.uniform(400, 800), rng.uniform(8, 20)
    return np.asarray(pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2))


def _mprage(rng: np.random.Generator) -> Array:
    t1, t2, pd = _properties(rng)
    ti = rng.uniform(700, 1100)
    recovered = 1 - 1.85 * np.exp(-ti / t1) + 0.85 * np.exp(-2200 / t1)
    return np.asarray(pd * np.abs(recovered) * np.exp(-3 / t2))


def _t2(rng: np.random.Generator) -> Array:
    t1, t2, pd = _properties(rng)
    tr, te = rng.uniform(2500, 6000), rng.uniform(75, 120)
    return np.asarray(pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2))


def _pd(rng: np.random.Generator) -> Array:
    t1, t2, pd = _properties(rng)
    tr, te = rng.uniform(2000, 3500), rng.uniform(12, 30)
    return np.asarray(pd * (1 - np.exp(-tr / t1)) * np.exp(-te / t2))


def _flair(rng: np.random.Generator) -> Array:
    t1, t2, pd = _properties(rng)
    recovered = 1 - 2 * np.exp(-rng.uniform(2000, 2600) / t1) + np.exp(-9000 / t1)
    return np.asarray(pd * np.abs(recovered) * np.exp(-rng.uniform(80, 130) / t2))


def _gre(rng: np.random.Generator) -> Array:
    """Spoiled gradient echo: S = PD sin a (1 - E) / (1 - cos a E) exp(-TE / T2)."""
    t1, t2, pd = _properties(rng)
    flip = np.deg2rad(rng.uniform(8, 30))
    e = np.exp(-rng.uniform(8, 30) / t1)
    relaxed = np.sin(flip) * (1 - e) / (1 - np.cos(flip) * e)
    return np.asarray(pd * relaxed * np.exp(-rng.uniform(3, 8) / t2))


_EQUATIONS: dict[str, Callable[[np.random.Generator], Array]] = {
    "t1": _t1,
    "mprage": _mprage,
    "t2": _t2,
    "pd": _pd,
    "flair": _flair,
    "t1-contrast": _t1,
    "gre": _gre,
}
