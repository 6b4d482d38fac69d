"""What a scan of a head looks like, in numbers that can be compared with those of other heads.

All but noise and detail is measured on a coarse upright grid, and contrast only from the vertex
down to the level of the ears, where heads are alike and most scans see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import ndimage

from mrtoct.check.head import measure_head
from mrtoct.check.pair import CoarseHead, coarse_mr
from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import resample
from mrtoct.volume import SIDES, Array, Grid, Volume

WORK_MM = 3.0
"""Spacing of the coarse grid: a skull is two voxels thick, a head takes 0.2 million."""
HEIGHTS_MM = (10.0, 90.0)
"""Below the vertex: the part of the head in which contrast is measured."""
DEPTHS_MM = (0.0, 4.0, 8.0, 12.0, 18.0, 28.0, 40.0, np.inf)
"""Below the skin: scalp, skull, cortex with its CSF, white matter, ventricles and deep grey."""
BRAIN_MM = 12.0
"""Depth below the skin from which on most of a head is brain."""
QUANTILES = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
BRIGHTEST = 3.0
"""In units of the brain's median signal; vessels and coil hot spots count as this bright."""
DARKEST, FITTING, RAMP_ROUNDS, RAMP_MM = 0.05, 0.1, 5, 110.0
"""Of the brain's signal: what is darker counts as this; what is within this part of a drift is
fully believed. How often it is fitted anew, and down to where below the vertex."""
BACKGROUND_MM = 3.0
"""Beyond this distance from the skin no voxel holds a part of the head."""


@dataclass(frozen=True, eq=False)
class Look:
    """One scan, measured."""

    numbers: dict[str, float]
    """By name; see `limits.LIMITS` for what each means."""
    profile: Array
    """Quantiles of the signal (depths, quantiles) at each depth below the skin; brain is 1."""
    head: CoarseHead
    """For the comparison of position and shape."""
    mask: Volume
    """The head on the coarse grid, where it was measured."""
    signal: Volume
    """The MR on that grid; the brain's median is 1."""
    inside: Array
    """Which voxels of that grid were measured (I, J, K)."""

    @property
    def cut_cm2(self) -> dict[str, float]:
        """Area of the head on each side of the view, by direction."""
        return {side: self.numbers[f"cut {side}"] for side in SIDES}

    @property
    def top_cut(self) -> float:
        """The same of the top, by the largest section of the head."""
        largest = np.pi / 4 * self.numbers["width"] * self.numbers["length"] / 100
        return float(min(self.numbers["cut top"] / largest, 1.0))

    def with_cuts(self, cut_cm2: Mapping[str, float]) -> Look:
        """Return the look with more area cut off at some sides: inside the grid, not at its end."""
        more = {f"cut {side}": self.cut_cm2[side] + area for side, area in cut_cm2.items()}
        return replace(self, numbers=self.numbers | more)


def measure(mr: Volume, spacing: tuple[float, float, float], covered: Volume | None = None) -> Look:
    """Measure an MR (from 0, arbitrary units) as a network of a spacing (mm) sees it.

    covered says where it was measured, if that is not all of its grid. Raises ValueRangeError if
    no head is found.
    """
    coarse = _coarse(mr, spacing, covered)
    grid, signal, mask, inside = coarse.mr.grid, coarse.signal, coarse.mask, coarse.inside
    region = coarse.reaching(HEIGHTS_MM[1]) & (coarse.below >= HEIGHTS_MM[0])
    measured = coarse.mr.with_voxels(mask, "label")
    numbers = _extent(measured, inside, coarse.below)
    numbers["unevenness"] = _unevenness(signal, coarse.brain)
    numbers["ramp"] = _ramp(coarse)
    numbers["background"] = _background(signal, coarse.head.voxels, inside, grid)
    numbers |= _texture(mr, grid, coarse.brain, spacing, coarse.unit)
    return Look(
        numbers,
        _profile(signal, region, coarse.depth),
        coarse_mr(coarse.mr, coarse.head),
        measured,
        coarse.mr.with_voxels(signal),
        inside,
    )


def drift_of(mr: Volume, spacing: tuple[float, float, float]) -> float:
    """Return by which factor the brightness drifts across the head: the ramp of measure alone.

    Raises ValueRangeError if no head is found.
    """
    return _ramp(_coarse(mr, spacing, None))


@dataclass(frozen=True, eq=False)
class _Coarse:
    """A head on coarse upright voxels; arrays (I, J, K)."""

    mr: Volume
    head: Volume
    """Also where it was not measured."""
    mask: Array
    """Where it was."""
    inside: Array
    depth: Array
    below: Array
    brain: Array
    unit: float
    """The brain's median signal."""

    @property
    def signal(self) -> Array:
        return np.asarray(np.minimum(self.mr.voxels / np.float32(self.unit), BRIGHTEST))

    def reaching(self, below: float) -> Array:
        """Return the head down to so many mm below the vertex."""
        return np.asarray(self.mask & (self.below <= below))


def _coarse(mr: Volume, spacing: tuple[float, float, float], covered: Volume | None) -> _Coarse:
    i, j, k = (max(s, WORK_MM) for s in spacing)
    grid = mr.grid.upright((i, j, k))
    coarse = resample(mr, grid, fill=0.0)
    inside = np.ones(grid.shape, np.bool_) if coarse.measured is None else coarse.measured
    if covered is not None:
        inside = inside & resample(covered, grid, fill=0.0, interpolation="nearest").voxels
    head = head_mask_mr(coarse)
    mask = head.voxels & inside
    if not mask.any():
        raise ValueRangeError("no head found where the MR was measured")
    depth = skin_depth(mask, inside, grid)
    below = below_vertex(mask, grid)
    high = (below >= HEIGHTS_MM[0]) & (below <= HEIGHTS_MM[1])
    brain = mask & high & (depth > BRAIN_MM)
    if not brain.any():
        raise ValueRangeError("what was found is too thin for a head: nothing is 12 mm deep")
    unit = float(np.median(coarse.voxels[brain]))
    if not unit > 0:
        raise ValueRangeError("the inside of the head holds no signal")
    return _Coarse(coarse, head, mask, inside, depth, below, brain, unit)


def skin_depth(mask: Array, inside: Array, grid: Grid) -> Array:
    """Return the distance to the skin in mm inside a head mask; where it is cut is no skin."""
    return np.asarray(
        ndimage.distance_transform_edt(mask | ~inside, sampling=grid.spacing), dtype=np.float32
    )


def below_vertex(mask: Array, grid: Grid) -> Array:
    """Return how far each slice lies below the top of the head, (1, 1, K) in mm."""
    top = np.flatnonzero(mask.any(axis=(0, 1)))[-1]
    return np.asarray((top - np.arange(grid.shape[2])) * grid.spacing[2])[None, None]


def _profile(signal: Array, region: Array, depth: Array) -> Array:
    """Return the quantiles of the signal in each layer; NaN for a layer that is not there."""
    rows = []
    for low, high in pairwise(DEPTHS_MM):
        layer = signal[region & (depth > low) & (depth <= high)]
        rows.append(
            np.quantile(layer, QUANTILES) if layer.size else np.full(len(QUANTILES), np.nan)
        )
    return np.array(rows)


def _extent(head: Volume, inside: Array, below: Array) -> dict[str, float]:
    """Return the head's size in mm, and by side how much of it lies at the rim of the view."""
    facts = measure_head(head)
    numbers = {
        "width": facts.width_mm,
        "length": facts.length_mm,
        "reach": float(below[0, 0, head.voxels.any(axis=(0, 1))].max()) + head.spacing[2],
    }
    areas = head.grid.voxel_volume / np.array(head.spacing)
    rims = {side: head.voxels & _ends(inside, axis, sign) for side, (axis, sign) in SIDES.items()}
    # The end of a stack of oblique slices is stairs: each step is one to the front, too.
    ends = rims["top"] | rims["bottom"]
    for side, (axis, _) in SIDES.items():
        rim = rims[side] if axis == 2 else rims[side] & ~ends
        numbers[f"cut {side}"] = float(rim.sum() * areas[axis] / 100)
    return numbers


def _ends(inside: Array, axis: int, sign: int) -> Array:
    """Return where the neighbour on a side was not measured, or is not in the array."""
    beyond = np.ones_like(inside)
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -1), slice(1, None)
    if sign < 0:
        here, there = there, here
    beyond[tuple(here)] = ~inside[tuple(there)]
    return beyond


def _unevenness(signal: Array, brain: Array) -> float:
    """Return the spread of the median signal between the eight octants of the brain."""
    places = np.argwhere(brain)
    upper = places > places.mean(axis=0)
    octant = upper @ (1, 2, 4)
    values = signal[brain]
    medians = [np.median(values[octant == n]) for n in range(8) if (octant == n).any()]
    return float(max(medians) - min(medians))


def _ramp(coarse: _Coarse) -> float:
    """Return by which factor the brightness drifts from one end of the head to the other.

    A plane is fitted to the logarithm of the brain's signal; tissues that are far from it (CSF)
    count less.
    """
    signal, grid, head = coarse.signal, coarse.mr.grid, coarse.reaching(RAMP_MM)
    brain = head & (coarse.depth > BRAIN_MM)
    extent = np.array([s.stop - s.start for s in bounding_box(head)]) * grid.spacing
    places = np.argwhere(brain)[::3]
    points = grid.to_world(places)
    columns = np.c_[points - points.mean(axis=0), np.ones(len(points))]
    heights = np.log(np.maximum(signal[brain][::3], DARKEST))
    weights = np.ones(len(points))
    for _ in range(RAMP_ROUNDS):
        plane = np.linalg.lstsq(columns * weights[:, None], heights * weights, rcond=None)[0]
        apart = np.abs(heights - columns @ plane)
        weights = 1 / np.sqrt(np.maximum(apart, FITTING))
    return float(np.exp(np.abs(plane[:3]) @ extent))


def _background(signal: Array, head: Array, inside: Array, grid: Grid) -> float:
    """Return the mean signal outside the head; 0 where no background is in view."""
    outside = ndimage.distance_transform_edt(~head, sampling=grid.spacing)
    air = signal[inside & (outside > BACKGROUND_MM)]
    return float(air.mean()) if air.size else 0.0


def _texture(
    mr: Volume, grid: Grid, brain: Array, spacing: tuple[float, float, float], unit: float
) -> dict[str, float]:
    """Return noise and detail inside the brain at the network's spacing, brain is 1."""
    box = grid.cropped(bounding_box(brain))
    corners = box.corners()
    fine = resample(
        mr, Grid.from_box(corners.min(axis=0), corners.max(axis=0), spacing), fill=0.0
    ).voxels / np.float32(unit)
    core = fine[1:-1, 1:-1, 1:-1]
    if not core.size:
        shape = " x ".join(map(str, fine.shape))
        raise ValueRangeError(f"what was found is too thin for a head: {shape} voxels 12 mm deep")
    steps: list[float] = []
    around = np.zeros_like(core)
    for axis in range(3):
        one, two = [slice(1, -1)] * 3, [slice(1, -1)] * 3
        one[axis], two[axis] = slice(None, -2), slice(2, None)
        steps.append(float(np.median(np.abs(fine[tuple(two)] - fine[tuple(one)]))))
        around += fine[tuple(one)] + fine[tuple(two)]
    residual = core - around / 6
    return {
        "noise": float(np.median(np.abs(residual))),
        "detail": sum(steps) / 3,
    }
