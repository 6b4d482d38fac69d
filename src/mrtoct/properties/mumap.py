"""The attenuation map of a PET/MR scan with its head taken from a synthetic CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.errors import GeometryError
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.curve import Curve
from mrtoct.properties.hu import require_hu
from mrtoct.resample import measured_on, resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

TISSUE_PER_CM = 0.05
"""Half of water: above it is the patient."""
RIM_MM = 12.0
"""So far from the head the scanner's map has no say: its skin must not stand beside ours."""
LEAST_AGREEMENT = 0.75
"""Dice of the two heads; 0.9 and more where the scans belong together, 0.6 if one moved by 4 cm."""


@dataclass(frozen=True, eq=False)
class HeadReplaced:
    """An attenuation map whose head follows a synthetic CT."""

    mu: Volume
    """1/cm, float32, on the scanner's grid."""
    agreement: float
    """Dice of the head in both, where the synthetic CT is."""
    replaced_ml: float
    """Of tissue, from the synthetic CT."""
    kept_ml: float
    """Of tissue, from the scanner's map: arms, shoulders, what lies beyond the synthetic CT."""


def replace_head(
    sct: Volume, umap: Volume, curve: Curve, *, smooth_mm: float = 0.0
) -> HeadReplaced:
    """Return a scanner's map (1/cm) in which the head is that of a synthetic CT (HU).

    What lies beyond the synthetic CT, or away from its head, stays as the scanner has it. smooth_mm
    is the full width at half maximum of a Gaussian over the head. Raises GeometryError if the two
    heads do not lie in one place.
    """
    require_hu(sct)
    sct = sct.with_voxels(np.maximum(sct.voxels, AIR_HU))
    head = head_mask_ct(sct)
    # Mixed by mu, not by HU: a voxel half of bone and half of air attenuates half as much.
    mu = resample(sct.with_voxels(curve.at_least(0.0)(sct.voxels), "1/cm"), umap.grid, fill=0.0)
    inside = resample_mask(head, umap.grid).voxels
    covered = measured_on(sct, umap.grid)
    values = np.asarray(mu.voxels)
    if smooth_mm > 0:
        sigma = smooth_mm / np.sqrt(8 * np.log(2)) / np.asarray(umap.spacing)
        values = ndimage.gaussian_filter(values, sigma)
    agreement = _agreement(inside, umap.voxels > TISSUE_PER_CM, covered)
    if agreement < LEAST_AGREEMENT:
        raise GeometryError(
            "the head of the synthetic CT and that of the attenuation map overlap by "
            f"{agreement:.0%} (Dice), at least {LEAST_AGREEMENT:.0%} is needed: another patient or "
            "position? Register the MR to the attenuation map's series first"
        )
    away = np.asarray(ndimage.distance_transform_edt(~inside, sampling=umap.spacing))
    ours = covered & (away <= RIM_MM)
    merged = np.where(ours, values, umap.voxels).astype(np.float32)
    tissue = merged > TISSUE_PER_CM
    voxel = umap.grid.voxel_volume / 1000
    return HeadReplaced(
        umap.with_voxels(merged),
        round(agreement, 4),
        round(float((tissue & ours).sum()) * voxel, 1),
        round(float((tissue & ~ours).sum()) * voxel, 1),
    )


def _agreement(ours: Array, theirs: Array, covered: Array) -> float:
    """Return the Dice of two bodies where both are known, cavities filled and the rest left out."""
    near = np.asarray(ndimage.binary_dilation(ours, iterations=8)) & covered
    theirs = np.asarray(ndimage.binary_fill_holes(theirs & near))
    total = int(ours.sum()) + int(theirs.sum())
    return 2 * int((ours & theirs).sum()) / total if total else 0.0
