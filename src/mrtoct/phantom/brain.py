"""The brain: cortex and hindbrain, then deep nuclei, ventricles, vessels and dural folds."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.cortex import paint_cerebrum
from mrtoct.phantom.envelope import Envelope
from mrtoct.phantom.frame import Frame
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.hindbrain import paint_cerebellum, paint_stem, tentorium
from mrtoct.phantom.shapes import (
    REACH,
    capsule,
    chain,
    ellipsoid,
    smooth_intersection,
    smooth_union,
)
from mrtoct.phantom.tissues import Tissue


def make_brain(
    frame: Frame, envelope: Envelope, shape: HeadShape, rng: np.random.Generator
) -> None:
    """Paint the brain into the CSF of the cranial cavity."""
    folding, folia = rng.spawn(2)
    paint_cerebrum(frame, envelope, shape, folding)
    paint_cerebellum(frame, envelope, shape, folia)
    paint_stem(frame)
    _paint_deep(frame, shape)
    _paint_ventricles(frame, shape)
    _paint_vessels_and_dura(frame, envelope)


def _paint_deep(frame: Frame, shape: HeadShape) -> None:
    """Paint the corpus callosum, thalami, basal ganglia and hippocampi."""
    region = frame.region((-52, -60, -36), (52, 48, 40))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    soft = (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    # A flat tube seen from the side: wide across, thin in its own plane.
    callosum = chain(
        (0.28 * np.maximum(np.abs(x) - 3, 0), y, z),
        (
            (0, 18, -3, 2.0),
            (0, 26, 1, 4.5),
            (0, 28, 9, 5.0),
            (0, 20, 18, 3.8),
            (0, 4, 25, 3.2),
            (0, -14, 27, 3.0),
            (0, -30, 23, 3.4),
            (0, -38, 15, 5.4),
        ),
        REACH,
    )
    region.paint(callosum < 0, Tissue.WHITE_MATTER, over=soft)
    core = ellipsoid(region.points, (0, -6, 6), (34, 34, 18))
    region.paint(core < 0, Tissue.WHITE_MATTER, over=(Tissue.GREY_MATTER,))
    thalamus = ellipsoid(side, (11, -18, 7), (9, 15, 9))
    caudate = chain(
        side,
        ((11, 20, 4, 5), (13, 12, 11, 6), (16, -2, 19, 4), (19, -18, 22, 2.6), (25, -32, 16, 2)),
        REACH,
    )
    putamen = ellipsoid((np.abs(x) - 0.15 * (y - 4), y, z), (26, 3, 1), (5.5, 17, 10))
    hippocampus = chain(side, ((24, -8, -20, 6), (29, -22, -15, 5), (27, -34, -6, 4)), REACH)
    amygdala = ellipsoid(side, (23, -2, -20), (7, 7, 7))
    hypothalamus = ellipsoid(region.points, (0, 2, -10), (7, 9, 6))
    for nucleus in (thalamus, caudate, putamen, hippocampus, amygdala, hypothalamus):
        region.paint(nucleus < 0, Tissue.GREY_MATTER, over=soft)
    pallidum = ellipsoid(side, (19.5, -2, -1), (3.2, 9, 6))
    region.paint(pallidum < 0, Tissue.GREY_MATTER, over=soft)


def _paint_ventricles(frame: Frame, shape: HeadShape) -> None:
    """Paint lateral ventricles with their horns, third ventricle, aqueduct, fourth ventricle."""
    region = frame.region((-46, -84, -62), (46, 46, 40))
    x, y, z = region.points
    side = (np.abs(x), y, z)
    wide = shape.ventricles
    across = np.abs(x)
    # In a coronal cut a body is a wing: under the callosum, slanting down to the septum
    # along caudate and thalamus, deepest in the frontal horn; behind, the two bodies part.
    roof = 23.5 + 0.22 * across - 0.0045 * (y + 10) ** 2
    depth = np.interp(y, (-25, -5, 8, 20), (8, 11, 15, 24)).astype(np.float32)
    apart = 0.45 * np.maximum(-10 - y, 0)
    reach = 17.0 * wide
    slant = 0.6 * reach * ((across - apart) / reach - 1 + (roof - z) / depth)
    lateral = smooth_intersection(z - roof, slant, 2.0)
    lateral = smooth_intersection(lateral, (np.abs(y - 1) - 31) * 0.8, 4.0)
    lateral = np.maximum(lateral, 1.0 + 0.6 * apart - across)
    atrium = chain(side, ((13, -20, 22, 4.2), (18, -30, 19, 5.0), (24, -40, 11, 7.0)), REACH)
    lateral = smooth_union(lateral, atrium, 3.0)
    occipital = chain(side, ((24, -42, 10, 6.5), (25, -56, 7, 4.0), (20, -74, 5, 1.2)), REACH)
    temporal = chain(
        side,
        ((26, -40, 8, 5.5), (34, -36, -4, 3.0), (34, -22, -14, 2.4), (32, -8, -20, 2.2)),
        REACH,
    )
    horns = np.minimum(occipital, temporal) - 3.0 * (wide - 1)
    ventricles = np.minimum(lateral, horns)
    soft = (Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    region.paint((ventricles < 0) & (across > 0.9), Tissue.CSF, over=soft)
    third = ellipsoid((x, y + 0.35 * (z - 2), z), (0, -8, 2), (1.9 * wide, 14, 11))
    adhesion = ellipsoid(region.points, (0, -8, 6), (5, 4, 4))
    aqueduct = capsule(region.points, (0, -26, -2), (0, -36, -22), 0.9)
    fourth = ellipsoid((x, y + 0.25 * (z + 36), z), (0, -40, -36), (8 + 2 * wide, 5.5 * wide, 11))
    region.paint((third < 0) & (adhesion > 0), Tissue.CSF, over=soft)
    region.paint((aqueduct < 0) | (fourth < 0), Tissue.CSF, over=soft)


def _paint_vessels_and_dura(frame: Frame, envelope: Envelope) -> None:
    """Paint falx, tentorium, venous sinuses and the large arteries at the base."""
    fluid = (Tissue.CSF,)
    sheet = (Tissue.CSF, Tissue.GREY_MATTER)
    inside = (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.DURA)

    low, high = (-6.0, -114.0, -24.0), (6.0, 80.0, 90.0)
    region = frame.region(low, high)
    x, y, z = region.points
    # The falx ends above the callosum, and comes down to it only behind.
    callosal = chain(
        (0 * x, y, z),
        ((0, 46, -6, 10), (0, 30, 12, 12), (0, 0, 26, 8), (0, -34, 22, 4), (0, -52, 8, 1)),
        REACH,
    )
    falx = (np.abs(x) < 0.6) & (callosal > 0) & (z > tentorium(region.points) - 1)
    region.paint(falx, Tissue.DURA, over=sheet)
    depth = -envelope.near(frame, envelope.cavity, low, high)
    sagittal = (depth > 0.8) & (depth < 7) & (np.abs(x) < 0.6 * (7.5 - depth)) & (z > -16)
    region.paint(sagittal & ((z > 20) | (y < -60)), Tissue.BLOOD, over=inside)

    low, high = (-72.0, -114.0, -36.0), (72.0, -20.0, 18.0)
    region = frame.region(low, high)
    _, y, z = region.points
    height = np.abs(z - tentorium(region.points))
    notch = ellipsoid(region.points, (0, -24, -6), (21, 27, 40))
    region.paint((height < 0.7) & (y < -26) & (notch > 0), Tissue.DURA, over=sheet)
    depth = -envelope.near(frame, envelope.cavity, low, high)
    transverse = (depth > 0.8) & (depth < 6) & (height < 3.5) & (y < -45)
    region.paint(transverse, Tissue.BLOOD, over=inside)

    region = frame.region((-38, -28, -56), (38, 16, -8))
    x, y, z = region.points
    basilar = ((0, -6, -20, 1.7), (0, -8, -34, 1.8), (3, -20, -50, 1.8))
    carotid = ((12, 4, -32, 2.6), (12, 8, -22, 2.4), (14, 4, -16, 2.0), (34, 2, -14, 1.4))
    region.paint(chain(region.points, basilar, REACH) < 0, Tissue.BLOOD, over=fluid)
    region.paint(chain((np.abs(x), y, z), carotid, REACH) < 0, Tissue.BLOOD, over=fluid)
