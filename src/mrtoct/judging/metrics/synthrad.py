"""The image metrics of the SynthRAD challenges, written from their definitions.

2023: MAE, PSNR and SSIM with HU clipped to -1024..3000. 2025: PSNR and multi-scale SSIM with
HU clipped to -1024..3071. MAE is not clipped in either.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.judging.metrics.paper import psnr
from mrtoct.volume import Array

LOW_HU = -1024.0
HIGH_2023_HU = 3000.0
HIGH_2025_HU = 3071.0

K1, K2 = 0.01, 0.03
WINDOW = 7
MARGIN = WINDOW // 2
"""Voxels cropped from each face of an SSIM map: their windows would leave the volume."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_PADDED = 97
"""Halved four times this leaves 7 voxels, one window, at the coarsest scale."""


@dataclass(frozen=True)
class SynthRad2023:
    """In-mask MAE (HU), PSNR (dB, range 4024) and SSIM (NaN below 7 voxels an axis)."""

    mae: float
    psnr: float
    ssim: float
    ssim_counted: float = math.nan
    """Part of the mask that SSIM counts: not what lies within 3 voxels of the volume's faces."""


@dataclass(frozen=True)
class SynthRad2025:
    """In-mask MAE (HU), PSNR (dB, range 4095) and multi-scale SSIM."""

    mae: float
    psnr: float
    ms_ssim: float
    ms_ssim_counted: float = math.nan
    """Part of the mask that MS-SSIM counts at the scale where this is least: 3 voxels of the
    coarsest are 48 of the volume's."""


def synthrad_2023(sct: Array, ct: Array, mask: Array) -> SynthRad2023:
    """Return the 2023 metrics of HU arrays (I, J, K) inside a boolean mask."""
    return SynthRad2023(
        mae=masked_mae(sct, ct, mask),
        psnr=masked_psnr(sct, ct, mask, HIGH_2023_HU),
        ssim=masked_ssim(sct, ct, mask),
        ssim_counted=counted_part(mask),
    )


def synthrad_2025(sct: Array, ct: Array, mask: Array) -> SynthRad2025:
    """Return the 2025 metrics of HU arrays (I, J, K) inside a boolean mask."""
    return SynthRad2025(
        mae=masked_mae(sct, ct, mask),
        psnr=masked_psnr(sct, ct, mask, HIGH_2025_HU),
        ms_ssim=masked_ms_ssim(sct, ct, mask),
        ms_ssim_counted=float(np.min([counted_part(m) for m in _scales(_padded(mask))])),
    )


def masked_mae(sct: Array, ct: Array, mask: Array) -> float:
    """Return mean |sct - ct| inside the mask."""
    return float(np.abs(sct[mask].astype(np.float64) - ct[mask]).mean())


def masked_psnr(sct: Array, ct: Array, mask: Array, high: float) -> float:
    """Return 10 log10((high + 1024)^2 / MSE) of in-mask voxels clipped to -1024..high."""
    synthetic = np.clip(sct[mask].astype(np.float64), LOW_HU, high)
    real = np.clip(ct[mask].astype(np.float64), LOW_HU, high)
    return psnr(float(np.mean((synthetic - real) ** 2)), high - LOW_HU)


def masked_ssim(sct: Array, ct: Array, mask: Array) -> float:
    """Return the mean over in-mask voxels of the 3-D SSIM map with a uniform 7^3 window.

    Outside the mask both are -1024 HU; sample covariance as in scikit-image; data range 4024;
    the outer 3 voxels of the volume do not count.
    """
    counted = _inner(mask)
    if not counted.any():
        return float("nan")
    box = _windows_of(counted)
    x, y = (_shifted(v[box], mask[box], HIGH_2023_HU) for v in (sct, ct))
    c1, c2 = (K1 * (HIGH_2023_HU - LOW_HU)) ** 2, (K2 * (HIGH_2023_HU - LOW_HU)) ** 2
    mean_x, mean_y, var_x, var_y, cov = _window_statistics(x, y)
    similarity = ((2 * mean_x * mean_y + c1) * (2 * cov + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    return float(similarity[counted[box]].mean())


def masked_ms_ssim(sct: Array, ct: Array, mask: Array) -> float:
    """Return the product over five scales of mean in-mask L^w C^w S^w (Wang et al. 2003).

    As the challenge's code has it, luminance counts at every scale, where the original paper
    takes it at the coarsest alone. Volumes are padded with edge values to 97 voxels an axis.
    """
    high = HIGH_2025_HU
    c1, c2 = (K1 * (high - LOW_HU)) ** 2, (K2 * (high - LOW_HU)) ** 2
    x, y = (_padded(_shifted(v, mask, high)) for v in (sct, ct))
    inside = _padded(mask)
    product = 1.0
    for weight in SCALE_WEIGHTS:
        counted = _inner(inside)
        if not counted.any():
            return float("nan")
        box = _windows_of(counted)
        statistics = _window_statistics(x[box], y[box])
        mean_x, mean_y, var_x, var_y, cov = (v[counted[box]] for v in statistics)
        var_x, var_y = np.maximum(var_x, 0), np.maximum(var_y, 0)
        deviations = np.sqrt(var_x) * np.sqrt(var_y)
        luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
        contrast = (2 * deviations + c2) / (var_x + var_y + c2)
        structure = (cov + c2 / 2) / (deviations + c2 / 2)
        terms = np.maximum(luminance, 0) * np.maximum(contrast, 0) * np.maximum(structure, 0)
        product *= float(np.clip((terms**weight).mean(), 0, 1))
        x, y, inside = _halved(x), _halved(y), inside[::2, ::2, ::2]
    return product


def counted_part(mask: Array) -> float:
    """Return which part of a mask lies 3 voxels or more from the faces, where SSIM is measured.

    With it the score of a head near the faces depends on how its volumes were cropped or padded.
    """
    return float(_inner(mask).sum() / mask.sum()) if mask.any() else math.nan


def _scales(mask: Array) -> list[Array]:
    """Return a mask at each of the five scales."""
    return [mask[:: 2**n, :: 2**n, :: 2**n] for n in range(len(SCALE_WEIGHTS))]


def _shifted(hu: Array, mask: Array, high: float) -> Array:
    """Clip to -1024..high, put -1024 outside the mask, and shift so that this is 0."""
    return np.where(mask, np.clip(hu.astype(np.float64), LOW_HU, high), LOW_HU) - LOW_HU


def _inner(mask: Array) -> Array:
    """Clear the outer 3 voxels of a mask."""
    inner = np.zeros_like(mask)
    core = (slice(MARGIN, -MARGIN),) * 3
    inner[core] = mask[core]
    return inner


def _windows_of(counted: Array) -> tuple[slice, ...]:
    """Return the box of all windows of the counted voxels: nothing else need be filtered."""
    return tuple(
        slice(s.start - MARGIN, s.stop + MARGIN)
        for s in ndimage.find_objects(counted.astype(np.uint8))[0]
    )


def _window_statistics(x: Array, y: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Return means, sample variances and sample covariance over the 7^3 window of each voxel."""
    unbiased = WINDOW**3 / (WINDOW**3 - 1)
    mean_x, mean_y = ndimage.uniform_filter(x, WINDOW), ndimage.uniform_filter(y, WINDOW)
    var_x = unbiased * (ndimage.uniform_filter(x * x, WINDOW) - mean_x * mean_x)
    var_y = unbiased * (ndimage.uniform_filter(y * y, WINDOW) - mean_y * mean_y)
    cov = unbiased * (ndimage.uniform_filter(x * y, WINDOW) - mean_x * mean_y)
    return mean_x, mean_y, var_x, var_y, cov


def _padded(array: Array) -> Array:
    """Repeat edge voxels until every axis has at least 97, the smaller half in front."""
    missing = [max(SMALLEST_PADDED - n, 0) for n in array.shape]
    return np.pad(array, [(n // 2, n - n // 2) for n in missing], mode="edge")


def _halved(array: Array) -> Array:
    """Average 2^3 voxels, each with its predecessors and zeros before the first; keep every second.

    This is convolution with a 2^3 box, mode "same", taken at even indices.
    """
    before = np.pad(array, [(1, 0)] * 3)
    total = np.zeros([-(-n // 2) for n in array.shape])
    for offset in itertools.product((0, 1), repeat=3):
        i, j, k = (slice(o, o + n, 2) for o, n in zip(offset, array.shape, strict=True))
        total += before[i, j, k]
    return total / 8
