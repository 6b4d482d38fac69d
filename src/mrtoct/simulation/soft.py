"""Soft tissue outside the skull: what is fat and what is muscle, where label maps do not tell."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated
from mrtoct.simulation.landmarks import is_bone
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

ORBIT = 14
"""Voxels around the eyes that are mostly fat."""


def draw_fat(tissue: Array, rng: np.random.Generator) -> None:
    """Turn part of the MUSCLE of a head (I, J, K) into FAT and a little CONNECTIVE, in place.

    Fat lies below the skin and around the eyes, muscle on the bone; between them smooth noise
    decides, whose share differs from head to head.
    """
    soft = tissue == Tissue.MUSCLE
    if not soft.any():
        return
    value = lattice_noise(tissue.shape, rng.uniform(6, 14), rng) + 0.5 * lattice_noise(
        tissue.shape, 3, rng
    )
    value += rng.normal(-0.3, 0.5)
    value += 1.6 * dilated(tissue == Tissue.SKIN, int(rng.integers(2, 8)))
    eyes = tissue == Tissue.VITREOUS
    if eyes.any():
        value += 2.0 * _near(eyes, ORBIT)
    value -= rng.uniform(0, 1.0) * dilated(is_bone(tissue), 3)
    tissue[soft & (value > 0.4)] = Tissue.FAT
    if rng.uniform() < 0.3:
        # Septa and fasciae: neither fat nor muscle.
        tissue[soft & (np.abs(value - 0.4) < 0.12)] = Tissue.CONNECTIVE


def _near(mask: Array, voxels: int) -> Array:
    """Grow a mask at half resolution: exact to 2 voxels, and eight times cheaper."""
    coarse = dilated(mask[::2, ::2, ::2], voxels // 2)
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    return fine[: mask.shape[0], : mask.shape[1], : mask.shape[2]]
