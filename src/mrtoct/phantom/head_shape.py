"""How one subject's head differs from the template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.shapes import Position


@dataclass(frozen=True)
class HeadShape:
    """Sizes of one head; lengths in template mm, pairs are (right, left)."""

    stretch: Position
    """Subject size over template size along x, y, z."""
    skull_thickness: float
    skull_variation: float
    """Amplitude of the smooth variation of the vault's thickness, as a fraction."""
    diploe: float
    """Thickness of the outer and inner table together, mm; the rest of the vault is diploe."""
    scalp_fat: float
    temporalis: float
    nose: float
    """How far the tip of the nose stands out, mm."""
    frontal_sinus: tuple[float, float]
    """Relative size; below 0.35 the sinus is not developed."""
    maxillary_sinus: tuple[float, float]
    sphenoid_sinus: float
    mucosa: float
    """Thickness of the lining of the air cavities, mm."""
    mastoid: tuple[float, float]
    """Fraction of the mastoid taken by air cells."""
    ventricles: float
    """Relative width."""
    sulcus: float
    """Half width of a sulcus at the brain's surface, mm: grows with age."""
    brain_gap: float
    """Subarachnoid space between the dura and the gyral crowns, mm."""
    gyral_wavelength: float
    cortex: float
    """Thickness, mm."""
    jaw_open: float
    """Gap between the rows of teeth, mm."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> HeadShape:
        """Draw a head: one size rules its three axes, one age the brain's fluid spaces."""
        size = rng.uniform(0.89, 0.98)
        age = rng.uniform()
        sinus = rng.uniform(0.6, 1.05)

        def pair(low: float, high: float) -> tuple[float, float]:
            right, left = rng.uniform(low, high, 2)
            return float(right), float(left)

        def one(low: float, high: float) -> float:
            return float(rng.uniform(low, high))

        fs, ms = pair(0.2, 1.1), pair(0.85, 1.1)
        return cls(
            stretch=(size * one(0.95, 1.05), size * one(0.95, 1.04), size * one(0.96, 1.04)),
            skull_thickness=one(5.2, 7.6),
            skull_variation=one(0.15, 0.3),
            diploe=one(2.6, 3.6),
            scalp_fat=one(2.8, 5.5),
            temporalis=one(5.0, 9.0),
            nose=one(18.0, 26.0),
            frontal_sinus=(fs[0] * sinus * 1.15, fs[1] * sinus * 1.15),
            maxillary_sinus=(ms[0], ms[1]),
            sphenoid_sinus=one(0.75, 1.1),
            mucosa=one(0.8, 2.0),
            mastoid=pair(0.15, 0.7),
            ventricles=0.75 + 0.55 * age + one(-0.1, 0.1),
            sulcus=0.75 + 0.55 * age + one(-0.1, 0.1),
            brain_gap=1.2 + 2.2 * age,
            gyral_wavelength=one(21.0, 25.0),
            cortex=one(2.5, 3.1),
            jaw_open=one(1.0, 6.0),
        )
