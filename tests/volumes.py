"""Small volumes on awkward grids, for tests."""

from __future__ import annotations

import numpy as np

from mrtoct.volume import Grid, Unit, Volume


def rotation(degrees: tuple[float, float, float]) -> np.ndarray:
    """Rotation matrix (3, 3) from angles about x, y, z, applied in that order."""
    out = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        turn = np.eye(3)
        a, b = [i for i in range(3) if i != axis]
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = turn @ out
    return out


def oblique_grid(
    shape: tuple[int, int, int] = (13, 10, 7),
    spacing: tuple[float, float, float] = (0.9, 1.3, 4.0),
    degrees: tuple[float, float, float] = (12.0, -7.0, 25.0),
    flip: tuple[int, int, int] = (1, 1, 1),
    origin: tuple[float, float, float] = (-31.4, 15.9, 26.5),
) -> Grid:
    """An anisotropic, rotated, optionally flipped grid."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) * (np.array(spacing) * np.array(flip))
    affine[:3, 3] = origin
    return Grid(shape, affine)


def random_volume(grid: Grid, unit: Unit = "HU", seed: int = 0) -> Volume:
    """Whole HU over the 12-bit range as int16."""
    rng = np.random.default_rng(seed)
    return Volume(rng.integers(-1024, 3072, grid.shape).astype(np.int16), grid, unit)
