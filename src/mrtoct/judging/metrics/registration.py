"""How far two transforms of the same scans are apart, in mm, where it matters.

The target registration error of a point is the distance between where the two transforms take it
(Fitzpatrick et al. 1998, West et al. 1997). It grows away from the middle of the rotation that
lies between them, so the place where it is taken is part of the number.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.volume import Array, Volume

LATTICE = 9
"""Points along each axis of a box over which an error is averaged."""


@dataclass(frozen=True)
class PointErrors:
    """Target registration errors of a set of points, mm."""

    mean: float
    median: float
    maximum: float
    each: tuple[float, ...]
    """In the order of the points; empty for a box."""


@dataclass(frozen=True)
class TransformErrors:
    """How far a transform is from the reference."""

    rotation: float
    """Angle of the rotation that lies between them, degrees."""
    corners: PointErrors
    """At the centres of the CT's corner voxels: how RIRE states transforms."""
    head: PointErrors | None = None
    """Over the box around the head; the maximum is at one of the box's corners."""
    targets: PointErrors | None = None
    """At points that were asked for."""

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values, in mm and degrees."""
        return asdict(self)


def transform_errors(
    matrix: Array,
    reference: Array,
    corners: Array,
    *,
    head: Array | None = None,
    targets: Array | None = None,
) -> TransformErrors:
    """Compare two 4 x 4 maps of CT points to MR points.

    corners: (8, 3) corners of the CT; head: (8, 3) corners of the head's box, see `head_box`;
    targets: (n, 3); all in mm, in the coordinates that both maps start from.
    """
    between = np.linalg.inv(reference) @ matrix
    # The angle from the skew part, too: the arc cosine alone is blind below 0.01 degrees.
    r = between[:3, :3]
    skew = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    angle = np.degrees(np.arctan2(np.linalg.norm(skew), np.trace(r) - 1))
    return TransformErrors(
        rotation=float(angle),
        corners=_errors(matrix, reference, corners),
        head=None if head is None else _over_box(matrix, reference, head),
        targets=None if targets is None else _errors(matrix, reference, targets),
    )


def distances(matrix: Array, reference: Array, points: Array) -> Array:
    """Return how far apart two 4 x 4 maps take each of the points (n, 3), mm."""
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueRangeError(f"points are rows of x, y, z; got shape {points.shape}")
    difference = np.asarray(matrix) - np.asarray(reference)
    return np.asarray(np.linalg.norm(points @ difference[:3, :3].T + difference[:3, 3], axis=1))


def head_box(mask: Volume) -> Array:
    """Return the outer corners (8, 3) in RAS mm of the box around a mask, along its grid's axes."""
    inside = np.argwhere(mask.voxels)
    if len(inside) == 0:
        raise GeometryError("the head's mask is empty")
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return mask.grid.cropped((box[0], box[1], box[2])).corners(outer=True)


def _over_box(matrix: Array, reference: Array, corners: Array) -> PointErrors:
    # A box's points are a mixture of its corners, x fastest; its maximum is at one of them.
    t = np.linspace(0, 1, LATTICE)
    z, y, x = np.meshgrid(t, t, t, indexing="ij")
    weights = [a * b * c for c in (1 - z, z) for b in (1 - y, y) for a in (1 - x, x)]
    lattice = np.stack(weights, axis=-1).reshape(-1, 8) @ corners
    errors = distances(matrix, reference, lattice)
    return PointErrors(float(errors.mean()), float(np.median(errors)), float(errors.max()), ())


def _errors(matrix: Array, reference: Array, points: Array) -> PointErrors:
    errors = distances(matrix, reference, points)
    return PointErrors(
        float(errors.mean()),
        float(np.median(errors)),
        float(errors.max()),
        tuple(float(e) for e in errors),
    )
