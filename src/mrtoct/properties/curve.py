"""A curve from HU to a property, as a table of points, and how it carries an uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array

HIGHEST_HU = 3071.0
"""The upper end of 12-bit CT: straight lines are taken so far, and held beyond."""
SAMPLED_HU = 10.0
"""Between the points of a curve that is no straight line: it departs by less than 0.01 %, but for
the last points of a square root."""

_NODES = np.linspace(-3, 3, 13)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()
_NODES /= np.sqrt((_WEIGHTS * _NODES**2).sum())


@dataclass(frozen=True)
class Curve:
    """Points of HU and value: linear between them, the first and last value held beyond."""

    name: str
    hu: tuple[float, ...]
    values: tuple[float, ...]
    """In the unit of the quantity it is for."""
    source: str
    """Who published it, and for which scans."""
    power: float = 0.0
    """Of attenuation: values are for 1 MHz and grow with frequency to this power."""

    def __post_init__(self) -> None:
        points = np.array([self.hu, self.values]) if len(self.hu) == len(self.values) else None
        if points is None or points.shape[1] < 2 or not np.isfinite(points).all():
            raise ValueRangeError(
                f"the curve {self.name} needs two points or more, each a finite HU and value"
            )
        if (np.diff(points[0]) <= 0).any():
            at = points[0][1:][np.diff(points[0]) <= 0][0]
            raise ValueRangeError(
                f"the HU of the curve {self.name} must rise from point to point; {at:g} does not"
            )

    def __call__(self, hu: Array) -> Array:
        """Return the value at each HU, float32, of the same shape."""
        hu = np.asarray(hu)
        if hu.dtype.kind in "iu" and hu.size > 100_000:
            # Few different whole numbers in many voxels: each is looked up once.
            low = int(hu.min())
            table = np.interp(np.arange(low, int(hu.max()) + 1), self.hu, self.values)
            return np.asarray(table.astype(np.float32)[hu.astype(np.int32) - low])
        return np.interp(hu, self.hu, self.values).astype(np.float32)

    def deviation(self, hu: Array, sd: Array) -> Array:
        """Return the standard deviation of the value where HU is normal with such an sd, float32.

        Summed over points up to 3 sd away: exact on a straight line (slope times sd), and right to
        some percent at a bend or an end, where the slope at one point would be far off.
        """
        hu, sd = np.asarray(hu, dtype=np.float32), np.asarray(sd, dtype=np.float32)
        first = np.zeros(hu.shape)
        second = np.zeros(hu.shape)
        middle = np.interp(hu, self.hu, self.values)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            away = np.interp(hu + node * sd, self.hu, self.values) - middle
            first += weight * away
            second += weight * away**2
        return np.sqrt(np.maximum(second - first**2, 0)).astype(np.float32)

    def at_least(self, lowest: float) -> Curve:
        """Return the curve with no value below a bound; the crossing becomes a point of its own."""
        hu, values = np.array(self.hu), np.array(self.values)
        below = values < lowest
        crossings = np.flatnonzero(below[1:] != below[:-1])
        rise = np.diff(values)[crossings]
        at = hu[crossings] + np.diff(hu)[crossings] * (lowest - values[crossings]) / rise
        every = np.unique(np.concatenate([hu, at]))
        bounded = np.maximum(np.interp(every, hu, values), lowest)
        return replace(self, hu=tuple(every.tolist()), values=tuple(bounded.tolist()))

    def times(self, factor: float) -> Curve:
        """Return the curve in another unit, or at another frequency."""
        return replace(self, values=tuple(v * factor for v in self.values))


def line(
    slope: float, at_zero: float, low: float, high: float = HIGHEST_HU
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the two points (HU, value) of a straight line."""
    return (low, slope * low + at_zero), (high, slope * high + at_zero)


def sampled(
    name: str,
    value: Callable[[Array], Array],
    low: float,
    high: float,
    source: str,
    power: float = 0.0,
) -> Curve:
    """Return a curve through the points of a formula, a few HU apart."""
    hu = np.arange(low, high + SAMPLED_HU, SAMPLED_HU).clip(max=high)
    hu = np.unique(hu)
    return Curve(name, tuple(hu.tolist()), tuple(value(hu).tolist()), source, power)  # fmt: skip


def through(name: str, points: tuple[tuple[float, float], ...], source: str) -> Curve:
    """Return the curve through points (HU, value)."""
    return Curve(name, tuple(p[0] for p in points), tuple(p[1] for p in points), source)
