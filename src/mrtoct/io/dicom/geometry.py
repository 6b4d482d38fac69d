"""Where the planes of one stack lie: in which order, how far apart, on which grid.

Only positions and directions count. A gantry's tilt shifts each slice sideways against the one
before; the affine holds that as shear, exactly, so that no voxel is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mrtoct.errors import GeometryError
from mrtoct.volume import Array, Grid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

SAME_PLACE_MM = 0.01
"""Planes no further apart are at one place: headers round positions."""

SIDEWAYS_TOLERANCE_MM = 0.02
"""A smaller drift over the whole stack is rounding, not a tilted gantry."""


@dataclass(frozen=True)
class Stack:
    """Planes in order along their normal, copies of one plane together."""

    places: tuple[tuple[int, ...], ...]
    """For each distinct plane which of the given ones lie there."""
    distances: Array
    """Of each distinct plane along the normal, mm, rising."""
    origin: Array
    """Centre of the first plane's first voxel, LPS mm."""
    axes: Array
    """Columns: along a row, down a column, from plane to plane by one mm of the normal."""

    @property
    def steps(self) -> Array:
        """Distances from plane to plane in mm."""
        return np.diff(self.distances)

    @property
    def step(self) -> float:
        """The usual distance from plane to plane in mm; 0 for one plane."""
        return float(np.median(self.steps)) if len(self.distances) > 1 else 0.0

    @property
    def tilt(self) -> float:
        """Angle in degrees between the normal and the way from plane to plane."""
        normal = np.cross(self.axes[:, 0], self.axes[:, 1])
        cosine = self.axes[:, 2] @ normal / np.linalg.norm(self.axes[:, 2])
        return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))

    def fault(self, names: Sequence[str]) -> str | None:
        """Say what is wrong with the distances and where, or None if they are even.

        names are those of the given planes, for the message.
        """
        if len(self.distances) < 3:
            return None
        even = np.linspace(self.distances[0], self.distances[-1], len(self.distances))
        if np.abs(self.distances - even).max() <= self._tolerance:
            return None
        ratios = self.steps / self.step
        counts = np.rint(ratios)
        wide = np.flatnonzero(counts > 1)
        if len(wide) and counts.min() == 1 and np.abs(ratios - counts).max() * self.step <= 0.2:
            gaps = [
                f"{int(counts[k]) - 1} between {names[self.places[k][0]]} and "
                f"{names[self.places[k + 1][0]]} (at {self.distances[k]:.2f} and "
                f"{self.distances[k + 1]:.2f} mm along the normal)"
                for k in wide[:3]
            ]
            more = f" and {len(wide) - 3} more gaps" if len(wide) > 3 else ""
            return f"slices are missing, {self.step:g} mm apart: {'; '.join(gaps)}{more}"
        k = int(np.argmax(np.abs(self.steps - self.step)))
        return (
            f"the distance between slices is uneven, {self.steps.min():.4g} to "
            f"{self.steps.max():.4g} mm, the largest between {names[self.places[k][0]]} and "
            f"{names[self.places[k + 1][0]]}"
        )

    def grid(self, shape: tuple[int, int], spacing: tuple[float, float], step: float) -> Grid:
        """Return the grid (columns, rows, planes) whose planes fill the stack every step mm."""
        extent = float(self.distances[-1] - self.distances[0])
        count = 1 + (round(extent / step) if extent else 0)
        lps = np.eye(4)
        lps[:3, :3] = self.axes * (spacing[1], spacing[0], extent / (count - 1) if extent else step)
        lps[:3, 3] = self.origin
        return Grid((shape[1], shape[0], count), LPS_TO_RAS @ lps)

    @property
    def _tolerance(self) -> float:
        # Positions rounded to a tenth of a millimetre are even; a shifted slice is not.
        return max(0.06, 0.01 * self.step)


def normal_of(orientation: npt.ArrayLike) -> Array:
    """Return the unit normal (3,) of a plane from its two directions (6,), right-handed."""
    row, column = np.asarray(orientation, dtype=np.float64).reshape(2, 3)
    normal = np.cross(row, column)
    return np.asarray(normal / np.linalg.norm(normal))


def stack_planes(positions: npt.ArrayLike, orientation: npt.ArrayLike) -> Stack:
    """Put planes of one orientation (6,) in order by the positions (N, 3) of their first voxels.

    Raises GeometryError if planes at one distance lie beside each other, or are shifted sideways
    other than evenly, as by a tilted gantry.
    """
    positions = np.asarray(positions, dtype=np.float64)
    normal = normal_of(orientation)
    row = np.asarray(orientation, dtype=np.float64)[:3]
    row = row / np.linalg.norm(row)
    column = np.cross(normal, row)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    starts = np.flatnonzero(np.diff(along[order], prepend=-np.inf) > SAME_PLACE_MM)
    places = tuple(tuple(int(i) for i in part) for part in np.split(order, starts[1:]))
    firsts = positions[[p[0] for p in places]]
    distances = firsts @ normal
    sideways = firsts - distances[:, None] * normal
    for place in places:
        spread = np.abs(positions[list(place)] - positions[place[0]]).max()
        if spread > 10 * SAME_PLACE_MM:
            raise GeometryError(f"slices are side by side in one plane, {spread:.4g} mm apart")
    origin, drift = sideways.mean(axis=0) + distances[0] * normal, np.zeros(3)
    if np.ptp(sideways, axis=0).max() > SIDEWAYS_TOLERANCE_MM:
        drift, origin = _drift(distances, sideways, normal)
    return Stack(places, distances, origin, np.column_stack([row, column, normal + drift]))


def _drift(distances: Array, sideways: Array, normal: Array) -> tuple[Array, Array]:
    """Fit the sideways shift per mm of the normal, and where the first plane then begins."""
    from_first = distances - distances[0]
    design = np.column_stack([from_first, np.ones(len(distances))])
    (drift, start), *_ = np.linalg.lstsq(design, sideways, rcond=None)
    error = float(np.abs(design @ np.array([drift, start]) - sideways).max())
    if error > 0.1:
        raise GeometryError(
            f"slices are shifted sideways against each other, unevenly by up to {error:.3g} mm"
        )
    if np.linalg.norm(drift) * from_first[-1] <= 2 * error:
        # No more than what is left unexplained: coarsely rounded positions.
        drift, start = np.zeros(3), sideways.mean(axis=0)
    return drift, start + distances[0] * normal
