"""Water-equivalent path lengths of a synthetic and a real CT to a target, beam by beam.

A proton stops where the water-equivalent path length is its range. Where a synthetic CT makes the
way to the target's far side longer by d than it is, the beam planned on it goes d too deep. No dose
engine is needed, no plan and no machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.properties.curve import Curve
from mrtoct.properties.rays import along
from mrtoct.volume import Array, Volume

STEP_MM = 0.5
PIXEL_MM = 3.0
"""Between the rays of a beam."""


@dataclass(frozen=True)
class Beam:
    """A direction that a beam comes from, in patient coordinates."""

    name: str
    towards: tuple[float, float, float]
    """Unit vector along the beam, RAS."""


@dataclass(frozen=True, eq=False)
class BeamPaths:
    """The rays of one beam that meet the target, both CTs; all arrays (rays,) but the places."""

    beam: Beam
    across_mm: Array
    """Where each ray lies in the beam's eye view, (rays, 2), from the target's middle."""
    real_mm: Array
    """Water-equivalent path length in the real CT, from the skin to the target's far side."""
    synthetic_mm: Array

    @property
    def error_mm(self) -> Array:
        """How much deeper a plan made on the synthetic CT would reach, water-equivalent."""
        return self.synthetic_mm - self.real_mm


def ring(count: int = 36) -> list[Beam]:
    """Return beams all around in the transverse plane, and two oblique ones through the vertex.

    Gantry angles as planning systems count them for a patient lying head first and supine: 0 from
    the front, 90 from the patient's left.
    """
    beams = []
    for n in range(count):
        angle = 360.0 * n / count
        beams.append(Beam(f"gantry {angle:g}", _towards(angle, 0.0)))
    for angle, side in ((90.0, "left"), (270.0, "right")):
        beams.append(Beam(f"vertex {side}", _towards(angle, 60.0)))
    return beams


def sphere(grid_of: Volume, middle: Sequence[float], radius_mm: float) -> Volume:
    """Return a ball on a volume's grid as a boolean mask; raises GeometryError if it is empty."""
    points = grid_of.grid.to_world(np.moveaxis(np.indices(grid_of.grid.shape), 0, -1))
    mask = ((points - np.asarray(middle)) ** 2).sum(axis=-1) <= radius_mm**2
    if not mask.any():
        raise GeometryError(f"the target at {tuple(middle)} (RAS mm) lies outside the CT")
    return grid_of.with_voxels(mask, "label")


def beam_paths(
    real: Volume, synthetic: Volume, body: Volume, target: Volume, beam: Beam, curve: Curve
) -> BeamPaths:
    """Return the path lengths of the rays of a beam that meet the target.

    real, synthetic: HU, on grids of their own; body, target: boolean. Both CTs count inside the
    same body, the real one's: what is compared is tissue, not how the patient was laid.
    """
    starts, across, length = _rays(target, body, beam)
    direction = np.broadcast_to(np.asarray(beam.towards), starts.shape)
    inside = along(body, starts, direction, length, STEP_MM, fill=0.0) >= 0.5
    far = along(target, starts, direction, length, STEP_MM, fill=0.0) >= 0.5
    meets = far.any(axis=1)
    steps = np.arange(inside.shape[1])
    # Up to the last step in the target.
    last = np.where(far, steps, -1).max(axis=1)
    counted = (inside & (steps <= last[:, None]))[meets]
    lengths = []
    for ct in (real, synthetic):
        hu = along(ct, starts[meets], direction[meets], length, STEP_MM, fill=-1000.0)
        lengths.append((curve(hu) * counted).sum(axis=1) * STEP_MM)
    return BeamPaths(beam, across[meets], *lengths)


def _rays(target: Volume, body: Volume, beam: Beam) -> tuple[Array, Array, float]:
    """Return the rays' starts before the body, their places across the beam, their length."""
    points = target.grid.to_world(np.argwhere(target.voxels))
    if points.size == 0:
        raise ValueRangeError("the target is empty: no voxel is above 0")
    middle = points.mean(axis=0)
    towards = np.asarray(beam.towards)
    aside = np.cross([0.0, 0.0, 1.0], towards)
    aside /= np.linalg.norm(aside)
    up = np.cross(towards, aside)
    seen = (points - middle) @ np.stack([aside, up]).T
    pad = max(target.spacing) / 2
    axes = [np.arange(np.floor((low - pad) / PIXEL_MM), np.ceil((high + pad) / PIXEL_MM) + 1)
            for low, high in zip(seen.min(axis=0), seen.max(axis=0), strict=True)]  # fmt: skip
    across = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2) * PIXEL_MM
    corners = body.grid.corners(outer=True) - middle
    before = float((corners @ towards).min()) - 1.0
    behind = float(((points - middle) @ towards).max()) + 2 * pad
    starts = middle + across @ np.stack([aside, up]) + before * towards
    return starts, across, behind - before


def _towards(gantry: float, rise: float) -> tuple[float, float, float]:
    """Return the direction of a beam of a gantry angle that comes from so far above (degrees)."""
    angle, up = np.radians(gantry), np.radians(rise)
    source = np.array([-np.sin(angle) * np.cos(up), np.cos(angle) * np.cos(up), np.sin(up)])
    x, y, z = (float(round(v, 12)) + 0.0 for v in -source)
    return x, y, z
