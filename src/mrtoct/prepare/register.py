"""Bring a CT and an MR of one head together: rigid registration by mutual information.

The CT is fixed and the MR moves. All starts of a pair climb together in one batch, from coarse to
fine; after each level a metric on dense samples ranks them, starts that met are merged, and the
losers are dropped. What the starts did is also what a verdict on the result is made of: a
registration must be checked, never trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from mrtoct.errors import RegistrationError
from mrtoct.prepare import pyramid
from mrtoct.prepare.starts import StartSettings, starting_poses
from mrtoct.volume import Array, Grid, Volume

if TYPE_CHECKING:
    from mrtoct.prepare.mutual_information import Pair


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
    Level(spacing=4, smoothing=2, iterations=40, step=2.0, samples=4000, keep=3),
    Level(spacing=2, smoothing=1, iterations=40, step=0.8, samples=8000, keep=1),
    Level(spacing=1, smoothing=0, iterations=40, step=0.2, samples=20000, keep=1),
)


@dataclass(frozen=True)
class RegistrationSettings:
    """How to search."""

    levels: tuple[Level, ...] = LEVELS
    starts: StartSettings = StartSettings()
    radius: float = 80.0  # mm: a head's radius, what one radian weighs against one mm
    margin: float = 20.0  # mm of air around the body that takes part: it holds the outline
    minimum_overlap: float = 0.3  # part of the sampled points that the MR must cover
    same_end: float = 5.0  # mm: starts that end nearer to each other agree
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Registration:
    """A rigid map from CT to MR points and what speaks for it."""

    transform: Array  # 4 x 4, RAS mm: CT world point to MR world point
    metric: float  # mutual information in nats at the transform
    contrast: float  # part of the metric lost 10 mm or 10 mm's worth of degrees away
    coverage: float  # part of the CT body that lies inside the MR's field of view
    starts: int  # starts tried
    agreeing: int  # starts that ended near the transform
    runner_up_metric: float  # of the best end elsewhere, in nats; nan where all starts agree
    runner_up_distance: float  # mm, mean over the head, between that end and the transform
    verdict: Literal["good", "doubtful"]
    reason: str  # one sentence


def register(
    ct: Volume,
    mr: Volume,
    settings: RegistrationSettings = RegistrationSettings(),
    initial: Array | None = None,
) -> Registration:
    """Find the rigid transform that maps CT points (HU volume) to MR points, in RAS mm.

    initial (4 x 4, CT to MR) replaces the guesses that volume centres or centres of mass agree.
    """
    from mrtoct.prepare import mutual_information as mi

    rng = np.random.default_rng(settings.seed)
    body = pyramid.body_mask(ct)
    center = pyramid.center_of_mass(body)
    head = body.grid.to_world(np.argwhere(body.voxels))
    around = pyramid.dilated(body, settings.margin)
    fixed = pyramid.scaled_ct(ct.cropped(pyramid.box_around(body, ct.grid, settings.margin)))
    moving = pyramid.scaled_mr(mr)

    rotations, positions = starting_poses(ct, mr, center, settings.starts, initial)
    poses = mi.Poses.at(rotations, positions, settings.radius)
    votes = np.ones(len(rotations), dtype=int)
    second: Array | None = None
    for level in settings.levels:
        poses, votes = poses.select(range(level.keep)), votes[: level.keep]
        pair = _level_pair(fixed, moving, around, center, level, poses.matrices().numpy(), rng)
        poses = mi.climb(pair, poses, level.iterations, level.step)
        ends = poses.matrices().numpy().astype(np.float64)
        metric, overlap = _measure(pair, ends)
        metric[overlap < settings.minimum_overlap] = -np.inf
        if not np.isfinite(metric).any():
            raise RegistrationError(
                f"no start keeps {settings.minimum_overlap:.0%} of the CT's surroundings inside "
                f"the MR (best {overlap.max():.0%}): do both show the same part of the body?"
            )
        order, votes = _merge(ends, metric, votes, head - center, settings.same_end)
        poses = poses.select(order)
        if len(order) > 1:
            second = ends[order[1]]
    best = ends[order[0]]
    return _result(pair, best, second, center, head, mr.grid, len(rotations), int(votes[0]))


BATCHES = 10
"""Batches of random points a level draws; its iterations take turns through them."""

DENSE_SAMPLES = 20000
"""About how many points ends are compared on."""


def _level_pair(
    fixed: Volume,
    moving: Volume,
    around: Volume,
    center: Array,
    level: Level,
    poses: Array,
    rng: np.random.Generator,
) -> Pair:
    """Pool and smooth both volumes for a level and draw its points."""
    from mrtoct.prepare import mutual_information as mi

    fixed, moving = (
        pyramid.smoothed(pyramid.pooled(v, level.spacing), level.smoothing) for v in (fixed, moving)
    )

    def accept(points: Array) -> Array:
        accepted = pyramid.inside(fixed.grid, points)
        if len(poses) == 1:
            # Points that enter or leave the MR's field of view on the way would change what is
            # compared: mutual information then rises by trading air for head, which pulled
            # clinical thick-slice pairs 1 to 2 mm along the slice normal.
            mapped = (points - center) @ poses[0, :3, :3].T + poses[0, :3, 3]
            accepted &= pyramid.inside(moving.grid, mapped, margin=2 * level.spacing)
        return accepted

    points = pyramid.random_points(around, accept, BATCHES, level.samples, rng)
    return mi.make_pair(fixed, moving, points, center)


def _measure(pair: Pair, matrices: Array) -> tuple[Array, Array]:
    """Return metric and overlap (S,) of poses (S, 4, 4) on the same dense points."""
    import torch

    from mrtoct.prepare import mutual_information as mi

    batches = slice(0, -(-DENSE_SAMPLES // pair.points.shape[1]))
    with torch.no_grad():
        metric, overlap = mi.evaluate(
            pair, torch.from_numpy(matrices.astype(np.float32)), batches
        )
    return metric.double().numpy(), overlap.double().numpy()


def _merge(
    ends: Array, metric: Array, votes: Array, points: Array, same_end: float
) -> tuple[list[int], Array]:
    """Rank ends (S, 4, 4) by metric, merging those that met; return who stays and their votes."""
    kept: list[int] = []
    count: list[int] = []
    for i in np.argsort(-metric, kind="stable").tolist():
        if not np.isfinite(metric[i]):
            continue
        near = [n for n, k in enumerate(kept) if _distance(ends[i], ends[k], points) <= same_end]
        if near:
            count[near[0]] += votes[i]
        else:
            kept.append(i)
            count.append(int(votes[i]))
    return kept, np.array(count)


def _distance(first: Array, second: Array, points: Array) -> float:
    """Return the mean distance in mm between two maps (4 x 4) of points (N, 3)."""
    change = points @ (first - second)[:3, :3].T + (first - second)[:3, 3]
    return float(np.linalg.norm(change, axis=1).mean())


def _result(
    pair: Pair,
    best: Array,
    second: Array | None,
    center: Array,
    head: Array,
    mr: Grid,
    starts: int,
    agreeing: int,
) -> Registration:
    """Measure what speaks for the best pose (4 x 4, from centred CT points) and judge it."""
    away = _displaced(best, 10.0, 80.0)
    other = best if second is None else second
    metric, _ = _measure(pair, np.concatenate([[best, other], away]))
    transform = best.copy()
    # Single precision leaves rotations off by 1e-7: return the nearest rigid map.
    u, _, v = np.linalg.svd(best[:3, :3])
    transform[:3, :3] = u @ v
    transform[:3, 3] = best[:3, 3] - transform[:3, :3] @ center
    covered = pyramid.inside(mr, head @ transform[:3, :3].T + transform[:3, 3])
    return Registration(
        transform=transform,
        metric=float(metric[0]),
        contrast=float(1 - metric[2:].mean() / metric[0]),
        coverage=float(covered.mean()),
        starts=starts,
        agreeing=agreeing,
        runner_up_metric=float("nan") if second is None else float(metric[1]),
        runner_up_distance=float("nan") if second is None else _distance(best, second, head - center),
        verdict="good",
        reason="",
    )


def _displaced(pose: Array, distance: float, radius: float) -> Array:
    """Return the pose moved both ways along and about each axis (12, 4, 4)."""
    from scipy.spatial.transform import Rotation

    moved = []
    for vector in distance * np.concatenate([np.eye(3), -np.eye(3)]):
        shifted, turned = pose.copy(), pose.copy()
        shifted[:3, 3] += vector
        turned[:3, :3] = Rotation.from_rotvec(vector / radius).as_matrix() @ pose[:3, :3]
        moved += [shifted, turned]
    return np.stack(moved)
