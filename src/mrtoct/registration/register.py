"""Bring two volumes of one head together: rigid registration by mutual information.

The CT is fixed and the MR moves; two MR channels are registered the same way. Where the usual
starts lead to nothing clearly good, all patient positions are tried before a verdict is given. A
registration must be checked, never trusted: the result says how far the mutual information falls
around it, what other starts found and whether a mirrored head would fit better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from mrtoct.errors import RegistrationError
from mrtoct.io.as_volume import VolumeLike, as_volume
from mrtoct.registration import pyramid
from mrtoct.registration.mirror import mirrored_ratio
from mrtoct.registration.search import (
    LEVELS,
    Level,
    Peaks,
    ScaledPair,
    SearchSettings,
    displaced,
    distance,
    level_pair,
    measure,
    scaled_pair,
    search,
    uncentered,
)
from mrtoct.registration.starts import (
    StartSettings,
    joined,
    near_starts,
    other_positions,
    start_at,
    targets,
)
from mrtoct.registration.verdict import Evidence, Verdict, judge
from mrtoct.volume import Array, Grid

if TYPE_CHECKING:
    from mrtoct.registration.mutual_information import Pair

__all__ = ["LEVELS", "Level", "Registration", "RegistrationSettings", "register"]

PEAK_DISTANCE = 10.0
"""How far from its peak the contrast is measured, mm; the verdict's limits belong to it."""


@dataclass(frozen=True)
class RegistrationSettings(SearchSettings):
    """How to search."""

    starts: StartSettings = StartSettings()
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid map from fixed (CT) to moving (MR) points and what speaks for it."""

    transform: Array  # 4 x 4, RAS mm: fixed world point to moving world point
    metric: float  # mutual information in nats at the transform
    contrast: float  # part of the metric lost 10 mm away, mean over 6 shifts and 6 turns
    coverage: float  # part of the fixed body that lies inside the moving field of view
    starts: int  # starts tried
    agreeing: int  # starts that ended near the transform
    runner_up_metric: float  # of the best end elsewhere, in nats; nan where there is none
    runner_up_distance: float  # mm, mean over the body, from that end to the transform
    mirrored: float  # the metric with a mirrored head over that without, both coarse
    searched: Literal["near", "wide"]
    verdict: Verdict
    reason: str


def register(
    fixed: VolumeLike,
    moving: VolumeLike,
    settings: RegistrationSettings = RegistrationSettings(),
    initial: Array | None = None,
) -> Registration:
    """Find the rigid transform between a CT and an MR, or two MR, of one head.

    A registration must be checked, never trusted: look at the verdict and at a picture.

    Parameters
    ----------
    fixed : Volume, path, image of nibabel or SimpleITK
        The CT in HU, which a path or an image is taken for; or, as a Volume in a.u., another MR.
    moving : Volume, path, image of nibabel or SimpleITK
        The MR.
    settings : RegistrationSettings
        How to search, and on what device.
    initial : array of shape (4, 4), optional
        A map of fixed to moving points (RAS mm) to start at; by default it is guessed that the
        volumes' centres or centres of mass agree.

    Returns
    -------
    Registration
        The transform (4 x 4, fixed points to moving points, RAS mm), the verdict and its reason.

    Raises
    ------
    RegistrationError
        If nothing can be found.
    ValueRangeError
        If a volume is in another unit, constant or not finite.
    FileError
        If a file cannot be read.

    Examples
    --------
    >>> import mrtoct
    >>> found = mrtoct.register("ct.nii.gz", "mr.nii.gz")
    >>> found.transform.shape, found.verdict in ("good", "doubtful")
    ((4, 4), True)
    """
    fixed = as_volume(fixed, ("HU", "a.u."), "fixed volume")
    moving = as_volume(moving, "a.u.", "moving MR")
    rng = np.random.default_rng(settings.seed)
    pair = scaled_pair(fixed, moving, settings)
    turn = np.eye(3) if initial is None else np.asarray(initial, dtype=np.float64)[:3, :3]
    goals = targets(fixed, moving, pair.center, initial)
    near, others = near_starts(turn, goals, settings.starts.tilt), other_positions(turn, goals)
    mode = settings.starts.search
    starts = joined(near, others) if mode == "wide" else near
    tried = len(starts.votes)
    peaks = [search(pair, starts, settings, rng)]
    if mode != "auto":
        return judged(pair, moving.grid, peaks, (mode, tried), settings, rng)
    if peaks[0].overlap >= settings.minimum_overlap:
        found = judged(pair, moving.grid, peaks, ("near", tried), settings, rng)
        if found.verdict == "good":
            return found
    starts = joined(start_at(peaks[0].best, peaks[0].votes), others)
    peaks.append(search(pair, starts, settings, rng))
    return judged(pair, moving.grid, peaks, ("wide", tried + len(others.votes)), settings, rng)


def judged(
    pair: ScaledPair,
    moving: Grid,
    peaks: list[Peaks],
    tried: tuple[Literal["near", "wide"], int],
    settings: RegistrationSettings,
    rng: np.random.Generator,
) -> Registration:
    """Compare where searches ended on the same points and judge the best end.

    moving is the uncropped grid of the moving volume, tried says which starts and how many.
    """
    peaks = [p for p in peaks if p.overlap >= settings.minimum_overlap] or peaks[:1]
    if peaks[0].overlap < settings.minimum_overlap:
        raise RegistrationError(
            f"the MR covers at most {peaks[0].overlap:.0%} of the fixed volume's body and its "
            f"surroundings (at least {settings.minimum_overlap:.0%} is needed): do both show the "
            "same part of the body?"
        )
    # All points take part: with fewer on the surfaces that thick slices graze, peaks are flatter.
    points = level_pair(pair, settings.levels[-1], 1.0, rng)
    ends = [(p.best, p.votes) for p in peaks] + [(e, 0) for p in peaks for e in p.elsewhere]
    metric, _ = measure(points, np.stack([end for end, _ in ends]))
    order = np.argsort(-metric, kind="stable").tolist()
    best, agreeing = ends[order[0]]
    rivals = [i for i in order if distance(ends[i][0], best, pair.body) > settings.same_end]
    evidence = Evidence(
        contrast=contrast_at(points, best, float(metric[order[0]]), settings.radius),
        agreeing=agreeing,
        starts=tried[1],
        rival=float(metric[rivals[0]] / metric[order[0]]) if rivals else float("nan"),
        mirrored=mirrored_ratio(pair, best, settings, rng),
        searched=tried[0],
    )
    verdict, reason = judge(evidence)
    transform = uncentered(best, pair.center)
    return Registration(
        transform=transform,
        metric=float(metric[order[0]]),
        contrast=evidence.contrast,
        coverage=pyramid.covered(moving, pair.body + pair.center, transform),
        starts=tried[1],
        agreeing=agreeing,
        runner_up_metric=float(metric[rivals[0]]) if rivals else float("nan"),
        runner_up_distance=(
            distance(best, ends[rivals[0]][0], pair.body) if rivals else float("nan")
        ),
        mirrored=evidence.mirrored,
        searched=tried[0],
        verdict=verdict,
        reason=reason,
    )


def contrast_at(points: Pair, pose: Array, metric: float, radius: float) -> float:
    """Return which part of a pose's metric is lost 10 mm away, shifted or turned at the radius."""
    around, _ = measure(points, np.stack(displaced(pose, PEAK_DISTANCE, radius)))
    return float(1 - around.mean() / metric)
