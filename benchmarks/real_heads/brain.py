"""A brain drawn into an empty skull: CT shows almost none of it, MR little else.

The ribbon of cortex follows sulci that run towards the middle of the head; ventricles, deep grey
matter, brain stem and cerebellum stand about where they do in most people. It is a pattern, not an
anatomy, and enough to have MR of a head whose brain is not one grey lump.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array

CSF, GREY, WHITE, BLOOD = 0, 1, 2, 3

RIM_MM = 1.8
"""Fluid between the inner table and the cortex, on average."""
CORTEX_MM = 2.8
SULCUS_MM = 0.75
"""Half the width of a sulcus."""
SULCI_TO_MM = 22.0
"""How deep sulci reach below the skull."""

# Half axes and centres in mm, right or left, forward, up from the middle of the skull's inside.
VENTRICLES = (
    ((11.0, 14.0, 14.0), (5.0, 22.0, 7.0)),
    ((14.0, -20.0, 13.0), (6.0, 20.0, 8.0)),
    ((24.0, -36.0, 2.0), (5.0, 14.0, 6.0)),
)
DEEP_GREY = (
    ((11.0, -8.0, 3.0), (8.0, 14.0, 8.0)),
    ((25.0, 6.0, 2.0), (6.0, 17.0, 9.0)),
    ((14.0, 22.0, 11.0), (5.0, 9.0, 8.0)),
)


def draw_brain(inside: Array, rng: np.random.Generator) -> Array:
    """Return CSF, GREY, WHITE or BLOOD for the voxels (1 mm) inside a skull, as uint8 (I, J, K).

    Axes go to the right, forward and up. Outside the mask the result means nothing.
    """
    depth = ndimage.distance_transform_edt(inside)
    middle = np.array(ndimage.center_of_mass(inside))
    a, b, c = inside.shape
    x, y, z = (p - m for p, m in zip(np.ogrid[:a, :b, :c], middle, strict=True))
    across = np.abs(x)
    base = (across < 22) & (np.abs(y + 5) < 30) & (z < -5)  # no cortex there
    cerebellum = (y < -22) & (z < -22 - 0.25 * (y + 22))
    fold = _distance_to_folds(inside, middle, 5.0, rng)
    fine = _distance_to_folds(inside, middle, 1.8, rng)
    rim = RIM_MM * (1 + 0.5 * _noise(inside.shape, 9.0, rng))
    # How far below the surface of the brain a voxel lies, whether of its outside or of a sulcus.
    folded = (depth < SULCI_TO_MM + 4 * _noise(inside.shape, 12.0, rng)) & ~base
    sulci = np.where(folded, fold, 99.0)
    below = np.minimum(depth - rim, sulci - SULCUS_MM)
    below = np.where(cerebellum & (depth < 28), np.minimum(depth - rim, fine * 0.9 + 0.4), below)
    split = (across < 1.3) & ((depth < 38) | (z > 22)) & (z > -25)
    below = np.where(split, -1, np.where((z > 22) & (across < 6), below.clip(max=2.0), below))

    brain = np.where(below < 0, CSF, np.where(below < CORTEX_MM, GREY, WHITE)).astype(np.uint8)
    for centre, half in DEEP_GREY:
        brain[_ellipsoid(across, y, z, centre, half)] = GREY
    for centre, half in VENTRICLES:
        brain[_ellipsoid(across, y, z, centre, half)] = CSF
    third = (across < 2) & (np.abs(y + 4) < 14) & (np.abs(z - 1) < 10)
    brain[third] = CSF
    # A brain stem that narrows downward, in fluid.
    radius = np.clip(13 + 0.12 * (z + 22), 6, 13)
    from_stem = np.hypot(across, y + 20)
    brain[(from_stem < radius + 4) & (z < -20) & ~cerebellum] = CSF
    brain[(from_stem < radius) & (z < -14)] = WHITE
    fourth = (across < 5) & (np.abs(y + 34) < 3) & (np.abs(z + 36) < 10)
    brain[fourth] = CSF
    vessels = (fold < 0.9) & (fine < 0.8) & (depth > 1) & folded & ~cerebellum
    brain[vessels] = BLOOD
    sinus = (across < 4) & (depth < 6) & (z > 5 - 0.3 * np.abs(y)) & ((z > 30) | (y < -40))
    brain[sinus] = BLOOD
    return brain


def _distance_to_folds(
    inside: Array, middle: Array, scale: float, rng: np.random.Generator
) -> Array:
    """Return about how far (mm) a voxel is from the nearest of the surfaces that are sulci.

    They are where smooth noise is zero; the noise hardly changes along the way from the middle of
    the head outward, so that most of them run that way. scale is the noise's, in mm.
    """
    where = np.argwhere(inside)
    away = where - middle
    radius = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1.0)
    at = away * (70 / radius) ** 0.75
    size = int(2 * np.abs(at).max() + 8)
    noise = _noise((size, size, size), scale, rng)
    field = np.zeros(inside.shape, dtype=np.float32)
    field[inside] = ndimage.map_coordinates(noise, (at + size / 2).T, order=1)
    steepness = np.sqrt(sum(np.square(np.gradient(field, axis=axis)) for axis in range(3)))
    return np.asarray(np.abs(field) / np.maximum(steepness, 0.05 / scale))


def _noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Array:
    """Return smooth noise of unit standard deviation; scale is the smoothing's sigma in voxels."""
    coarse = max(1, int(scale / 2))
    small = rng.standard_normal([n // coarse + 4 for n in shape], dtype=np.float32)
    small = ndimage.gaussian_filter(small, scale / coarse)
    if coarse > 1:
        small = ndimage.zoom(small, coarse, order=1)
    small = small[tuple(slice(n) for n in shape)]
    return np.asarray((small - small.mean()) / small.std(), dtype=np.float32)


def _ellipsoid(
    x: Array, y: Array, z: Array, centre: tuple[float, ...], half: tuple[float, ...]
) -> Array:
    axes = zip((x, y, z), centre, half, strict=True)
    return np.asarray(sum(((a - c) / h) ** 2 for a, c, h in axes) < 1)
