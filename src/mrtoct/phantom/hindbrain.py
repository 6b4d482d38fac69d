"""Below the tentorium: cerebellum, brain stem and spinal cord."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.envelope import Envelope
from mrtoct.phantom.fields import smooth_field
from mrtoct.phantom.frame import Frame
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.shapes import (
    REACH,
    Points,
    Position,
    capsule,
    chain,
    ellipsoid,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

STEM = (
    (0.0, -16.0, -6.0, 12.0),
    (0.0, -20.0, -16.0, 13.0),
    (0.0, -23.0, -30.0, 14.5),
    (0.0, -30.0, -44.0, 9.0),
    (0.0, -38.0, -60.0, 7.0),
    (0.0, -47.0, -90.0, 5.5),
    (0.0, -53.0, -140.0, 5.5),
)
"""Midbrain, pons, medulla, cord: x, y, z, radius."""

CEREBELLUM: tuple[Position, Position] = ((-64, -108, -70), (64, -18, 16))


def tentorium(points: Points) -> Array:
    """Return the height z of the tentorium above (x, y), mm: a tent that peaks at its notch."""
    x, y, _ = points
    peak = 21 * np.exp(-((x / 21) ** 2)) / (1 + np.exp(-(y + 58) / 5))
    return np.asarray(-9 - 0.24 * np.abs(x) + peak)


def paint_cerebellum(
    frame: Frame, envelope: Envelope, shape: HeadShape, rng: np.random.Generator
) -> None:
    """Paint the cerebellum: leaves of cortex that fan out from the roof of the fourth ventricle."""
    lattice = frame.lattice(2.5, *CEREBELLUM)
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    hemispheres = ellipsoid(side, (27, -64, -35), (36, 38, 29))
    vermis = ellipsoid(lattice.points, (0, -60, -20), (22, 36, 34))
    hull = -smooth_union(hemispheres, vermis, 6.0)
    notch = capsule(lattice.points, (0, -100, -30), (0, -84, -66), 8.0)
    below = tentorium(lattice.points) - 1.5 - z
    # The petrous bones and the stem's cisterns bound it in front.
    front = -(y + 24 + 0.12 * np.abs(x)) + 0 * z
    cavity = -envelope.cavity_on(lattice) - shape.brain_gap - 0.5
    for limit in (notch, below, front, cavity):
        hull = smooth_union(hull, limit, 3.0)
    wander = smooth_field(lattice.shape, (lattice.step,) * 3, 30.0, rng)
    # Fan angle about the fourth ventricle; a leaf is about 5 mm wide at the surface.
    fan = np.arctan2(z + 36 + 0.10 * np.abs(x), -(y + 34))
    radius = np.sqrt((y + 34) ** 2 + (z + 36) ** 2 + 1.0)
    turns = fan * 36 / 5.2 + 0.55 * wander
    hull_fine, phase = lattice.upsampled(hull), lattice.upsampled(turns)
    width = lattice.upsampled(np.clip(radius / 36, 0.3, 1.2) * 5.2 + 0 * x)
    leaf = np.abs(phase - np.rint(phase)) * width
    fissure = np.sqrt(leaf**2 + np.maximum(hull_fine - 9, 0) ** 2)
    pial = np.minimum(hull_fine, fissure - 0.42 * shape.sulcus)
    region = frame.region(*CEREBELLUM)
    inside = (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    region.paint(hull_fine > 0, Tissue.CSF, over=inside)
    region.paint(pial > 0, Tissue.GREY_MATTER, over=inside)
    branch = (leaf > 0.37 * width) & (hull_fine > 3.5)
    trunk = ellipsoid((np.abs(region.points[0]), *region.points[1:]), (19, -55, -38), (18, 17, 9))
    region.paint(
        (hull_fine > 0) & (branch | (trunk < 0)) & (pial > 0), Tissue.WHITE_MATTER, over=inside
    )


def paint_stem(frame: Frame) -> None:
    """Paint brain stem and cord, with the peduncles that tie them to the rest."""
    low, high = (-32.0, -62.0, -132.0), (32.0, 4.0, 12.0)
    region = frame.region(low, high)
    x, y, z = region.points
    side = (np.abs(x), y, z)
    stem = chain(region.points, STEM, REACH)
    pons = ellipsoid(region.points, (0, -20, -30), (17, 13, 13))
    cerebral = capsule(side, (9, -16, -12), (17, -10, 4), 6.5)
    middle = capsule(side, (10, -24, -33), (22, -48, -38), 7.5)
    tectum = ellipsoid(side, (5, -32, -5), (5.5, 5, 8))
    parts = np.minimum(np.minimum(stem, pons), np.minimum(np.minimum(cerebral, middle), tectum))
    soft = (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    region.paint(parts < 0, Tissue.WHITE_MATTER, over=soft)
    grey = np.abs(x) + 0 * y + 0 * z < 3.0
    region.paint(
        (chain(region.points, STEM[4:], REACH) < -2.5) & grey, Tissue.GREY_MATTER, over=soft
    )
