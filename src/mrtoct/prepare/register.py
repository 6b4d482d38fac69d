"""Bring a CT and an MR of one head together: rigid registration by mutual information.

The CT is fixed and the MR moves. All starts of a pair climb together in one batch, from coarse to
fine; after each level a metric on dense samples ranks them, starts that met are merged, and the
losers are dropped. A registration must be checked, never trusted: the result says how far the
mutual information falls around it and what the other starts found, and draws a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.errors import RegistrationError
from mrtoct.prepare import pyramid
from mrtoct.prepare.registration_verdict import Verdict, judge
from mrtoct.prepare.starts import StartSettings, starting_poses
from mrtoct.volume import Array, Volume

if TYPE_CHECKING:  # torch takes two seconds to import: only `register` pays for it
    from mrtoct.prepare.mutual_information import Pair

BATCHES = 10
"""Batches of random points that a level draws; its iterations take turns through them."""

DENSE_SAMPLES = 20000
"""About how many points ends are compared on."""

MIXED_CHANGE = 0.2
"""A thick slice that differs by more from the next may mix tissues (on the scale of CT values:
200 HU between soft tissues, 700 HU in bone)."""

MIXED_SHARE = 0.35
"""How many of the points in mixed voxels take part. In simulated scans of 4 mm slices all of them
gave 1.6 mm of error for T2 (0.5 for T1), this share 1.1 (0.3), and none 0.8 (0.5); but without
them a head of few other edges lost its hold (from 0.4 to 1.4 mm)."""

PEAK_DISTANCE = 10.0
"""How far from its peak the contrast is measured, mm; the verdict's limits belong to it."""


@dataclass(frozen=True)
class Level:
    """One stage from coarse to fine."""

    spacing: float  # mm: axes finer than this are pooled up to it
    smoothing: float  # mm: sigma of a Gaussian
    iterations: int
    step: float  # mm: the first step of the ascent; it decays to a tenth
    samples: int  # random points an iteration
    keep: int  # the most starts that climb here


LEVELS = (
    Level(spacing=8, smoothing=4, iterations=30, step=4.5, samples=1500, keep=100),
    Level(spacing=4, smoothing=2, iterations=50, step=2.0, samples=5000, keep=3),
    Level(spacing=2, smoothing=1, iterations=60, step=1.6, samples=8000, keep=2),
    Level(spacing=1, smoothing=0, iterations=50, step=0.5, samples=20000, keep=1),
)


@dataclass(frozen=True)
class RegistrationSettings:
    """How to search."""

    levels: tuple[Level, ...] = LEVELS
    starts: StartSettings = StartSettings()
    radius: float = 80.0  # mm: a head's radius, what one radian weighs against one mm
    margin: float = 20.0  # mm of air around the body that takes part: it shows the outline
    minimum_overlap: float = 0.3  # part of the body and its margin that the MR must cover
    same_end: float = 10.0  # mm: starts that end nearer to each other agree
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid map from CT to MR points and what speaks for it."""

    transform: Array  # 4 x 4, RAS mm: CT world point to MR world point
    metric: float  # mutual information in nats at the transform
    contrast: float  # part of the metric lost 10 mm away, mean over 6 shifts and 6 turns
    coverage: float  # part of the CT's body that lies inside the MR's field of view
    starts: int  # starts tried
    agreeing: int  # starts that ended near the transform
    runner_up_metric: float  # of the best end elsewhere, in nats; nan where there is none
    runner_up_distance: float  # mm, mean over the body, from that end to the transform
    verdict: Verdict
    reason: str


def register(
    ct: Volume,
    mr: Volume,
    settings: RegistrationSettings = RegistrationSettings(),
    initial: Array | None = None,
) -> Registration:
    """Find the rigid transform that maps CT points (HU volume) to MR points, in RAS mm.

    initial (4 x 4, CT to MR) replaces the guesses that volume centres or centres of mass agree.
    Raises RegistrationError where nothing can be found; look at the verdict where something was.
    """
    from mrtoct.prepare import mutual_information as mi

    rng = np.random.default_rng(settings.seed)
    moving = pyramid.scaled_mr(mr)
    body = pyramid.body_mask(ct)
    fixed = pyramid.scaled_ct(ct.cropped(pyramid.box_around(body, ct.grid, settings.margin)))
    around = pyramid.dilated(body, settings.margin)
    center = pyramid.center_of_mass(body)
    head = body.grid.to_world(np.argwhere(body.voxels)) - center

    rotations, positions = starting_poses(ct, mr, center, settings.starts, initial)
    poses = mi.Poses.at(rotations, positions, settings.radius)
    votes = np.ones(len(rotations), dtype=int)
    elsewhere: list[Array] = []
    for level in settings.levels:
        poses, votes = poses.select(range(level.keep)), votes[: level.keep]
        pair = _level_pair(fixed, moving, around, center, level, MIXED_SHARE, rng)
        poses = mi.climb(pair, poses, level.iterations, level.step)
        ends = poses.matrices().double().numpy()
        metric, overlap = _measure(pair, ends)
        if overlap.max() < settings.minimum_overlap:
            raise RegistrationError(
                f"the MR covers at most {overlap.max():.0%} of the CT's body and its surroundings "
                f"(at least {settings.minimum_overlap:.0%} is needed): do both show the same part "
                "of the body?"
            )
        metric[overlap < settings.minimum_overlap] = -np.inf
        order, votes = _merge(ends, metric, votes, head, settings.same_end)
        poses = poses.select(order)
        elsewhere = [ends[i] for i in order[1:2]] or elsewhere

    best = ends[order[0]]
    # A runner-up of an earlier level may be where the best one has gone since.
    elsewhere = [e for e in elsewhere if _distance(best, e, head) > settings.same_end]
    around_best = _displaced(best, PEAK_DISTANCE, settings.radius)
    # Judge on all points: with fewer on the surfaces that thick slices graze, peaks are flatter.
    pair = _level_pair(fixed, moving, around, center, level, 1.0, rng)
    metric, _ = _measure(pair, np.stack([best, *around_best, *elsewhere]))
    contrast = float(1 - metric[1:13].mean() / metric[0])
    runner_up = float(metric[13]) if elsewhere else float("nan")
    verdict, reason = judge(contrast, int(votes[0]), len(rotations), runner_up / float(metric[0]))
    transform = _uncentered(best, center)
    mapped = (head + center) @ transform[:3, :3].T + transform[:3, 3]
    return Registration(
        transform=transform,
        metric=float(metric[0]),
        contrast=contrast,
        coverage=float(pyramid.inside(mr.grid, mapped).mean()),
        starts=len(rotations),
        agreeing=int(votes[0]),
        runner_up_metric=runner_up,
        runner_up_distance=_distance(best, elsewhere[0], head) if elsewhere else float("nan"),
        verdict=verdict,
        reason=reason,
    )


def _level_pair(
    fixed: Volume,
    moving: Volume,
    around: Volume,
    center: Array,
    level: Level,
    share: float,
    rng: np.random.Generator,
) -> Pair:
    """Pool and smooth both volumes for a level and draw its points."""
    from mrtoct.prepare import mutual_information as mi

    fixed, moving = (
        pyramid.smoothed(pyramid.pooled(v, level.spacing), level.smoothing) for v in (fixed, moving)
    )
    mixed = pyramid.mixed(fixed, level.spacing, MIXED_CHANGE)
    points = pyramid.random_points(around, mixed, share, BATCHES, level.samples, rng)
    return mi.make_pair(fixed, moving, points, center)


def _measure(pair: Pair, matrices: Array) -> tuple[Array, Array]:
    """Return metric and overlap (S,) of poses (S, 4, 4) on the same dense points."""
    import torch

    from mrtoct.prepare import mutual_information as mi

    batches = slice(0, -(-DENSE_SAMPLES // pair.points.shape[1]))
    with torch.no_grad():
        metric, overlap = mi.evaluate(pair, torch.from_numpy(matrices.astype(np.float32)), batches)
    return metric.double().numpy(), overlap.double().numpy()


def _merge(
    ends: Array, metric: Array, votes: Array, head: Array, same_end: float
) -> tuple[list[int], Array]:
    """Rank ends (S, 4, 4) by metric, merging those that met; return who stays and their votes."""
    kept: list[int] = []
    count: list[int] = []
    for i in np.argsort(-metric, kind="stable").tolist():
        if not np.isfinite(metric[i]):
            continue
        near = [n for n, k in enumerate(kept) if _distance(ends[i], ends[k], head) <= same_end]
        if near:
            count[near[0]] += int(votes[i])
        else:
            kept.append(i)
            count.append(int(votes[i]))
    return kept, np.array(count)


def _distance(first: Array, second: Array, points: Array) -> float:
    """Return the mean distance in mm between two maps (4 x 4) of points (N, 3)."""
    change = points @ (first - second)[:3, :3].T + (first - second)[:3, 3]
    return float(np.linalg.norm(change, axis=1).mean())


def _displaced(pose: Array, distance: float, radius: float) -> list[Array]:
    """Return 12 poses: shifted by mm, or turned by that much at the radius, along each axis."""
    moved = []
    for vector in distance * np.concatenate([np.eye(3), -np.eye(3)]):
        shifted, turned = pose.copy(), pose.copy()
        shifted[:3, 3] += vector
        turned[:3, :3] = Rotation.from_rotvec(vector / radius).as_matrix() @ pose[:3, :3]
        moved += [shifted, turned]
    return moved


def _uncentered(pose: Array, center: Array) -> Array:
    """Turn a map of points relative to the centre into the nearest rigid map of world points."""
    u, _, v = np.linalg.svd(pose[:3, :3])  # single precision leaves rotations off by 1e-7
    transform = np.eye(4)
    transform[:3, :3] = u @ v
    transform[:3, 3] = pose[:3, 3] - transform[:3, :3] @ center
    return transform
