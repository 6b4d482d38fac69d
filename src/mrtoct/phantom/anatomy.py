"""The head: labels on a fine grid in its own frame."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.brain import make_brain
from mrtoct.phantom.cavities import make_cavities
from mrtoct.phantom.envelope import make_envelope
from mrtoct.phantom.face import (
    make_ears,
    make_face_bones,
    make_jaws,
    make_orbits,
    make_spine,
)
from mrtoct.phantom.frame import Frame
from mrtoct.phantom.head_shape import HeadShape
from mrtoct.phantom.shapes import ellipsoid
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Volume


def make_labels(spacing: float, rng: np.random.Generator, *, lesion: bool = False) -> Volume:
    """Return the tissue labels (I, J, K), uint8, in a frame with its origin at the commissure.

    spacing: mm. lesion: add one to the white matter.
    """
    shape_rng, envelope_rng, cavity_rng, brain_rng, lesion_rng = rng.spawn(5)
    shape = HeadShape.draw(shape_rng)
    frame = Frame.stretched(shape.stretch, spacing)
    # From outside in; later tissues replace only what they may replace.
    envelope = make_envelope(frame, shape, envelope_rng)
    make_face_bones(frame)
    make_spine(frame)
    make_orbits(frame)
    make_jaws(frame, shape)
    make_cavities(frame, shape, cavity_rng)
    make_ears(frame, envelope)
    make_brain(frame, envelope, shape, brain_rng)
    if lesion:
        _add_lesion(frame, lesion_rng)
    return frame.volume()


def _add_lesion(frame: Frame, rng: np.random.Generator) -> None:
    """Paint a lesion of 8 to 18 mm radius into one hemisphere's white matter."""
    side = 1 if rng.uniform() < 0.5 else -1
    x, y, z = side * rng.uniform(22, 38), rng.uniform(-60, 35), rng.uniform(15, 50)
    radius = rng.uniform(8, 18)
    reach = 1.8 * radius
    region = frame.region((x - reach, y - reach, z - reach), (x + reach, y + reach, z + reach))
    a, b, c = radius * rng.uniform(0.8, 1.2, 3)
    body = ellipsoid(region.points, (x, y, z), (a, b, c))
    shift = rng.uniform(-0.6, 0.6, 3) * radius
    lobe = ellipsoid(region.points, (x + shift[0], y + shift[1], z + shift[2]), (0.7 * a,) * 3)
    region.paint(
        np.minimum(body, lobe) < 0, Tissue.LESION, over=(Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    )
