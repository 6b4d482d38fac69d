"""Real CT heads into tissues, so that MR can be simulated of an anatomy whose HU are known."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.phantom.fields import band_field
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.intensity import checked_ct
from mrtoct.prepare.intracranial import intracranial_mask
from mrtoct.prepare.mask import bounding_box, dilated, eroded, head_mask_ct
from mrtoct.resample import resample
from mrtoct.simulation.labels import MARGIN
from mrtoct.volume import AIR_HU, Array, Grid, Volume

AIR_BELOW, FAT_BELOW, BONE_ABOVE, CORTICAL_ABOVE, TOOTH_ABOVE, METAL_ABOVE = (
    -400.0, -25.0, 220.0, 700.0, 1750.0, 2150.0,
)  # fmt: skip
"""HU between air, fat, soft tissue, marrow spaces, compact bone, teeth and metal."""
STREAKS = 60.0
"""mm around metal within which the CT is not trusted in the slices that hold metal."""
HINDBRAIN = 40
"""Voxels below the forebrain's mask in which the cerebellum is looked for."""
BRAIN_HU = 34.0
"""Median of a living brain; that of a preserved head differs."""


def tissues_of_ct(ct: Volume, seed: int) -> tuple[Volume, Volume, Volume]:
    """Return tissues, the CT and what of it cannot be trusted, cropped to the head at 1 mm.

    Tissues are uint8 of Tissue, the CT int16 HU without table and holder, the last boolean. A CT
    does not tell grey from white matter: a cortex is drawn from noise of the seed. Raises
    ValueRangeError for what is not in HU or holds no head.
    """
    rng = np.random.default_rng(seed)
    fine = resample(checked_ct(ct), ct.grid.upright((1.0, 1.0, 1.0)), fill=AIR_HU)
    head = head_mask_ct(fine).voxels
    box = bounding_box(head)
    head = np.pad(head[box], MARGIN)
    hu = np.pad(fine.voxels[box], MARGIN, constant_values=AIR_HU)
    hu = np.where(dilated(head, 1), hu, AIR_HU).astype(np.float32)
    affine = fine.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ (np.array([s.start for s in box]) - MARGIN)
    i, j, k = hu.shape
    grid = Grid((i, j, k), affine)
    tissue = _by_hu(hu, head)
    brain = _with_hindbrain(intracranial_mask(Volume(hu, grid, "HU")).voxels, hu)
    _draw_brain(tissue, brain, rng)
    soft = brain & (hu > -50) & (hu < 120)
    hu[soft] += BRAIN_HU - float(np.median(hu[soft]))
    return (
        Volume(tissue, grid, "label"),
        Volume(np.rint(hu).astype(np.int16), grid, "HU"),
        Volume(_near_metal(tissue), grid, "label"),
    )


def _by_hu(hu: Array, head: Array) -> Array:
    calm = ndimage.gaussian_filter(hu, 0.7)  # noise would speckle fat and muscle
    tissue = np.full(hu.shape, Tissue.MUSCLE, dtype=np.uint8)
    tissue[calm < FAT_BELOW] = Tissue.FAT
    tissue[hu > BONE_ABOVE] = Tissue.DIPLOE
    tissue[hu > CORTICAL_ABOVE] = Tissue.CORTICAL_BONE
    tissue[hu > TOOTH_ABOVE] = Tissue.DENTINE
    tissue[hu > METAL_ABOVE] = Tissue.METAL
    air = hu < AIR_BELOW
    tissue[air] = Tissue.INNER_AIR
    tissue[~head] = Tissue.AIR
    soft = (tissue == Tissue.MUSCLE) | (tissue == Tissue.FAT)
    # At the border of soft tissue and air a voxel holds both and has the HU of fat.
    tissue[soft & dilated(air & head, 2)] = Tissue.MUCOSA
    tissue[soft & ~eroded(head, 2)] = Tissue.SKIN
    return tissue


def _with_hindbrain(brain: Array, hu: Array) -> Array:
    """Add what the skull surrounds below the mask, which ends where the neck begins."""
    height = np.flatnonzero(brain.any(axis=(0, 1)))[0]
    back = int(np.argwhere(brain)[:, 1].mean())
    whole = brain.copy()
    for k in range(max(height - HINDBRAIN, 0), height + 2):
        ring = ndimage.binary_closing(hu[:, :, k] > BONE_ABOVE, iterations=6)
        inside = ndimage.binary_fill_holes(ring) & (hu[:, :, k] > -50) & (hu[:, :, k] < 120)
        inside[:, back:] = False
        whole[:, :, k] |= ndimage.binary_opening(inside, iterations=4)
    return whole


def _draw_brain(tissue: Array, inside: Array, rng: np.random.Generator) -> None:
    soft = inside & np.isin(tissue, (Tissue.MUSCLE, Tissue.FAT, Tissue.MUCOSA))
    field = band_field(tissue.shape, 1.0, rng.uniform(10, 14), rng)
    deep = eroded(inside, int(rng.integers(8, 13)))
    tissue[soft] = Tissue.WHITE_MATTER
    tissue[soft & ~deep & (field > -0.3)] = Tissue.GREY_MATTER
    fluid = ~eroded(inside, int(rng.integers(2, 4))) | (~eroded(inside, 7) & (field > 1.1))
    tissue[soft & fluid] = Tissue.CSF
    center = np.argwhere(inside[::4, ::4, ::4]).mean(axis=0) * 4
    axes = np.ogrid[tuple(slice(0, n) for n in tissue.shape)]
    for side in (-1, 1):
        middle = center + np.array([side * 11, 0, 8])
        radii = (rng.uniform(5, 10), rng.uniform(28, 40), rng.uniform(7, 13))
        parts = (((a - m) / r) ** 2 for a, m, r in zip(axes, middle, radii, strict=True))
        tissue[soft & (sum(parts) < 1)] = Tissue.CSF


def _near_metal(tissue: Array) -> Array:
    metal = tissue == Tissue.METAL
    near = np.zeros(tissue.shape, dtype=np.bool_)
    if metal.sum() < 20:
        return near
    center = np.argwhere(metal).mean(axis=0)
    slices = ndimage.binary_dilation(metal.any(axis=(0, 1)), iterations=2)
    i, j = (np.arange(n) - c for n, c in zip(tissue.shape[:2], center[:2], strict=True))
    near[(i[:, None] ** 2 + j[None, :] ** 2 < STREAKS**2)] = True
    return np.asarray(near & slices)
