"""What a standard deviation in HU is estimated from, and how.

    sd^2 = floor(HU)^2 + (surroundings * local contrast)^2 + (spread * the network's own doubt)^2

Independent sources of error add as variances: some tissues vary however plain the MR is, such as
the density of bone; edges are misplaced by a voxel or so, which costs as much as tissues differ
there; and the network's own doubt is the error that it expects, where it has learnt to, or how
differently it answers a head and its mirror image, in one of which it is wrong. The factors are
fitted on subjects that the network did not learn from (fit.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array

KNOTS = (-1024.0, -700.0, -300.0, -50.0, 80.0, 300.0, 700.0, 1200.0, 2000.0)
"""HU: air, its edge, fat, water and soft tissue, trabecular and compact bone, teeth and metal."""
RADIUS, MOST_RADIUS = 5.0, 100.0
"""Standard deviation in mm of the Gaussian that says what is near."""


@dataclass(frozen=True, eq=False)
class Signs:
    """What is known of voxels without their real CT: arrays of one shape, HU."""

    hu: Array
    """The synthetic CT."""
    contrast: Array
    """Standard deviation of the synthetic CT in the surroundings of a voxel."""
    disagreement: Array
    """The network's own doubt: the absolute error it expects, or the root mean square difference
    of what it makes of the views of a head."""


@dataclass(frozen=True)
class DeviationModel:
    """The numbers of the formula above."""

    floors: tuple[float, ...]
    """sd at the knots in HU where all around is even and all views agree; linear in variance."""
    surroundings: float
    """Part of the local contrast that is error."""
    spread: float
    """Error per doubt of the network."""
    knots: tuple[float, ...] = KNOTS
    """HU of the synthetic CT, rising."""
    radius: float = RADIUS
    """mm, of the surroundings."""
    heads: int = 0
    """Subjects that the numbers were fitted on."""

    def __post_init__(self) -> None:
        if len(self.floors) != len(self.knots) or len(self.knots) < 2:
            raise ValueError(
                f"a floor belongs to each of at least 2 knots, got {len(self.floors)} floors and "
                f"{len(self.knots)} knots"
            )
        if any(not a < b for a, b in zip(self.knots, self.knots[1:], strict=False)):
            raise ValueError(f"knots must rise, got {list(self.knots)}")
        numbers = {"surroundings": self.surroundings, "spread": self.spread}
        numbers |= {f"floors[{n}]": floor for n, floor in enumerate(self.floors)}
        for name, number in numbers.items():
            if not 0 <= number < math.inf:
                raise ValueError(f"{name} must be finite and at least 0, got {number}")
        if not 0 < self.radius <= MOST_RADIUS:
            raise ValueError(
                f"radius must be above 0 and at most {MOST_RADIUS:g} mm, got {self.radius}"
            )

    def signs(self, hu: Array, disagreement: Array, spacing: tuple[float, float, float]) -> Signs:
        """Gather the signs of a synthetic CT (I, J, K) in HU with a voxel spacing in mm."""
        return Signs(hu, local_contrast(hu, spacing, self.radius), disagreement)

    def apply(self, signs: Signs) -> Array:
        """Return the standard deviation in HU, float32, of the signs' shape."""
        floors = np.interp(signs.hu, self.knots, np.square(self.floors))
        variance = (
            floors
            + np.square(self.surroundings * signs.contrast)
            + np.square(self.spread * signs.disagreement)
        )
        return np.asarray(np.sqrt(variance), dtype=np.float32)


def local_contrast(hu: Array, spacing: tuple[float, float, float], radius: float) -> Array:
    """Return the standard deviation (I, J, K), HU, under a Gaussian of a radius in mm."""
    sigma = [radius / s for s in spacing]
    values = np.asarray(hu, dtype=np.float32)
    mean = ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3.0)
    square = ndimage.gaussian_filter(values**2, sigma, mode="nearest", truncate=3.0)
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), dtype=np.float32)
