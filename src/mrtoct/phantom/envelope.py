"""From outside in: skin, fat, muscle, skull with diploe, dura, and the space the brain fills.

Three smooth distances (to the head's surface, to the bone's outer surface, to the cranial cavity)
are built on a coarse lattice and cut at thicknesses that vary smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.fields import band_field, cubic_weights, interpolate, smooth_field
from mrtoct.phantom.frame import HIGH, LOW, Frame, Lattice
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.shapes import (
    Position,
    bump,
    capsule,
    chain,
    ellipsoid,
    smooth_intersection,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

LATTICE_STEP = 4.0
SKIN_MM = 2.0
DURA_MM = 1.0


@dataclass(frozen=True, eq=False)
class Envelope:
    """Distances on a coarse lattice that later parts have to fit: ears outside, brain inside."""

    lattice: Lattice
    head: Array
    cavity: Array

    def near(self, frame: Frame, distance: Array, low: Position, high: Position) -> Array:
        """Interpolate a distance of the lattice to the fine voxels of a box."""
        box = frame.slices(low, high)
        wi, wj, wk = (w[s] for w, s in zip(self.lattice.weights, box, strict=True))
        return interpolate(distance, (wi, wj, wk))

    def cavity_on(self, lattice: Lattice) -> Array:
        """Interpolate the distance to the cranial cavity onto a finer lattice."""
        wi, wj, wk = (
            cubic_weights((fine.ravel() - coarse.ravel()[0]) / self.lattice.step, coarse.size)
            for fine, coarse in zip(lattice.points, self.lattice.points, strict=True)
        )
        return interpolate(self.cavity, (wi, wj, wk))


def make_envelope(frame: Frame, shape: HeadShape, rng: np.random.Generator) -> Envelope:
    """Paint everything outside the brain but the face, and fill the cavity with CSF."""
    lattice = frame.lattice(LATTICE_STEP)
    cavity = cranial_cavity(lattice)
    cavity += 2.0 * smooth_field(lattice.shape, (lattice.step,) * 3, 110.0, rng)
    thickness = vault_thickness(lattice, shape, rng)
    bone = smooth_union(cavity - thickness, skull_base(lattice), 5.0)
    canal = chain(lattice.points, SPINAL_CANAL)
    # The cavity's floor ends where the spinal canal leaves it: the bone below is vertebrae.
    bone = smooth_intersection(bone, _below_base(lattice), 6.0)
    head = head_surface(lattice, cavity - thickness, shape)
    fat = fat_thickness(lattice, shape) * (
        1 + 0.25 * smooth_field(lattice.shape, (lattice.step,) * 3, 60.0, rng)
    )
    cavity = smooth_union(cavity, canal, 3.0)
    envelope = Envelope(lattice, head, cavity)
    _paint_soft(frame, envelope, fat)
    _paint_fat_planes(frame, rng)
    _paint_skull(frame, envelope, bone, shape, rng)
    return envelope


SPINAL_CANAL = (
    (0.0, -40.0, -56.0, 15.0),
    (0.0, -43.0, -70.0, 13.0),
    (0.0, -50.0, -95.0, 9.5),
    (0.0, -54.0, -140.0, 9.0),
)


def cranial_cavity(lattice: Lattice) -> Array:
    """Return the distance to the inner table: cerebral, temporal and posterior fossae."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    cerebral = ellipsoid(lattice.points, (0, -15, 7), (71, 92, 77))
    # The roofs of the orbits rise beside the midline, where the cribriform plate is lowest.
    floor = -25 + 9 * np.exp(-(((np.abs(x) - 32) / 20) ** 2)) / (1 + np.exp((24 - y) / 6))
    cerebral = smooth_intersection(cerebral, floor - z, 9.0)
    temporal = ellipsoid(side, (43, -6, -24), (25.5, 33, 27))
    posterior = smooth_union(
        ellipsoid(side, (21, -64, -33), (39, 35, 28)),
        ellipsoid(lattice.points, (0, -62, -26), (58, 43, 27)),
        16.0,
    )
    stem = chain(
        lattice.points, ((0, -12, -16, 17), (0, -22, -38, 17), (0, -36, -56, 15), (0, -42, -70, 12))
    )
    cavity = smooth_union(cerebral, temporal, 7.0)
    cavity = smooth_union(cavity, posterior, 7.0)
    # The petrous pyramids and their ridge part the temporal from the posterior fossa.
    ridge = chain(side, ((62, -30, -40, 9), (38, -20, -42, 9), (16, -8, -44, 7)))
    cavity = smooth_intersection(cavity, -ridge, 6.0)
    return smooth_union(cavity, stem, 5.0)


def vault_thickness(lattice: Lattice, shape: HeadShape, rng: np.random.Generator) -> Array:
    """Return the distance between inner and outer table, mm."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    relative = (
        1
        - 0.45 * bump(side, (72, 0, -12), (20, 26, 22))  # the squama of the temporal bone
        + 0.25 * bump(lattice.points, (0, 82, 0), (30, 20, 25))
        + 0.7 * bump(lattice.points, (0, -112, -22), (16, 16, 14))  # the inion
        + 0.15 * bump(side, (25, -50, 75), (30, 40, 30))
        - 0.35 * bump(side, (30, 30, -20), (25, 30, 10))  # the roof of the orbit
        + shape.skull_variation * smooth_field(lattice.shape, (lattice.step,) * 3, 70.0, rng)
    )
    return np.asarray(shape.skull_thickness * relative)


def skull_base(lattice: Lattice) -> Array:
    """Return the distance to the massive bone below the cavity: petrous, mastoid, sphenoid."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    petrous = chain(side, ((64, -28, -46, 11), (40, -20, -46, 10), (18, -10, -42, 8)))
    mastoid = chain(side, ((62, -40, -46, 14), (60, -38, -62, 11), (57, -35, -76, 5)))
    clivus = chain(lattice.points, ((0, 0, -34, 11), (0, -10, -46, 10), (0, -22, -62, 7)))
    sphenoid = ellipsoid(lattice.points, (0, 14, -40), (24, 20, 16))
    wings = chain(side, ((14, 22, -26, 4), (40, 30, -28, 4), (58, 26, -18, 4)))
    greater_wings = chain(side, ((22, 14, -50, 5), (40, 26, -44, 5), (58, 24, -34, 4)))
    condyles = ellipsoid(side, (21, -38, -68), (10, 13, 9))
    forehead = ellipsoid(side, (20, 69, -18), (29, 12, 10))
    base = petrous
    for part in (mastoid, clivus, sphenoid, wings, greater_wings, condyles, forehead):
        base = smooth_union(base, part, 4.0)
    return np.asarray(base)


def _below_base(lattice: Lattice) -> Array:
    """Return the distance below the skull: nothing of the vault reaches into neck or face."""
    x, y, z = lattice.points
    return np.asarray(-82 - z + 0 * x + 0 * y)


def head_surface(lattice: Lattice, vault: Array, shape: HeadShape) -> Array:
    """Return the distance to the skin: the vault with its scalp, the face, the neck, the nose."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    scalp = shape.scalp_fat + 2.4
    temple = shape.temporalis * bump(side, (72, 10, -16), (16, 32, 28))
    nape = 16 * bump(lattice.points, (0, -95, -58), (50, 32, 22))
    head = vault - (scalp + temple + nape)
    face = smooth_union(
        ellipsoid(lattice.points, (0, 2, -60), (77, 76, 60)),
        ellipsoid(lattice.points, (0, 22, -92), (57, 57, 52)),
        18.0,
    )
    # Temple and zygoma: the skin runs straight from the orbit's rim to the ear.
    face = smooth_union(face, ellipsoid(lattice.points, (0, -2, -42), (78, 72, 34)), 14.0)
    ear_level = ellipsoid(lattice.points, (0, -32, -58), (79, 58, 36))
    face = smooth_union(face, ear_level, 14.0)
    chin = ellipsoid(lattice.points, (0, 58, -122), (24, 24, 18))
    neck = capsule(lattice.points, (0, -48, -75), (0, -58, -170), 60.0, 56.0)
    eyes = ellipsoid(side, (33, 63, -38), (20, 12, 15))
    rim = ellipsoid(side, (44, 40, -38), (19, 25, 26))  # of the orbit, to the temple
    cheek = ellipsoid(side, (38, 44, -62), (22, 21, 20))
    head = smooth_union(head, face, 14.0)
    for part, blend in ((neck, 22.0), (chin, 16.0), (rim, 12.0), (eyes, 8.0), (cheek, 12.0)):
        head = smooth_union(head, part, blend)
    tip = 82 + shape.nose
    nose = chain(
        lattice.points,
        ((0, 78, -34, 6), (0, tip - 11, -58, 8), (0, tip - 9, -68, 9), (0, 74, -74, 13)),
    )
    wings = chain(lattice.points, ((0, 68, -34, 9), (0, 72, -54, 15), (0, 74, -68, 18)))
    nose = smooth_union(nose, wings, 10.0)
    lips = ellipsoid(lattice.points, (0, 74, -96), (24, 10, 13))
    return smooth_union(smooth_union(head, nose, 7.0), lips, 9.0)


def fat_thickness(lattice: Lattice, shape: HeadShape) -> Array:
    """Return the thickness of the fat below the skin, mm."""
    x, y, z = lattice.points
    side = (np.abs(x), y, z)
    return np.asarray(
        shape.scalp_fat
        * (
            1
            + 2.2 * bump(side, (62, 28, -70), (18, 26, 24))  # cheeks
            + 0.2 * bump(side, (76, 8, -40), (14, 30, 14))
            + 1.5 * bump(lattice.points, (0, -112, -70), (30, 25, 30))  # nape
            + 0.8 * bump(lattice.points, (0, 60, -130), (40, 30, 16))
            - 0.35 * bump(lattice.points, (0, 85, -10), (40, 18, 30))  # forehead
            - 0.5 * bump(lattice.points, (0, 98, -55), (14, 22, 24))  # nose
        )
    )


def _paint_soft(frame: Frame, envelope: Envelope, fat: Array) -> None:
    """Paint skin, the fat below it, and muscle below that, through to the other side."""
    depth = envelope.lattice.upsampled(envelope.head)
    np.copyto(frame.labels, np.uint8(Tissue.SKIN), where=depth < 0)
    np.copyto(frame.labels, np.uint8(Tissue.FAT), where=depth < -SKIN_MM)
    depth += envelope.lattice.upsampled(fat)
    np.copyto(frame.labels, np.uint8(Tissue.MUSCLE), where=depth < -SKIN_MM)


def _paint_fat_planes(frame: Frame, rng: np.random.Generator) -> None:
    """Part the muscles of face and neck by thin sheets of fat."""
    low, high = (-90.0, -120.0, -132.0), (90.0, 80.0, -28.0)
    lattice = frame.lattice(4.0, low, high)
    field = lattice.upsampled(band_field(lattice.shape, lattice.step, 34.0, rng))
    region = frame.region(low, high)
    region.paint(np.abs(field) < 0.13, Tissue.FAT, over=(Tissue.MUSCLE,))


def _paint_skull(
    frame: Frame, envelope: Envelope, bone: Array, shape: HeadShape, rng: np.random.Generator
) -> None:
    """Paint the skull with its marrow, and the dura around the fluid that fills it."""
    lattice, cavity = envelope.lattice, envelope.cavity
    # The skull's part of the head; below, face and spine bring their own bones.
    low, high = (LOW[0], LOW[1], -84.0), HIGH
    region = frame.region(low, high)
    outer = envelope.near(frame, bone, low, high)
    inner = envelope.near(frame, cavity, low, high)
    region.paint(outer < 0, Tissue.CORTICAL_BONE)
    # Marrow keeps a table of cortical bone on both sides, thicker outside.
    ripple = 0.35 * smooth_field(lattice.shape, (lattice.step,) * 3, 24.0, rng)
    x, y, z = lattice.points
    # The petrous bone is the densest there is: no marrow but at its tip.
    petrous = chain((np.abs(x), y, z), ((62, -30, -46, 12), (40, -20, -46, 11), (28, -14, -44, 8)))
    dense = 4.0 * np.clip(1 - petrous / 4, 0, 1)
    tables = envelope.near(frame, shape.diploe / 2 * (1 + ripple) + dense, low, high)
    region.paint((outer < -1.1 * tables) & (inner > 0.9 * tables), Tissue.DIPLOE)
    region.paint(inner < 0, Tissue.DURA)
    region.paint(inner < -DURA_MM, Tissue.CSF)
    low, high = (-30.0, -80.0, LOW[2]), (30.0, -20.0, -84.0)
    canal = frame.region(low, high)
    inner = envelope.near(frame, cavity, low, high)
    canal.paint(inner < 0, Tissue.DURA)
    canal.paint(inner < -DURA_MM, Tissue.CSF)
