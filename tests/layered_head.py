"""A head of layers, small enough for tests: every layer's place is known by its depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array, Volume

LAYERS = (
    (2, Tissue.SKIN),
    (7, Tissue.MUSCLE),
    (9, Tissue.CORTICAL_BONE),
    (12, Tissue.DIPLOE),
    (14, Tissue.CORTICAL_BONE),
    (16, Tissue.CSF),
    (20, Tissue.GREY_MATTER),
    (999, Tissue.WHITE_MATTER),
)
"""Depth below the surface, in voxels, to which each goes."""


def layered_head(half: tuple[int, int, int] = (30, 36, 32), margin: int = 8) -> Array:
    """Tissues (I, J, K) uint8 of an ellipsoid with a sinus, mucosa, eyes, and a vessel."""
    shape = [2 * (h + margin) + 1 for h in half]
    i, j, k = np.ogrid[tuple(slice(0, n) for n in shape)]
    i, j, k = (a - (n - 1) // 2 for a, n in zip((i, j, k), shape, strict=True))
    away = np.sqrt((i / half[0]) ** 2 + (j / half[1]) ** 2 + (k / half[2]) ** 2)
    depth = (1 - away) * np.mean(half)
    tissue = np.zeros(shape, dtype=np.uint8)
    for to, kind in reversed(LAYERS):
        tissue[(depth >= 0) & (depth < to)] = kind
    front = half[1] - 12
    block = (np.abs(i) < 13) & (np.abs(j - front) < 11) & (np.abs(k) < 10) & (depth > 5)
    tissue[block] = Tissue.CORTICAL_BONE
    tissue[(np.abs(i) < 8) & (np.abs(j - front) < 6) & (np.abs(k) < 5) & block] = Tissue.INNER_AIR
    nose = (np.abs(i) < 7) & (np.abs(j - front) < 7) & (np.abs(k + 16) < 5) & (depth > 4)
    tissue[nose] = Tissue.MUCOSA
    for side in (-1, 1):
        eye = (i - side * 17) ** 2 + (j - front + 2) ** 2 + k**2 < 16
        tissue[eye & (depth > 1)] = Tissue.VITREOUS
    tissue[np.broadcast_to(i**2 + (j + 8) ** 2 < 6, shape) & (depth > 16)] = Tissue.BLOOD
    return tissue


BIG = (50, 58, 54)
"""Half axes of a head of more than half a litre, which the room takes for one."""

Tried = Callable[[Callable[[Array, np.random.Generator], None]], list[Array]]
"""What a change makes of a head with ten seeds."""


def ct_of(tissue: Volume) -> Volume:
    """HU of a head of layers, with a scanner's blur and noise, not by the room's own code."""
    hu = np.full(21, 40.0)
    hu[[0, 18]] = -1000
    hu[[4, 7, 8]] = -90, 1300, 500
    rng = np.random.default_rng(5)
    blurred = ndimage.gaussian_filter(hu[tissue.voxels], 0.5)
    noise = rng.normal(0, 8, tissue.voxels.shape)
    return Volume(np.rint(blurred + noise).astype(np.int16), tissue.grid, "HU")
