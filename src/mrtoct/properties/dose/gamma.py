"""Gamma index: how far a dose is from another one, in dose and distance at once.

D A Low et al., A technique for the quantitative evaluation of dose distributions, Medical Physics
25 (1998) 656; what is reported of it: AAPM TG-218 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array, Volume, require_same_grid

STEPS, FAR_STEPS = 10, 5
"""Of the search in a criterion of distance: within one, where it decides who passes, and beyond."""
HIGHEST = 2.0
"""Beyond it is not searched: a gamma of 2 is 2 or more."""
AT_ONCE = 1_000_000
"""Places whose dose is looked up together: about 50 MB."""


@dataclass(frozen=True)
class Criterion:
    """What counts as the same: dose in percent of the prescription, or a distance in mm."""

    dose_percent: float = 2.0
    distance_mm: float = 2.0
    cutoff_percent: float = 10.0
    """Of the prescription: less dose in the reference is not counted."""

    def __str__(self) -> str:
        return f"{self.dose_percent:g} %/{self.distance_mm:g} mm"


def gamma_index(
    reference: Volume, tested: Volume, criterion: Criterion, prescribed_gy: float
) -> Array:
    """Return gamma, float32 (I, J, K), on the grid of both doses; NaN below the cut-off.

    For each voxel of the reference, the smallest distance in dose and space to any point of the
    tested dose, which is linear between its voxels (global normalisation). Points are a tenth of
    the distance criterion apart, a fifth beyond one criterion; gamma ends at 2.
    """
    require_same_grid(reference.grid, tested.grid, "the reference dose", "the tested dose")
    dose = np.asarray(reference.voxels, dtype=np.float64)
    other = np.asarray(tested.voxels, dtype=np.float64)
    if not (prescribed_gy > 0 and np.isfinite(dose).all() and np.isfinite(other).all()):
        raise ValueRangeError("doses must be finite and the prescription above 0 Gy")
    counted = dose >= criterion.cutoff_percent / 100 * prescribed_gy
    gamma = np.full(dose.shape, np.nan, dtype=np.float32)
    gamma[counted] = np.sqrt(
        _squares(
            np.argwhere(counted).T.astype(np.float64),
            dose[counted],
            other,
            criterion.dose_percent / 100 * prescribed_gy,
            *_offsets(reference, criterion.distance_mm),
        )
    )
    return gamma


def pass_rate(gamma: Array) -> float:
    """Return the part of the counted voxels whose gamma is at most 1; NaN if none is counted."""
    counted = gamma[np.isfinite(gamma)]
    return float((counted <= 1).mean()) if counted.size else float("nan")


def _squares(
    index: Array, dose: Array, other: Array, allowed_gy: float, steps: Array, distance: Array
) -> Array:
    """Return gamma squared of points (3, n) of a dose (n,), searched from near to far."""
    best = np.full(dose.size, HIGHEST**2)
    still = np.arange(dose.size)
    first = 0
    while first < distance.size:
        # What has found a place nearer in dose and space than all that is left is done.
        still = still[best[still] > distance[first] ** 2]
        if not still.size:
            break
        last = first + max(AT_ONCE // still.size, 1)
        at = index[:, None, still] + steps[:, first:last, None]
        # Beyond the outermost voxel centres there is no dose to be compared with.
        found = ndimage.map_coordinates(other, at, order=1, mode="constant", cval=np.inf)
        apart = ((found - dose[still]) / allowed_gy) ** 2 + distance[first:last, None] ** 2
        best[still] = np.minimum(best[still], apart.min(axis=0))
        first = last
    return best


def _offsets(grid_of: Volume, distance_mm: float) -> tuple[Array, Array]:
    """Return a ball's points in voxels (3, n), and their distances in units of the criterion."""
    near, far = _lattice(STEPS, 1.0), _lattice(FAR_STEPS, HIGHEST)
    points = np.concatenate([near, far[np.linalg.norm(far, axis=1) > 1]])
    distance = np.linalg.norm(points, axis=1)
    order = np.argsort(distance, kind="stable")
    steps = np.linalg.inv(grid_of.affine[:3, :3]) @ (points[order] * distance_mm).T
    return steps, distance[order]


def _lattice(steps: int, radius: float) -> Array:
    """Return the points (n, 3) of a cubic lattice in a ball; steps in each unit."""
    axis = np.arange(-int(radius * steps), int(radius * steps) + 1) / steps
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius])
