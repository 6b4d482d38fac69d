"""What lies on and around a head and shows in MR, while its CT is learnt as air.

Every object takes an image (I, J, K), brightest tissue about 1, and the head's mask, and returns
the image with the object in the air around the head; the head itself is never changed.
"""

from __future__ import annotations

import numpy as np

from mrtoct.prepare.mask import bounding_box, dilated
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

HAIR_SIGNAL = (0.03, 0.2)
FOAM_SIGNAL = (0.03, 0.25)
ROD_SIGNAL = (0.05, 0.5)
"""Parts of the brightest tissue's signal: hair with its moisture, padding, markers with fluid."""


def hair(image: Array, head: Array, rng: np.random.Generator) -> Array:
    """Lay strands of hair of 2 to 10 voxels' depth on the upper and back part of a head."""
    if not head.any():
        return image
    box = bounding_box(head)
    length = [max(s.stop - s.start - 1, 1) for s in box]
    j = (np.arange(head.shape[1]) - box[1].start) / length[1]
    k = (np.arange(head.shape[2]) - box[2].start) / length[2]
    # From the forehead's upper end slanting down to the nape; 1 is front and top.
    above = k[None, :] > rng.uniform(0.5, 0.65) + 0.35 * (j[:, None] - 0.4)
    layer = dilated(head, int(rng.integers(2, 11))) & ~head & above[None]
    strands = np.clip(0.5 + lattice_noise(image.shape, 2.5, rng), 0, None)
    return _added(image, layer, strands * np.float32(rng.uniform(*HAIR_SIGNAL)))


def headphones(image: Array, head: Array, rng: np.random.Generator) -> Array:
    """Put a round cup of foam on each side of a head, at the height of its middle."""
    if not head.any():
        return image
    box = bounding_box(head)
    middle = [(s.start + s.stop - 1) / 2 for s in box[1:]]
    center = [m + rng.uniform(-6, 6) for m in middle]
    radius, depth = rng.uniform(28, 42), int(rng.integers(8, 26))
    j, k = (np.arange(n) - c for n, c in zip(head.shape[1:], center, strict=True))
    away = np.sqrt(j[:, None] ** 2 + k[None, :] ** 2) / radius
    signal = rng.uniform(*FOAM_SIGNAL)
    for side in (slice(None), slice(None, None, -1)):
        seen, out = head[side], image[side]
        # How far each line from the side goes before it meets the head.
        reach = np.where(seen.any(axis=0), seen.argmax(axis=0), 0)
        reach = np.where(away < 1, reach, 0)
        from_head = reach[None] - np.arange(head.shape[0])[:, None, None]
        cup = (from_head > 0) & (from_head <= depth) & (away < 1)[None] & ~seen
        rim = cup & (away > 0.8)[None]
        image = _added(out, cup, np.float32(signal) * (1 + rim.astype(np.float32)))[side]
    return image


def frame(image: Array, head: Array, rng: np.random.Generator) -> Array:
    """Stand upright rods on a ring around a head, as frames and holders for fixation have them."""
    if not head.any():
        return image
    box = bounding_box(head)
    center = [(s.start + s.stop - 1) / 2 for s in box]
    gap, thickness = rng.uniform(4, 14), rng.uniform(1.5, 4)
    radii = [(s.stop - s.start) / 2 + gap for s in box]
    first = rng.uniform(0, np.pi)
    i, j = (np.arange(n) - c for n, c in zip(head.shape[:2], center[:2], strict=True))
    rods = np.zeros(head.shape[:2], dtype=np.bool_)
    for angle in first + np.linspace(0, 2 * np.pi, int(rng.integers(4, 10)), endpoint=False):
        rod = (i[:, None] - radii[0] * np.cos(angle)) ** 2
        rods |= rod + (j[None, :] - radii[1] * np.sin(angle)) ** 2 < thickness**2
    round_head = np.hypot(i[:, None] / radii[0], j[None, :] / radii[1])
    ring = np.abs(round_head - 1) * min(radii[0], radii[1]) < thickness
    low = int(box[2].start + rng.uniform(0, 0.5) * (box[2].stop - box[2].start))
    where = np.zeros(head.shape, dtype=np.bool_)
    where[:, :, low:] = rods[:, :, None]
    where[:, :, low : low + int(2 * thickness)] |= ring[:, :, None]
    return _added(image, where & ~head, np.float32(rng.uniform(*ROD_SIGNAL)))


def _added(image: Array, where: Array, signal: Array | np.float32) -> Array:
    return np.asarray(image + np.where(where, signal, np.float32(0)), dtype=np.float32)
