"""Implicit shapes: signed distance in mm, negative inside, to points given as x, y, z arrays.

The arrays broadcast (open grids), so a shape costs what its box costs. Distances to ellipsoids
are first-order approximations, exact at the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mrtoct.volume import Array

Points = tuple[Array, Array, Array]
"""x, y, z in mm, broadcastable to one shape."""
Position = tuple[float, float, float]

REACH = 6.0
"""How far around a tube its distance matters where it is only painted or blended, mm."""


def ellipsoid(points: Points, center: Position, radii: Position) -> Array:
    """Return the distance to an upright ellipsoid: |q| (|q| - 1) / |q / r|, q = (p - c) / r."""
    q = [(p - c) / r for p, c, r in zip(points, center, radii, strict=True)]
    k0 = np.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2 + 1e-6)
    k1 = np.sqrt(sum((v / r) ** 2 for v, r in zip(q, radii, strict=True)) + 1e-6 / min(radii) ** 2)
    return np.asarray(k0 * (k0 - 1) / k1)


def capsule(
    points: Points, start: Position, end: Position, radius: float, end_radius: float | None = None
) -> Array:
    """Return the distance to a thick segment whose radius changes evenly from start to end."""
    axis = np.subtract(end, start)
    x, y, z = (p - float(s) for p, s in zip(points, start, strict=True))
    a, b, c = (float(v) for v in axis)
    t = np.clip((x * a + y * b + z * c) / float(axis @ axis), 0, 1)
    distance = np.sqrt((x - t * a) ** 2 + (y - t * b) ** 2 + (z - t * c) ** 2)
    if end_radius is None:
        return np.asarray(distance - radius)
    return np.asarray(distance - radius - t * (end_radius - radius))


def chain(
    points: Points, nodes: Sequence[tuple[float, float, float, float]], reach: float | None = None
) -> Array:
    """Return the distance to a bent tube through nodes of x, y, z, radius.

    With a reach (mm), distances beyond it are cut to it, and each piece costs only its own box.
    """
    shape = np.broadcast_shapes(*(p.shape for p in points))
    distance = np.full(shape, np.inf if reach is None else reach, dtype=np.float32)
    for (xs, ys, zs, radius), (xe, ye, ze, end_radius) in pairwise(nodes):
        start, end = (xs, ys, zs), (xe, ye, ze)
        near: list[slice] = []
        for axis, (p, a, b) in enumerate(zip(points, start, end, strict=True)):
            if reach is None or p.size != shape[axis]:
                near.append(slice(None))
                continue
            margin = max(radius, end_radius) + reach
            inside = np.flatnonzero((p > min(a, b) - margin) & (p < max(a, b) + margin))
            near.append(slice(inside[0], inside[-1] + 1) if len(inside) else slice(0, 0))
        local = tuple(
            p[tuple(s if n > 1 else slice(None) for s, n in zip(near, p.shape, strict=True))]
            for p in points
        )
        piece = capsule((local[0], local[1], local[2]), start, end, radius, end_radius)
        view = distance[tuple(near)]
        np.minimum(view, piece, out=view)
    return distance


def box(points: Points, center: Position, half: Position) -> Array:
    """Return the distance to an axis-aligned box."""
    q = [np.abs(p - c) - h for p, c, h in zip(points, center, half, strict=True)]
    outside = np.sqrt(sum(np.maximum(v, 0) ** 2 for v in q))
    inside = np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0)
    return np.asarray(outside + inside)


def smooth_union(first: Array, second: Array, blend: float) -> Array:
    """Return the union of two shapes with the seam rounded over `blend` mm."""
    near = np.maximum(blend - np.abs(first - second), 0)
    return np.asarray(np.minimum(first, second) - near * near * (0.25 / blend))


def smooth_intersection(first: Array, second: Array, blend: float) -> Array:
    """Return the intersection of two shapes with the edge rounded over `blend` mm."""
    return -smooth_union(-first, -second, blend)


def bump(points: Points, center: Position, widths: Position) -> Array:
    """Return a Gaussian hill of height 1 with the given standard deviations."""
    q = [((p - c) / w) ** 2 for p, c, w in zip(points, center, widths, strict=True)]
    return np.asarray(np.exp(-0.5 * (q[0] + q[1] + q[2])))
