"""A small head of two brain tissues below a dark skull, and a shading to put on it."""

from __future__ import annotations

import numpy as np

from mrtoct.volume import Array, Grid, Volume

RADII = (55.0, 66.0, 58.0)


def head_on(grid: Grid) -> Volume:
    """Scalp, dark skull, and a brain of two tissues in patches, about the grid's middle."""
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.to_world(indices) - grid.center, -1, 0)
    depth = (1 - np.sqrt(sum((a / r) ** 2 for a, r in zip((x, y, z), RADII, strict=True)))) * 60
    patches = np.sin(x / 5) + np.sin(y / 5.5) + np.sin(z / 4.7) > 0
    brain = np.where(patches, 700.0, 480.0)
    signal = np.select([depth < 0, depth < 6, depth < 12], [0.0, 900.0, 60.0], brain)
    noise = np.random.default_rng(0).normal(0, 12, (2, *grid.shape))
    return Volume(np.hypot(signal + noise[0], noise[1]).astype(np.float32), grid, "a.u.")


def ramp(grid: Grid, ratio: float) -> Array:
    """A factor that grows by a ratio from the head's left to its right."""
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    x = (grid.to_world(indices) - grid.center)[..., 0]
    return np.asarray(ratio ** (x / (2 * RADII[0])), dtype=np.float32)


def spread(factor: Array) -> float:
    """95th by 5th percentile."""
    low, high = np.percentile(factor, (5, 95))
    return float(high / low)
