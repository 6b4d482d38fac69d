"""Fit the numbers of a DeviationModel to errors that are known."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize

from mrtoct.errors import ValueRangeError
from mrtoct.translation.deviation.model import KNOTS, DeviationModel, Signs
from mrtoct.volume import Array

PRIOR_VOXELS = 0.1
"""Voxels of average error that each knot is given: a tissue never seen must not look certain."""
LEAST = 5.0
"""HU; below it no standard deviation is told from another."""


def fit_deviation(signs: Signs, error: Array, *, heads: int) -> DeviationModel:
    """Return the most likely model of voxels (N,) whose errors in HU are known.

    Maximum likelihood of normal errors with the formula's variance, whose parts are not negative
    (L-BFGS-B). Raises ValueRangeError for less than two voxels or errors that are not finite.
    """
    squares = np.square(np.asarray(error, dtype=np.float64))
    if squares.size < 2 or not np.isfinite(squares).all():
        raise ValueRangeError(
            f"errors of at least 2 voxels, all finite, are needed, got {squares.size}"
        )
    # In units of the mean square error all numbers are about 1.
    unit = max(float(squares.mean()), LEAST**2)
    rows = np.column_stack(
        [
            _hats(signs.hu),
            np.square(signs.contrast, dtype=np.float64) / unit,
            np.square(signs.disagreement, dtype=np.float64) / unit,
        ]
    )
    rows = np.vstack([rows, np.eye(len(KNOTS), rows.shape[1])])
    squares = np.append(squares / unit, np.ones(len(KNOTS)))
    counts = np.append(np.ones(error.size), np.full(len(KNOTS), PRIOR_VOXELS))
    *floors, surroundings, spread = most_likely(rows, squares, counts, LEAST**2 / unit).tolist()
    return DeviationModel(
        floors=tuple(math.sqrt(floor * unit) for floor in floors),
        surroundings=math.sqrt(surroundings),
        spread=math.sqrt(spread),
        heads=heads,
    )


def most_likely(rows: Array, squares: Array, counts: Array, least: float) -> Array:
    """Return the parts (P,) >= 0 under which rows (N, P) @ parts are the likeliest variances.

    squares and counts are (N,), all about 1. The first parts, those of the knots, are at least
    least.
    """
    knots = len(KNOTS)
    # A part's scale is what it adds to the variance on average.
    scale = np.maximum((rows * counts[:, None]).sum(axis=0) / counts.sum(), 1e-6)
    rows = rows / scale

    def misfit(parts: Array) -> tuple[float, Array]:
        variance = rows @ parts
        ratio = squares / variance
        slope = rows.T @ (counts * (1 - ratio) / variance)
        return float(counts @ (np.log(variance) + ratio)) / counts.sum(), slope / counts.sum()

    others = np.asarray(rows.any(axis=0))[knots:]
    lowest = np.append(least * scale[:knots], np.zeros(len(others)))
    start = np.maximum(np.append(0.5 * scale[:knots], np.where(others, 0.2, 0.0)), lowest)
    found = minimize(
        misfit,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, None) for low in lowest],
        options={"maxiter": 1000, "maxfun": 2000, "ftol": 1e-12, "gtol": 1e-8},
    )
    return np.asarray(found.x / scale)


def _hats(hu: Array) -> Array:
    """Return the parts (N, knots) of the knots in a linear interpolation at HU (N,)."""
    return np.column_stack([np.interp(hu, KNOTS, unit) for unit in np.eye(len(KNOTS))])
