"""Face and neck: facial bones, orbits with the eyes, jaws with teeth, auricles, vertebrae."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.envelope import Envelope
from mrtoct.phantom.frame import Frame
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.shapes import (
    REACH,
    Points,
    Position,
    box,
    capsule,
    chain,
    ellipsoid,
    smooth_intersection,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

SOFT = (Tissue.FAT, Tissue.MUSCLE, Tissue.CONNECTIVE)
TABLE = 1.7
"""Thickness of the cortical bone around the marrow of facial bones, mm."""


def make_face_bones(frame: Frame) -> None:
    """Paint maxilla, palate, zygoma with its arch, nasal bones, pterygoid plates, orbital walls."""
    region = frame.region((-80, -34, -96), (80, 96, -14))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    maxilla = smooth_intersection(
        ellipsoid(region.points, (0, 40, -68), (43, 31, 30)),
        box(region.points, (0, 44, -68), (60, 34, 20)),
        5.0,
    )
    zygoma = chain(
        side, ((40, 60, -56, 7), (53, 52, -54, 7), (58, 50, -38, 4), (54, 52, -24, 5)), REACH
    )
    arch = chain(
        side, ((54, 48, -56, 4.5), (68, 26, -54, 3.2), (72, 4, -50, 3), (68, -10, -48, 4)), REACH
    )
    nasal = chain(region.points, ((0, 78, -30, 6.5), (0, 84, -42, 5), (0, 92, -52, 2.5)), REACH)
    frontal_process = chain(side, ((8, 74, -34, 5), (13, 70, -52, 4.5), (20, 64, -68, 6)), REACH)
    pterygoid = chain(side, ((16, 10, -48, 3), (19, 8, -66, 2.5), (18, 6, -82, 2)), REACH)
    brow = chain(side, ((8, 76, -26, 5), (30, 74, -19, 5), (52, 58, -24, 5)), REACH)
    bones = maxilla
    for bone in (zygoma, arch, nasal, frontal_process, pterygoid, brow):
        bones = smooth_union(bones, bone, 3.0)
    paint_bone(region.labels, bones)
    wall = (np.abs(orbit(region.points) - 1.2) < 1.3) & (y < 60)
    region.paint(wall, Tissue.CORTICAL_BONE, over=(*SOFT, Tissue.DIPLOE))


def paint_bone(labels: Array, distance: Array) -> None:
    """Paint a bone with its marrow over soft tissue."""
    soft = np.isin(labels, SOFT)
    labels[soft & (distance < 0)] = Tissue.CORTICAL_BONE
    labels[(soft | (labels == Tissue.CORTICAL_BONE)) & (distance < -TABLE)] = Tissue.DIPLOE


def orbit(points: Points) -> Array:
    """Return the distance to the orbits: cones from the optic canal to the orbit's rim."""
    x, y, z = points
    side = (np.abs(x), y, z)
    return chain(
        side, ((12, 16, -32, 3), (22, 38, -36, 13), (33, 60, -38, 18.5), (35, 76, -39, 17)), REACH
    )


def make_orbits(frame: Frame) -> None:
    """Paint orbital fat, eye muscles, optic nerves and globes."""
    region = frame.region((-58, 8, -62), (58, 84, -14))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    bony = (*SOFT, Tissue.CORTICAL_BONE, Tissue.DIPLOE)
    region.paint((orbit(region.points) < 0) & (y < 70), Tissue.FAT, over=bony)
    center = (33, 60, -38)
    nerve = chain(
        side, ((6, 8, -27, 2.2), (14, 20, -32, 2.2), (22, 34, -36, 2.2), (31, 50, -38, 2.2)), REACH
    )
    muscles = [
        chain(
            side,
            ((14, 20, -33, 1.6), (22 + 1.0 * dx, 40, -36 + dz, 2.4), (33 + dx, 58, -38 + dz, 1.2)),
            REACH,
        )
        for dx, dz in ((12.5, 0.0), (-12.5, 0.0), (0.0, 12.0), (0.0, -12.0))
    ]
    over = (*bony, Tissue.SKIN, Tissue.CSF, Tissue.DURA)
    region.paint(np.minimum.reduce(muscles) < 0, Tissue.MUSCLE, over=SOFT)
    region.paint(nerve < 0, Tissue.WHITE_MATTER, over=over)
    globe = np.minimum(
        ellipsoid(side, center, (12.5, 12.5, 12.5)), ellipsoid(side, (33, 66, -38), (8, 8, 8))
    )
    region.paint(globe < 0, Tissue.CONNECTIVE, over=over)
    region.paint(globe < -1.0, Tissue.VITREOUS)
    lens = ellipsoid(side, (33, 68.5, -38), (4.8, 2.2, 4.8))
    region.paint(lens < 0, Tissue.LENS)
    region.paint(ellipsoid(side, (45, 64, -28), (4, 5, 6)) < 0, Tissue.MUCOSA, over=(Tissue.FAT,))


def tooth_arch(points: Points, spread: float) -> tuple[Array, Array]:
    """Return distance to the dental arch y = 66 - x^2 / spread, and the length along it, mm."""
    x, y, _ = points
    slope = 2 * np.abs(x) / spread
    across = (y - (66 - x * x / spread)) / np.sqrt(1 + slope**2)
    along = spread / 4 * (slope * np.sqrt(1 + slope**2) + np.arcsinh(slope))
    return across, along


def make_jaws(frame: Frame, shape: HeadShape) -> None:
    """Paint alveolar bone, mandible and teeth, the tongue between them."""
    region = frame.region((-66, -30, -132), (66, 84, -46))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    gap = shape.jaw_open
    tongue = ellipsoid(region.points, (0, 30, -104 - gap), (23, 32, 17))
    region.paint(tongue < 0, Tissue.MUSCLE, over=SOFT)
    inner, _ = tooth_arch(region.points, 17.0)
    outer, _ = tooth_arch(region.points, 30.0)
    upper = box((inner + 0 * z, y + 0 * x + 0 * z, z), (0, 45, -84), (5.0, 24, 5.5)) - 1.0
    body = box((outer + 0 * z, y + 0 * x + 0 * z, z), (0, 40, -119 - gap), (4.2, 44, 7)) - 2.0
    alveolar = box((inner + 0 * z, y + 0 * x + 0 * z, z), (0, 45, -110 - gap), (4.0, 24, 5)) - 1.0
    ramus = (
        box((np.abs(x) - 48, y + 0.22 * (z + 88), z), (0, 4, -89 - gap / 2), (1.6, 14, 25)) - 2.0
    )
    condyle = chain(side, ((49, -8, -72, 4), (50, -12, -56, 5.5)), REACH)
    coronoid = chain(side, ((48, 12, -74, 3.5), (48, 20, -60, 2)), REACH)
    mandible = smooth_union(np.minimum(body, alveolar), ramus, 4.0)
    mandible = np.minimum(mandible, np.minimum(condyle, coronoid))
    paint_bone(region.labels, np.minimum(mandible, upper))

    across, along = tooth_arch(region.points, 17.0)
    within = np.abs(np.mod(along, 7.4) - 3.7)
    width = 3.2 + 0.035 * along  # molars are thicker than incisors
    for neck, crown in ((-88.5, -96.0), (-104.0 - gap, -96.5 - gap)):
        height = (z - neck) / (crown - neck)  # 0 at the neck of the tooth, 1 at its edge
        taper = np.clip(1 + 0.45 * np.minimum(height, 0), 0.1, 1)
        distance = np.maximum(np.abs(across) / (width * taper), within / (3.45 * taper))
        tooth = (distance < 1) & (along < 55) & (height < 1) & (height > -1.6)
        region.paint(tooth, Tissue.DENTINE)
        cap = (height > 0.05) & ((distance > 0.62) | (height > 0.78))
        region.paint(tooth & cap, Tissue.ENAMEL)


def make_ears(frame: Frame, envelope: Envelope) -> None:
    """Paint the auricles: plates of cartilage under skin, fixed in front, standing off behind."""
    for side in (1, -1):
        low: Position = (60, -64, -80) if side > 0 else (-97, -64, -80)
        high: Position = (97, 0, 0) if side > 0 else (-60, 0, 0)
        region = frame.region(low, high)
        _, y, z = region.points
        off = envelope.near(frame, envelope.head, low, high)
        back = -(y + 0.25 * (z + 40)) - 14  # mm behind the auricle's front edge, which leans
        rim = np.sqrt(((back - 15) / 17) ** 2 + ((z + 40) / 30) ** 2)
        bowl = np.clip(1 - rim, 0, 1)
        height = 1.0 + 0.34 * np.clip(back, 0, 40) - 4.0 * bowl
        thickness = 1.7 + 1.3 * np.clip((rim - 0.72) / 0.2, 0, 1)
        plate = np.abs(off - height) - thickness
        plate = np.minimum(plate, np.maximum(off - height, back - 13))  # its root
        region.paint((plate < 0) & (rim < 1), Tissue.SKIN, over=(Tissue.AIR,))
        gristle = (plate < -1.0) & (rim < 0.92) & (z > -58)
        region.paint(gristle, Tissue.CARTILAGE, over=(Tissue.SKIN,))


def make_spine(frame: Frame) -> None:
    """Paint atlas, axis and the upper cervical vertebrae around the spinal canal."""
    region = frame.region((-40, -112, -132), (40, -14, -62))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    dens = capsule(region.points, (0, -29, -70), (0, -32, -100), 5.0, 9.0)
    atlas = np.minimum(
        ellipsoid(side, (22, -40, -79), (9, 9, 6)),
        chain(side, ((22, -36, -79, 4), (10, -24, -79, 3.5), (0, -22, -79, 3.5)), REACH),
    )
    bones = np.minimum(dens, atlas)
    arches = [(-79.0, -47.0, 16.0), (-99.0, -51.0, 14.0), (-118.0, -53.0, 13.5)]
    for height, middle, radius in arches:
        ring = np.sqrt(
            (np.sqrt(x**2 + (y - middle) ** 2) - radius) ** 2 + (0.6 * (z - height)) ** 2
        )
        bones = np.minimum(bones, ring - 3.2)
    for height, middle, length in ((-102.0, -66.0, 20.0), (-121.0, -68.0, 16.0)):
        spinous = capsule(side, (0, middle, height), (2, middle - length, height - 7), 3.5)
        facets = ellipsoid(side, (19, middle + 22, height + 4), (7, 7, 9))
        bones = np.minimum(bones, np.minimum(spinous, facets))
    for height in (-117.0, -136.0):
        bones = np.minimum(bones, box(region.points, (0, -36, height), (9, 6, 5)) - 2.0)
    discs = box(region.points, (0, -35, -107.5), (8, 6, 1.5)) - 1.0
    discs = np.minimum(discs, box(region.points, (0, -36, -126.5), (8, 6, 1.5)) - 1.0)
    paint_bone(region.labels, bones)
    region.paint(discs < 0, Tissue.CARTILAGE, over=SOFT)
