"""Judge a transform that came from elsewhere: a user's file, or data that claim to be aligned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import GeometryError
from mrtoct.registration import pyramid
from mrtoct.registration.register import (
    Registration,
    RegistrationSettings,
    contrast_at,
    register,
)
from mrtoct.registration.search import centered, distance, level_pair, measure, scaled_pair
from mrtoct.registration.verdict import Verdict
from mrtoct.volume import Array, Volume

CLOSE_MM = 2.0
"""How far, in the mean over the body, a good transform may lie from the optimum found from it."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """What the data say about a given map from fixed (CT) to moving (MR) points."""

    transform: Array  # 4 x 4, RAS mm: as given
    metric: float  # mutual information in nats at the transform
    contrast: float  # part of the metric lost 10 mm away, mean over 6 shifts and 6 turns
    coverage: float  # part of the fixed body that lies inside the moving field of view
    distance: float  # mm, mean over the body, to the best alignment found from there
    found: Registration  # that alignment; its metric belongs to the same points
    verdict: Verdict
    reason: str


def assess_registration(
    fixed: Volume,
    moving: Volume,
    transform: Array,
    settings: RegistrationSettings = RegistrationSettings(),
) -> Assessment:
    """Judge a rigid transform (4 x 4, RAS mm) from fixed (CT) to moving (MR) points.

    Registration starts from it: a transform is good where that ends nearby, at an alignment that
    is good itself. Raises RegistrationError as `register` does.
    """
    given = np.asarray(transform, dtype=np.float64)
    if given.shape != (4, 4) or not np.isfinite(given).all():
        raise GeometryError(f"a transform is a finite 4 x 4 matrix, got shape {given.shape}")
    found = register(fixed, moving, settings, given)
    pair = scaled_pair(fixed, moving, settings)
    points = level_pair(pair, settings.levels[-1], 1.0, np.random.default_rng(settings.seed))
    pose = centered(given, pair.center)
    metric = float(measure(points, pose[None])[0][0])
    best = float(measure(points, centered(found.transform, pair.center)[None])[0][0])
    apart = distance(pose, centered(found.transform, pair.center), pair.body)
    verdict, reason = _judge(apart, metric / best, found)
    return Assessment(
        transform=given,
        metric=metric,
        contrast=contrast_at(points, pose, metric, settings.radius),
        coverage=pyramid.covered(moving.grid, pair.body + pair.center, given),
        distance=apart,
        found=found,
        verdict=verdict,
        reason=reason,
    )


def _judge(apart: float, share: float, found: Registration) -> tuple[Verdict, str]:
    if apart > CLOSE_MM:
        return "doubtful", (
            f"the best alignment found from the given one is {apart:.1f} mm from it, where the "
            f"given one has {share:.0%} of the mutual information"
        )
    where = f"the given transform is {apart:.1f} mm from the best alignment found"
    return found.verdict, f"{where}; {found.reason}"
