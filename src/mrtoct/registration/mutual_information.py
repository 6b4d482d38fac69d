"""Mutual information of two volumes and its ascent over rigid poses, many poses at a time.

A joint histogram counts the fixed value by nearest bin and the moving value by cubic B-splines,
so that it is differentiable in the moving value (Mattes et al. 2003, IEEE TMI 22(1)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from mrtoct.volume import Array, Grid, Volume

BINS = 64


@dataclass(frozen=True)
class Pair:
    """One level of a pair: a bank of fixed points with their values, and the moving volume."""

    points: torch.Tensor  # (B, N, 4): batches of fixed points relative to the centre (mm), and 1
    fixed_bins: torch.Tensor  # (B, N): the bin of the fixed value, times BINS
    moving: torch.Tensor  # (1, 1, I, J, K), values 0..1
    to_grid: torch.Tensor  # (4, 4): moving world (mm) to grid_sample's -1..1 in the order K, J, I
    share: torch.Tensor | None = None  # (B, N): how much of a pose each point follows, None: all
    still: torch.Tensor | None = None  # (B, N, 3): the rest stays here, grid_sample's coordinates


@dataclass
class Poses:
    """S rigid poses: fixed point p -> exp(w) rotation (p - center) + position."""

    rotation: torch.Tensor  # (S, 3, 3): where each start began
    position: torch.Tensor  # (S, 3): where the fixed centre goes, mm
    change: torch.Tensor  # (S, 6): rotation vector w in radians times radius, and a shift in mm
    radius: float  # mm: what a radian weighs against a mm

    @classmethod
    def at(cls, rotations: Array, positions: Array, radius: float) -> Poses:
        """Begin at rotations (S, 3, 3) and positions (S, 3)."""
        return cls(
            torch.from_numpy(rotations.astype(np.float32)),
            torch.from_numpy(positions.astype(np.float32)),
            torch.zeros(len(rotations), 6),
            radius,
        )

    def matrices(self) -> torch.Tensor:
        """Return the poses as (S, 4, 4) maps from centred fixed points to moving world."""
        top = torch.cat(
            [
                rotation_matrices(self.change[:, :3] / self.radius) @ self.rotation,
                (self.position + self.change[:, 3:])[:, :, None],
            ],
            dim=2,
        )
        bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(top), 1, 4)
        return torch.cat([top, bottom], dim=1)

    def to(self, device: torch.device) -> Poses:
        """Return the poses on a device."""
        rotation, position = self.rotation.to(device), self.position.to(device)
        return Poses(rotation, position, self.change.to(device), self.radius)

    def select(self, index: Sequence[int]) -> Poses:
        """Keep some of the poses, in this order; indices beyond the last are left out."""
        some = [i for i in index if i < len(self.change)]
        return Poses(self.rotation[some], self.position[some], self.change[some], self.radius)


def rotation_matrices(vectors: torch.Tensor) -> torch.Tensor:
    """Turn rotation vectors (S, 3) in radians into matrices (S, 3, 3) by Rodrigues' formula."""
    angle = (vectors.square().sum(1) + 1e-12).sqrt()[:, None, None]
    zero = torch.zeros_like(vectors[:, 0])
    x, y, z = vectors.unbind(1)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    a = torch.sin(angle) / angle
    b = (1 - torch.cos(angle)) / angle.square()
    one = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return one + a * cross + b * (cross @ cross)


def make_pair(
    fixed: Volume, moving: Volume, points: Array, center: Array, device: str = "cpu"
) -> Pair:
    """Sample the fixed volume at batches of points (B, N, 3; RAS mm) inside it."""
    places = torch.from_numpy(
        (_homogeneous(points) @ _to_grid(fixed.grid)[:3].T).astype(np.float32)
    )
    values = _sample(_tensor(fixed), places)
    return Pair(
        points=torch.from_numpy(_homogeneous(points - center).astype(np.float32)).to(device),
        fixed_bins=((values * BINS).long().clamp(0, BINS - 1) * BINS).to(device),
        moving=_tensor(moving).to(device),
        to_grid=torch.from_numpy(_to_grid(moving.grid).astype(np.float32)).to(device),
    )


def hinged(pair: Pair, share: Array, still: Array) -> Pair:
    """Return a pair whose points follow a pose in part only, as flesh between two bones does.

    share (B, N) is 1 where a point follows the pose, 0 where it follows the map still (4 x 4, of
    centred points to the moving world), between them on the line between both.
    """
    device = pair.points.device
    rest = pair.to_grid @ torch.from_numpy(still.astype(np.float32)).to(device)
    return replace(
        pair,
        share=torch.from_numpy(share.astype(np.float32)).to(device),
        still=pair.points @ rest[:3].T,
    )


def evaluate(
    pair: Pair, matrices: torch.Tensor, batches: slice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mutual information in nats and the overlap (0..1) of S poses, both of shape (S,).

    The overlap is the part of the fixed points that falls inside the moving volume; only these
    enter the histogram.
    """
    points = pair.points[batches].flatten(0, 1)
    places = points @ (pair.to_grid @ matrices)[:, :3].transpose(1, 2)  # (S, N, 3)
    if pair.share is not None and pair.still is not None:
        still = pair.still[batches].flatten(0, 1)
        places = still + pair.share[batches].flatten()[:, None] * (places - still)
    inside = (places.detach().abs() <= 1).all(dim=2)
    values = _sample(pair.moving, places)
    return (
        information(pair.fixed_bins[batches].flatten(), values, inside),
        inside.float().mean(dim=1),
    )


def information_at(pair: Pair, places: torch.Tensor) -> torch.Tensor:
    """Return the mutual information in nats (S,) where the points of the only batch come to lie.

    places (S, N, 3) are grid_sample's coordinates in the moving volume.
    """
    inside = (places.detach().abs() <= 1).all(dim=2)
    return information(pair.fixed_bins.flatten(), _sample(pair.moving, places), inside)


def information(
    fixed_bins: torch.Tensor, values: torch.Tensor, inside: torch.Tensor
) -> torch.Tensor:
    """Return the mutual information (S,) of fixed bins (N,) and moving values (S, N) in 0..1."""
    place = 1 + values * (BINS - 4)
    first = place.detach().floor()
    t = place - first
    s = 1 - t
    weights = torch.stack(
        [s**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * s**2 + 3 * s**3) / 6, t**3 / 6], dim=2
    )
    weights = weights * inside[:, :, None]
    cells = (fixed_bins + first.long() - 1)[:, :, None] + torch.arange(4, device=values.device)
    joint = values.new_zeros(len(values), BINS * BINS).scatter_add(
        1, cells.flatten(1), weights.flatten(1)
    )
    joint = joint.view(-1, BINS, BINS)
    joint = joint / joint.sum(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    alone = joint.sum(dim=2, keepdim=True) * joint.sum(dim=1, keepdim=True)
    return (joint * torch.log((joint + 1e-9) / (alone + 1e-9))).sum(dim=(1, 2))


def climb(pair: Pair, poses: Poses, iterations: int, step: float) -> Poses:
    """Improve poses by Adam with a step in mm decaying to a tenth; average the last 30 %.

    Every iteration looks at the next batch of random points, which keeps the ascent from
    settling in the interpolation artefacts of any one set. Adam (Kingma and Ba 2015) is written
    out: torch.optim takes a second to import and more time a step than all poses together.
    """
    poses = poses.to(pair.points.device)
    change = poses.change.clone()
    mean, square = torch.zeros_like(change), torch.zeros_like(change)
    tail: list[torch.Tensor] = []
    for i in range(iterations):
        free = change.detach().requires_grad_(True)
        moved = Poses(poses.rotation, poses.position, free, poses.radius)
        batch = i % len(pair.points)
        metric, _ = evaluate(pair, moved.matrices(), slice(batch, batch + 1))
        (gradient,) = torch.autograd.grad(metric.sum(), free)
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.95 * square + 0.05 * gradient**2
        direction = (mean / (1 - 0.8 ** (i + 1))) / ((square / (1 - 0.95 ** (i + 1))).sqrt() + 1e-8)
        change = change + step * (1 - 0.9 * i / iterations) * direction
        if i >= math.floor(0.7 * iterations):
            tail.append(change)
    return Poses(poses.rotation, poses.position, torch.stack(tail).mean(dim=0), poses.radius)


def _homogeneous(points: Array) -> Array:
    return np.concatenate([points, np.ones((*points.shape[:-1], 1))], axis=-1)


def _to_grid(grid: Grid) -> Array:
    """Map world mm to grid_sample's coordinates: -1..1 from edge to edge, in the order K, J, I."""
    size = np.array(grid.shape)
    scale = np.diag([*(2 / size), 1.0])
    scale[:3, 3] = 1 / size - 1
    return np.asarray((scale @ np.linalg.inv(grid.affine))[[2, 1, 0, 3]])


def _tensor(volume: Volume) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(volume.voxels, dtype=np.float32))[None, None]


def _sample(volume: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Interpolate a volume (1, 1, I, J, K) linearly at places (S, N, 3); return (S, N)."""
    return functional.grid_sample(
        volume, places[None, None], padding_mode="border", align_corners=False
    )[0, 0, 0]
