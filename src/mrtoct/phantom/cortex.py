"""The folded cortex: a smooth hull of the hemispheres, and sulci that dive square into it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.phantom.envelope import Envelope
from mrtoct.phantom.fields import band_field, smooth_field
from mrtoct.phantom.frame import Frame, Lattice
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.hindbrain import STEM, tentorium
from mrtoct.phantom.shapes import (
    Points,
    Position,
    box,
    chain,
    ellipsoid,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

CEREBRUM: tuple[Position, Position] = ((-74, -112, -56), (74, 82, 88))


def paint_cerebrum(
    frame: Frame, envelope: Envelope, shape: HeadShape, rng: np.random.Generator
) -> None:
    """Paint cortex and white matter of both hemispheres."""
    lattice = frame.lattice(max(2.0, frame.grid.spacing[0]), *CEREBRUM)
    hull = _hemispheres(lattice, envelope.cavity_on(lattice), shape.brain_gap)
    primary = _sulci(lattice, hull, shape.gyral_wavelength, rng)
    reach = 17 + 7 * smooth_field(lattice.shape, (lattice.step,) * 3, 50.0, rng)
    # Beyond its reach a sulcus ends in a rounded fundus.
    beyond = np.maximum(hull - reach, 0)
    sulcus = np.sqrt(primary**2 + beyond**2)
    secondary = _sulci(lattice, hull, shape.gyral_wavelength * 0.55, rng)
    shallow = np.maximum(hull - 3 - 3 * np.abs(reach - 17) / 7, 0)
    sulcus = np.minimum(sulcus, np.sqrt(secondary**2 + shallow**2) + 0.6)
    width = shape.sulcus * np.clip(1.15 - hull / 22, 0.5, 1.15)
    wander = smooth_field(lattice.shape, (lattice.step,) * 3, 28.0, rng)
    sulcus = np.minimum(sulcus - width, _sylvian(lattice.points, wander) - 1.1 * shape.sulcus)
    pial = lattice.upsampled(smooth_union(hull, sulcus, 1.5))
    region = frame.region(*CEREBRUM)
    inside = (Tissue.CSF,)
    region.paint(pial > shape.cortex, Tissue.WHITE_MATTER, over=inside)
    region.paint((pial > 0) & (pial <= shape.cortex), Tissue.GREY_MATTER, over=inside)


def _hemispheres(lattice: Lattice, cavity: Array, gap: float) -> Array:
    """Return the depth below the smooth hull of the cerebral hemispheres, positive inside."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    outer = -cavity - gap
    # Deep grey matter and the corpus callosum join the hemispheres: there is no medial wall.
    core = smooth_union(
        ellipsoid(lattice.points, (0, -8, 4), (24, 30, 17)),
        ellipsoid(lattice.points, (0, -4, 18), (20, 36, 10)),
        6.0,
    )
    medial = np.maximum(np.abs(x) - 1.0, -core)
    above = 0.9 * (z - tentorium(lattice.points)) - 1.5
    # In front of the petrous ridge the tentorium ends, and the floor is bone.
    above = np.maximum(above, y + 20 + 0.35 * np.abs(x) + 0 * z)
    stem = chain(lattice.points, STEM[:4]) - 4.0
    cistern = smooth_union(
        ellipsoid(lattice.points, (0, 4, -20), (14, 13, 9)),
        ellipsoid(lattice.points, (0, -38, 2), (13, 11, 9)),
        4.0,
    )
    uncus = smooth_union(stem, cistern, 4.0)
    floor = ellipsoid(side, (0, 10, -36), (17, 30, 16))  # nothing hangs into the sella
    depth = smooth_union(outer, medial, 3.0)
    for limit in (above, uncus, floor):
        depth = smooth_union(depth, limit, 4.0)
    return np.asarray(depth)


def _sulci(lattice: Lattice, hull: Array, wavelength: float, rng: np.random.Generator) -> Array:
    """Return a signed distance (mm, roughly) whose zero sheets are sulci, square to the hull.

    A labyrinth-like random field is read at the nearest point of the hull, so that it stays the
    same from the surface inwards, and divided by its own gradient.
    """
    gradient = np.asarray(np.gradient(hull, lattice.step))
    gradient /= np.sqrt((gradient**2).sum(axis=0)) + 1e-3
    inside = hull > -4.0
    depth = hull[inside]
    # A point deeper than a sulcus needs no exact place; the bound keeps the lookup in the box.
    reach = np.clip(depth, 0, 26) / lattice.step
    where = np.argwhere(inside).T.astype(np.float32) - gradient[:, inside] * reach
    # Sulci are not flat: the lookup slides sideways with depth.
    slide = np.clip(depth, 0, 16) * np.float32(0.7 / lattice.step)
    for axis in range(3):
        bend = smooth_field(lattice.shape, (lattice.step,) * 3, 26.0, rng)
        where[axis] += bend[inside] * slide
    folded = band_field(lattice.shape, lattice.step, wavelength, rng)
    folded[inside] = ndimage.map_coordinates(folded, where, order=1, mode="nearest")
    folded = ndimage.gaussian_filter(folded, 0.5)
    slope = np.sqrt(sum(g**2 for g in np.gradient(folded, lattice.step)))
    # Past the medial axis of a lobe the lookup jumps: that slope is no sulcus, so it is bounded.
    return np.asarray(folded / np.clip(slope, 0.12, 0.45))


def _sylvian(points: Points, wander: Array) -> Array:
    """Return the distance to the lateral fissure: a slanting sheet that opens at the insula.

    wander (within [-1, 1]) bends it.
    """
    x, y, z = points
    across = np.abs(x)
    height = z - (-2 - 0.33 * y) + 8 * wander + 0.0035 * (across - 40) ** 2
    sheet = box((across, y, height), (56, -6, 0), (18, 25, 0.1)) + 0.8 * np.abs(wander)
    bowl = across + 0.004 * (y + 2) ** 2 + 0.012 * height**2 + 2.5 * wander
    insula = box((bowl, y, height), (41, -3, 0), (0.1, 19, 10))
    return np.asarray(np.minimum(sheet, insula))
