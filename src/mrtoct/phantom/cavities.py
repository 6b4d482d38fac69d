"""Air inside the head: sinuses, nose, pharynx, ear canals and the cells of the mastoids.

Dark in MR like the bone around it, and two thousand HU away from it in CT.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.phantom.face import SOFT
from mrtoct.phantom.fields import band_field, smooth_field
from mrtoct.phantom.frame import Frame, Region
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.shapes import (
    REACH,
    Position,
    box,
    capsule,
    chain,
    ellipsoid,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array

BONY = (Tissue.CORTICAL_BONE, Tissue.DIPLOE)
SIDES = (1, -1)


def make_cavities(frame: Frame, shape: HeadShape, rng: np.random.Generator) -> None:
    """Carve the air spaces out of bone and soft tissue and line them with mucosa."""
    sinuses, cells, mastoids = rng.spawn(3)
    _carve_sinuses(frame, shape, sinuses)
    _carve_nose(frame, shape, cells)
    _carve_pharynx(frame)
    _carve_ears(frame, shape, mastoids)


def _carve_sinuses(frame: Frame, shape: HeadShape, rng: np.random.Generator) -> None:
    low, high = (-46.0, -8.0, -88.0), (46.0, 92.0, 14.0)
    region = frame.region(low, high)
    lattice = frame.lattice(3.0, low, high)
    wall = 2.2 * lattice.upsampled(smooth_field(lattice.shape, (3.0,) * 3, 22.0, rng))
    x, y, z = region.points
    for side, frontal, maxillary in zip(
        SIDES, shape.frontal_sinus, shape.maxillary_sinus, strict=True
    ):
        mirrored = (side * x, y, z)
        m = maxillary
        antrum = smooth_union(
            ellipsoid(mirrored, (27, 44, -62), (12 * m, 18 * m, 15 * m)),
            ellipsoid(mirrored, (30, 50, -56), (9 * m, 10 * m, 8 * m)),
            4.0,
        )
        _line(region, antrum + 0.5 * wall, shape.mucosa, (*BONY, *SOFT))
        if frontal > 0.35:
            f = frontal
            lobes = np.minimum(
                ellipsoid(mirrored, (8 + 4 * f, 75, -22 + 8 * f), (8 + 8 * f, 12, 5 + 12 * f)),
                ellipsoid(mirrored, (7, 74, -26), (6, 8, 7)),
            )
            # Only marrow gives way, so the tables stay; one septum off the midline parts the two.
            lobes = np.maximum(lobes, 1.0 - np.abs(x - 2.0))
            _line(region, lobes + wall, 0.5 * shape.mucosa, (Tissue.DIPLOE,))
    s = shape.sphenoid_sinus
    sphenoid = ellipsoid(region.points, (0, 15, -40), (17 * s, 16 * s, 11 * s)) + 0.4 * wall
    septum = 0.8 - np.abs(x - 3 - 0.1 * z - 4)
    _line(region, np.maximum(sphenoid, septum), 0.6 * shape.mucosa, BONY)


def _line(region: Region, distance: Array, lining: float, over: tuple[Tissue, ...]) -> None:
    """Paint a cavity: mucosa at its wall, air within."""
    region.paint(distance < 0, Tissue.MUCOSA, over=over)
    region.paint(distance < -lining, Tissue.INNER_AIR, over=(Tissue.MUCOSA,))


def _carve_nose(frame: Frame, shape: HeadShape, rng: np.random.Generator) -> None:
    low, high = (-20.0, 4.0, -84.0), (20.0, 112.0, -22.0)
    region = frame.region(low, high)
    x, y, z = region.points
    side = (np.abs(x), y, z)
    # Ethmoid cells: bubbles between thin septa, between the orbits.
    lattice = frame.lattice(2.0, low, high)
    bubbles = lattice.upsampled(band_field(lattice.shape, lattice.step, 15.0, rng))
    ethmoid = box(side, (4.0, 42, -38), (4.5, 16, 6)) - 5.0 + 0.5 * bubbles
    tissues = (*BONY, *SOFT)
    region.paint(ethmoid < 0, Tissue.CORTICAL_BONE, over=tissues)
    region.paint((ethmoid < -0.8) & (np.abs(bubbles) > 0.16), Tissue.MUCOSA, over=BONY)
    region.paint(
        (ethmoid < -1.0) & (np.abs(bubbles) > 0.34), Tissue.INNER_AIR, over=(Tissue.MUCOSA,)
    )
    # A tall narrow cavity, wider below, as deep as from the nostrils to the pharynx.
    half = 5.5 + 8 * np.clip((-46 - z) / 26, 0, 1)
    cavity = box((np.abs(x) / half * 10, y, z), (0, 44, -62), (6, 30, 12)) - 5.0
    # The bridge of the nose slopes down in front, the sphenoid up behind.
    cavity = np.maximum(cavity, 0.85 * (y - 60) + 0.5 * (z + 48))
    region.paint(cavity < 0, Tissue.MUCOSA, over=tissues)
    lining = 0.8 + 0.6 * shape.mucosa
    region.paint(cavity < -lining, Tissue.INNER_AIR, over=(Tissue.MUCOSA,))
    deviation = 1.5 * np.sin((y - 20) / 14) * (1 if rng.uniform() < 0.5 else -1) * rng.uniform()
    septum = np.abs(x - deviation) + 0 * z
    wall = (cavity < 0) & (septum < 2.2)
    region.paint(wall, Tissue.MUCOSA, over=(Tissue.INNER_AIR,))
    region.paint(
        wall & (septum < 0.55) & (y < 62 + 0.5 * (z + 60)),
        Tissue.CORTICAL_BONE,
        over=(Tissue.MUCOSA,),
    )
    region.paint(
        wall & (septum < 0.9) & (y >= 62 + 0.5 * (z + 60)), Tissue.CARTILAGE, over=(Tissue.MUCOSA,)
    )
    for height, offset, size in ((-71.0, 8.5, 3.6), (-59.0, 6.5, 2.8), (-49.0, 4.0, 2.0)):
        turbinate = capsule(side, (offset, 20, height), (offset, 66, height + 1), size * 0.9, size)
        region.paint((turbinate < 0) & (cavity < 0), Tissue.MUCOSA, over=(Tissue.INNER_AIR,))
        region.paint(turbinate < -size + 0.9, Tissue.CORTICAL_BONE, over=(Tissue.MUCOSA,))
    tip = 82 + shape.nose
    nostril = chain(
        side, ((6, tip - 10, -78, 3.4), (5.5, tip - 12, -70, 3.2), (4.5, 74, -66, 3.0)), REACH
    )
    region.paint(nostril < 0, Tissue.INNER_AIR, over=(*tissues, Tissue.SKIN, Tissue.CARTILAGE))
    frame_of_nose = chain(side, ((2, 88, -50, 2.5), (3, tip - 11, -60, 3.5)), REACH)
    region.paint(frame_of_nose < 0, Tissue.CARTILAGE, over=SOFT)


def _carve_pharynx(frame: Frame) -> None:
    region = frame.region((-24, -30, -132), (24, 80, -52))
    x, y, z = region.points
    flat = (0.65 * x, y, z)
    nasal = ellipsoid(region.points, (0, 8, -66), (12, 12, 10))
    throat = chain(
        flat, ((0, 2, -68, 6), (0, -8, -84, 4.5), (0, -12, -104, 6), (0, -12, -140, 7.5)), REACH
    )
    oral = ellipsoid(region.points, (0, 34, -87), (14, 26, 2.2))
    _line(region, np.minimum(nasal, throat), 1.0, SOFT)
    region.paint(oral < 0, Tissue.INNER_AIR, over=SOFT)
    palate = capsule(flat, (0, 18, -82), (0, -2, -94), 4.0, 2.5)
    region.paint(palate < 0, Tissue.MUSCLE, over=(Tissue.INNER_AIR, Tissue.MUCOSA))


def _carve_ears(frame: Frame, shape: HeadShape, rng: np.random.Generator) -> None:
    """Carve ear canal, middle ear and mastoid cells; paint the dense labyrinth and its nerve."""
    spacing = frame.grid.spacing[0]
    for side, pneumatised in zip(SIDES, shape.mastoid, strict=True):
        low: Position = (34, -62, -80) if side > 0 else (-92, -62, -80)
        high: Position = (92, -4, -26) if side > 0 else (-34, -4, -26)
        region = frame.region(low, high)
        x, y, z = region.points
        mirrored = (side * x, y, z)
        mastoid = chain(mirrored, ((60, -40, -44, 11), (60, -38, -62, 9), (57, -35, -75, 4)), REACH)
        petrous = chain(mirrored, ((56, -28, -44, 8), (44, -22, -44, 6)), REACH)
        grain = rng.standard_normal(region.labels.shape, dtype=np.float32)
        grain = ndimage.gaussian_filter(grain, max(1.25 / spacing, 0.5))
        inside = (smooth_union(mastoid, petrous, 3.0) < -1.0) & np.isin(region.labels, BONY)
        if inside.any():
            cells = inside & (grain > np.quantile(grain[inside], 1 - pneumatised))
            region.paint(cells, Tissue.INNER_AIR, over=BONY)
        labyrinth = ellipsoid(mirrored, (40, -22, -43), (8, 7, 6))
        region.paint(labyrinth < 0, Tissue.CORTICAL_BONE, over=(*BONY, Tissue.INNER_AIR))
        canal = chain(
            mirrored, ((52, -26, -46, 4.0), (60, -27, -46, 2.4), (88, -26, -45, 3.0)), REACH
        )
        region.paint(
            canal < 0,
            Tissue.INNER_AIR,
            over=(*BONY, *SOFT, Tissue.SKIN, Tissue.CARTILAGE),
        )
        cochlea = ellipsoid(mirrored, (41, -20, -44), (2.4, 2.4, 2.0))
        region.paint(cochlea < 0, Tissue.CSF, over=BONY)
    medial = frame.region((-42, -36, -50), (42, -14, -32))
    x, y, z = medial.points
    meatus = capsule((np.abs(x), y, z), (16, -26, -40), (34, -23, -41), 3.0, 2.4)
    medial.paint(meatus < 0, Tissue.CSF, over=BONY)
    nerve = capsule((np.abs(x), y, z), (8, -26, -38), (34, -23, -41), 1.1)
    medial.paint(nerve < 0, Tissue.WHITE_MATTER, over=(Tissue.CSF,))
