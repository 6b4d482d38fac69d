"""Cubic B-splines as a deformation is fitted: what a control point weighs, what bending costs."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from mrtoct.registration.deformation import Deformation, held
from mrtoct.volume import Array


def basis(start: Deformation, points: Array) -> csr_matrix:
    """Return the weights (N, C) of C control points at points (N, 3; RAS mm)."""
    index = start.grid.to_index(points)
    first = np.floor(index)
    t = (index - first)[..., None]
    s = 1 - t
    axes = (
        np.concatenate([s**3, 4 - 6 * t**2 + 3 * t**3, 4 - 6 * s**2 + 3 * s**3, t**3], axis=-1) / 6
    )
    last = np.array(start.grid.shape)[:, None] - 1
    i, j, k = np.moveaxis(np.clip(first[..., None].astype(int) + np.arange(-1, 3), 0, last), 1, 0)
    _, rows, columns = start.grid.shape
    which = (i[:, :, None, None] * rows + j[:, None, :, None]) * columns + k[:, None, None, :]
    weight = axes[:, 0, :, None, None] * axes[:, 1, None, :, None] * axes[:, 2, None, None, :]
    weight = weight.reshape(len(points), 64) * held(start.regions, points)[:, None]
    ends = np.arange(0, weight.size + 1, 64)
    return csr_matrix(
        (weight.astype(np.float32).ravel(), which.ravel(), ends),
        shape=(len(points), int(np.prod(start.grid.shape))),
    )


def bending_energy(
    flat: Array, shape: tuple[int, int, int, int], spacing: float
) -> tuple[float, Array]:
    """Return the mean square second differences of control points in spacings, and their slope."""
    control = flat.reshape(shape) / spacing
    total, slope = 0.0, np.zeros(shape)
    for a in range(3):
        for b in range(a, 3):
            second = np.diff(np.diff(control, axis=a), axis=b)
            share = (1 if a == b else 2) / second.size
            total += share * float((second**2).sum())
            slope += 2 * share * _diff_back(_diff_back(second, b), a)
    return total, (slope / spacing).ravel()


def _diff_back(values: Array, axis: int) -> Array:
    """Return what the transpose of np.diff makes of values."""
    pad = [(0, 0)] * values.ndim
    pad[axis] = (1, 1)
    return np.asarray(-np.diff(np.pad(values, pad), axis=axis))
