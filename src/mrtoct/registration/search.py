"""Climb to the best alignment from many starts at once, from coarse to fine.

All starts of a pair climb together in one batch. After each level a metric on dense samples ranks
them, starts that met are merged, and the losers are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.registration import pyramid
from mrtoct.volume import Array, Volume

if TYPE_CHECKING:  # torch takes two seconds to import: only a search pays for it
    from mrtoct.registration.mutual_information import Pair

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
class SearchSettings:
    """How starts climb and when two are the same."""

    levels: tuple[Level, ...] = LEVELS
    radius: float = 80.0  # mm: a head's radius, what one radian weighs against one mm
    margin: float = 20.0  # mm of air around the body that takes part: it shows the outline
    minimum_overlap: float = 0.3  # part of the body and its margin that the MR must cover
    same_end: float = 10.0  # mm: starts that end nearer to each other agree
    device: str = "cpu"  # of torch; on a GPU, sums in another order leave differences below 0.01 mm


@dataclass(frozen=True, eq=False)
class ScaledPair:
    """Two volumes as the search sees them: values 0..1, the fixed one cropped to the body."""

    fixed: Volume
    moving: Volume
    around: Volume  # mask of the body and the air that takes part
    center: Array  # (3,): the body's centre of mass, RAS mm
    body: Array  # (N, 3): points of the body relative to the centre
    device: str  # where the search computes


@dataclass(frozen=True, eq=False)
class Starts:
    """S poses to begin at; a pose takes a fixed point p to rotation (p - center) + position."""

    rotations: Array  # (S, 3, 3); mirrored ones have a negative determinant and stay mirrored
    positions: Array  # (S, 3): where the fixed body's centre goes, RAS mm
    votes: Array  # (S,): how many earlier starts each stands for


@dataclass(frozen=True, eq=False)
class Peaks:
    """Where a search ended: maps (4 x 4) from fixed points relative to the centre to RAS mm."""

    best: Array
    votes: int  # starts that ended there
    elsewhere: list[Array]  # the next best alignment of the last level that had one: 0 or 1
    overlap: float  # part of the body and its margin inside the moving volume


def scaled_pair(fixed: Volume, moving: Volume, settings: SearchSettings) -> ScaledPair:
    """Find the body in the fixed volume (CT or MR) and scale both."""
    margin = settings.margin
    body = pyramid.body(fixed)
    center = pyramid.center_of_mass(body)
    return ScaledPair(
        fixed=pyramid.scaled(fixed.cropped(pyramid.box_around(body, fixed.grid, margin))),
        moving=pyramid.scaled(moving),
        around=pyramid.dilated(body, margin),
        center=center,
        body=body.grid.to_world(np.argwhere(body.voxels)) - center,
        device=settings.device,
    )


def search(
    pair: ScaledPair, starts: Starts, settings: SearchSettings, rng: np.random.Generator
) -> Peaks:
    """Climb from the starts through all levels; the best end may have too little overlap."""
    from mrtoct.registration import mutual_information as mi

    poses = mi.Poses.at(starts.rotations, starts.positions, settings.radius)
    votes = starts.votes
    elsewhere: list[Array] = []
    for level in settings.levels:
        poses, votes = poses.select(range(level.keep)), votes[: level.keep]
        points = level_pair(pair, level, MIXED_SHARE, rng)
        poses = mi.climb(points, poses, level.iterations, level.step)
        ends = poses.matrices().double().cpu().numpy()
        metric, overlap = measure(points, ends)
        enough = overlap >= settings.minimum_overlap
        if not enough.any():
            top = int(overlap.argmax())
            return Peaks(ends[top], int(votes[top]), [], float(overlap[top]))
        metric[~enough] = -np.inf
        order, votes = _merge(ends, metric, votes, pair.body, settings.same_end)
        poses = poses.select(order)
        elsewhere = [ends[i] for i in order[1:2]] or elsewhere
    best = ends[order[0]]
    # A runner-up of an earlier level may be where the best one has gone since.
    elsewhere = [e for e in elsewhere if distance(best, e, pair.body) > settings.same_end]
    return Peaks(best, int(votes[0]), elsewhere, float(overlap[order[0]]))


def level_pair(pair: ScaledPair, level: Level, share: float, rng: np.random.Generator) -> Pair:
    """Pool and smooth both volumes for a level and draw its points; share as `MIXED_SHARE`."""
    from mrtoct.registration import mutual_information as mi

    fixed, moving = (
        pyramid.smoothed(pyramid.pooled(v, level.spacing), level.smoothing)
        for v in (pair.fixed, pair.moving)
    )
    mixed = pyramid.mixed(fixed, level.spacing, MIXED_CHANGE)
    points = pyramid.random_points(pair.around, mixed, share, BATCHES, level.samples, rng)
    return mi.make_pair(fixed, moving, points, pair.center, pair.device)


def measure(pair: Pair, matrices: Array) -> tuple[Array, Array]:
    """Return metric and overlap (S,) of poses (S, 4, 4) on the same dense points."""
    import torch

    from mrtoct.registration import mutual_information as mi

    batches = slice(0, -(-DENSE_SAMPLES // pair.points.shape[1]))
    with torch.no_grad():
        poses = torch.from_numpy(matrices.astype(np.float32)).to(pair.points.device)
        metric, overlap = mi.evaluate(pair, poses, batches)
    return metric.double().cpu().numpy(), overlap.double().cpu().numpy()


def distance(first: Array, second: Array, points: Array) -> float:
    """Return the mean distance in mm between two maps (4 x 4) of points (N, 3)."""
    change = points @ (first - second)[:3, :3].T + (first - second)[:3, 3]
    return float(np.linalg.norm(change, axis=1).mean())


def displaced(pose: Array, length: float, radius: float) -> list[Array]:
    """Return 12 poses: shifted by mm, or turned by that much at the radius, along each axis."""
    moved = []
    for vector in length * np.concatenate([np.eye(3), -np.eye(3)]):
        shifted, turned = pose.copy(), pose.copy()
        shifted[:3, 3] += vector
        turned[:3, :3] = Rotation.from_rotvec(vector / radius).as_matrix() @ pose[:3, :3]
        moved += [shifted, turned]
    return moved


def centered(transform: Array, center: Array) -> Array:
    """Turn a map (4 x 4) of world points into one of points relative to the centre."""
    pose = np.array(transform, dtype=np.float64)
    pose[:3, 3] += pose[:3, :3] @ center
    return pose


def uncentered(pose: Array, center: Array) -> Array:
    """Turn a map of points relative to the centre into the nearest rigid map of world points."""
    u, _, v = np.linalg.svd(pose[:3, :3])  # single precision leaves rotations off by 1e-7
    transform = np.eye(4)
    transform[:3, :3] = u @ v
    transform[:3, 3] = pose[:3, 3] - transform[:3, :3] @ center
    return transform


def _merge(
    ends: Array, metric: Array, votes: Array, body: Array, same_end: float
) -> tuple[list[int], Array]:
    """Rank ends (S, 4, 4) by metric, merging those that met; return who stays and their votes."""
    kept: list[int] = []
    count: list[int] = []
    for i in np.argsort(-metric, kind="stable").tolist():
        if not np.isfinite(metric[i]):
            continue
        near = [n for n, k in enumerate(kept) if distance(ends[i], ends[k], body) <= same_end]
        if near:
            count[near[0]] += int(votes[i])
        else:
            kept.append(i)
            count.append(int(votes[i]))
    return kept, np.array(count)
