"""Find the deformation that carries jaw and neck, and refuse one that is none the better.

Mutual information of the region below the skull is climbed over control points of a cubic B-spline
(Rueckert et al. 1999, IEEE TMI 18(8)), from where each region's own rigid map puts them, at 4 and
2 mm; what bends costs. A limited-memory quasi-Newton method does the climbing: a step scaled for
each control point by itself, as Adam's, tears those about that no contrast holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from mrtoct.registration import pyramid
from mrtoct.registration.deformation import Deformation, carry, volume_change
from mrtoct.registration.motion import Motion, MotionSettings, RegionalMotion, measure_motion
from mrtoct.registration.regions import SPINE_MM, Name, Regions
from mrtoct.registration.search import MIXED_CHANGE, MIXED_SHARE, ScaledPair, scaled_pair
from mrtoct.registration.spline import basis, bending_energy
from mrtoct.volume import Array, Grid, Volume

if TYPE_CHECKING:
    import torch

    from mrtoct.registration.mutual_information import Pair

CHECK_MM = 3.0
"""Folding is looked for, and what is left is measured, on a grid of this spacing."""


@dataclass(frozen=True)
class DeformSettings:
    """How jaw and neck are carried."""

    spacing: float = 25.0
    """Between control points, mm."""
    levels: tuple[tuple[float, float, int], ...] = ((4.0, 2.0, 10000), (2.0, 1.0, 20000))
    """Spacing in mm, sigma of a Gaussian in mm, and points looked at."""
    iterations: int = 30
    """At most, at each level."""
    bending: float = 3.0
    """Nats that a mean square second difference of one spacing costs. On phantoms and simulated
    heads 0.3 and 10 left up to a third more error at one of jaw and neck."""
    least_volume: float = 0.2
    """Least Jacobian determinant; where it falls below, what bends costs four times as much."""
    attempts: int = 3
    least_gain: float = 0.02
    """Part of the mutual information, on points that were not looked at, that must be gained."""
    motion: MotionSettings = field(default_factory=MotionSettings)


@dataclass(frozen=True, eq=False)
class Deformed:
    """What came of an attempt to carry jaw and neck."""

    deformation: Deformation | None
    """None where it is refused: the rigid map stays."""
    reason: str
    gain: float = float("nan")
    """Part of the mutual information below the skull that it adds to the rigid map's."""
    volumes: tuple[float, float] = (float("nan"), float("nan"))
    """Least and largest Jacobian determinant."""
    motions: Mapping[Name, Motion] = field(default_factory=dict)
    """What is left to move in the regions below the skull afterwards."""

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it; numbers that do not exist are null."""

        def plain(value: float) -> float | None:
            return round(value, 4) if np.isfinite(value) else None

        return {
            "used": self.deformation is not None,
            "reason": self.reason,
            "gain": plain(self.gain),
            "volumes": [plain(v) for v in self.volumes],
            "left": RegionalMotion(None, dict(self.motions)).record(),
        }


def deform(
    ct: Volume,
    mr: Volume,
    transform: Array,
    motion: RegionalMotion,
    settings: DeformSettings = DeformSettings(),
) -> Deformed:
    """Carry jaw and neck smoothly from where a rigid map (4 x 4, RAS mm) of CT to MR takes them.

    motion is what `measure_motion` found with that map. A deformation is refused, with the reason,
    where the skull itself is off, where no region moved, where it folds, where it gains too little
    mutual information, and where a region has more to move afterwards than before.
    """
    regions = motion.regions
    if motion.doubt:
        return Deformed(None, motion.doubt)
    if regions is None or not motion.moved:
        return Deformed(None, "no region is known to have moved")
    pair = scaled_pair(ct, mr, settings.motion)
    transform = np.asarray(transform, dtype=np.float64)
    start = _start(ct.grid, pair, transform, motion, regions, settings.spacing)
    check = ct.grid.upright((CHECK_MM,) * 3)  # all that is carried, air as well
    for attempt in range(settings.attempts):
        cost = settings.bending * 4**attempt
        found, gain = _climb(pair, transform, start, replace(settings, bending=cost))
        displacement = found.on(check)
        change = volume_change(displacement, check.spacing)
        volumes = (float(change.min()), float(change.max()))
        if volumes[0] >= settings.least_volume:
            break
    else:
        return Deformed(
            None, f"it folds: a volume shrinks to {volumes[0]:.2f} of its size", gain, volumes
        )
    if gain < settings.least_gain:
        reason = (
            f"it gains {gain:.1%} of the mutual information, {settings.least_gain:.0%} are needed"
        )
        return Deformed(None, reason, gain, volumes)
    left = _left(ct, mr, transform, found, settings.motion)
    for name, rest in left.items():
        before = motion.motions[name].mean_mm
        if rest.verdict == "moved" and not rest.mean_mm < before:
            reason = f"{name} has {rest.mean_mm:.1f} mm to go afterwards, {before:.1f} mm before"
            return Deformed(None, reason, gain, volumes, left)
    reason = (
        f"{' and '.join(motion.moved)} carried: {gain:.0%} of the mutual information gained, "
        f"volumes {volumes[0]:.2f} to {volumes[1]:.2f} of the original, no folding"
    )
    return Deformed(found, reason, gain, volumes, left)


def _start(
    ct: Grid,
    pair: ScaledPair,
    transform: Array,
    motion: RegionalMotion,
    regions: Regions,
    spacing: float,
) -> Deformation:
    """Return control points around what may move, where the regions' own rigid maps put them."""
    points = _below(pair, regions)
    points = points[pyramid.inside(ct, points)]
    reach = 2 * spacing
    grid = Grid.from_box(points.min(axis=0) - reach, points.max(axis=0) + reach, (spacing,) * 3)
    places = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    back = np.linalg.inv(transform)

    def own(name: Name) -> Array:
        known = motion.motions[name].verdict == "moved"
        change = back @ (motion.motions[name].transform if known else transform)
        return np.asarray(places @ change[:3, :3].T + change[:3, 3] - places)

    jaw = np.clip((regions.forward(places) - SPINE_MM) / 30 + 0.5, 0, 1)[..., None]
    control = jaw * own("face and jaw") + (1 - jaw) * own("neck")
    return Deformation(grid, control.astype(np.float32), regions)


def _climb(
    pair: ScaledPair, transform: Array, start: Deformation, settings: DeformSettings
) -> tuple[Deformation, float]:
    """Return the best control points, and the gain in mutual information on other points."""
    from mrtoct.registration import mutual_information as mi

    rng = np.random.default_rng(settings.motion.seed)
    around = pair.around
    mask = around.voxels & (start.regions.on(around.grid) > 0)
    control = start.control.astype(np.float64).ravel()
    for spacing, smoothing, samples in settings.levels:
        fixed, moving = (
            pyramid.smoothed(pyramid.pooled(v, spacing), smoothing)
            for v in (pair.fixed, pair.moving)
        )
        mixed = pyramid.mixed(fixed, spacing, MIXED_CHANGE)
        points = pyramid.random_points(
            around.with_voxels(mask), mixed, MIXED_SHARE, 2, samples, rng
        )
        seen, held_out = (
            _objective(
                mi.make_pair(fixed, moving, batch[None], np.zeros(3), pair.device),
                basis(start, batch),
                transform,
                (*start.grid.shape, 3),
            )
            for batch in (points[0], points[-1])
        )

        def cost(flat: Array, seen: Objective = seen) -> tuple[float, Array]:
            metric, slope = seen(flat)
            bent, bending = bending_energy(flat, (*start.grid.shape, 3), settings.spacing)
            return settings.bending * bent - metric, settings.bending * bending - slope

        control = minimize(
            cost, control, jac=True, method="L-BFGS-B", options={"maxiter": settings.iterations}
        ).x
    gain = held_out(control)[0] / held_out(np.zeros_like(control))[0] - 1
    shape = (*start.grid.shape, 3)
    return replace(start, control=control.reshape(shape).astype(np.float32)), float(gain)


Objective = Callable[[Array], tuple[float, Array]]
"""Mutual information in nats of flat control points (3 C,), and its slope."""


def _objective(
    points: Pair, weights: csr_matrix, transform: Array, shape: tuple[int, int, int, int]
) -> Objective:
    import torch

    from mrtoct.registration import mutual_information as mi

    places = points.points[0, :, :3]
    device = places.device
    to_grid = points.to_grid @ torch.from_numpy(transform.astype(np.float32)).to(device)

    def value(flat: Array) -> tuple[float, Array]:
        moved = weights @ flat.reshape(-1, 3).astype(np.float32)
        displacement = torch.from_numpy(moved).to(device).requires_grad_(True)
        index = ((places + displacement) @ to_grid[:3, :3].T + to_grid[:3, 3])[None]
        metric: torch.Tensor = mi.information_at(points, index).sum()
        (slope,) = torch.autograd.grad(metric, displacement)
        return float(metric.detach()), np.asarray(
            (weights.T @ slope.cpu().numpy()).ravel(), dtype=np.float64
        )

    return value


def _left(
    ct: Volume, mr: Volume, transform: Array, found: Deformation, settings: MotionSettings
) -> dict[Name, Motion]:
    """Return what is left to move below the skull in the MR as it is carried to the CT."""
    grid = ct.grid.upright((CHECK_MM,) * 3)
    carried = carry(mr, grid, transform, found)
    names: tuple[Name, ...] = ("face and jaw", "neck")
    left = measure_motion(ct, carried, np.eye(4), settings, regions=found.regions, names=names)
    return left.motions


def _below(pair: ScaledPair, regions: Regions) -> Array:
    """Return points (N, 3; RAS mm) of the head and some air around it below the skull."""
    points = pair.around.grid.to_world(np.argwhere(pair.around.voxels))
    return np.asarray(points[regions.depth(points) > 0])
