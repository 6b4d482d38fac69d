"""Smooth random fields, and the interpolation that makes smooth functions cheap on a fine grid."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from mrtoct.volume import Array


def cubic_weights(positions: Array, size: int) -> Array:
    """Return the weights (len(positions), size) of cubic convolution at fractional indices.

    Keys, IEEE Trans. Acoust. Speech Signal Process. 29:1153, 1981, with a = -1/2; beyond the
    ends the outermost sample is repeated.
    """
    base = np.floor(positions).astype(int)
    weights = np.zeros((len(positions), size), dtype=np.float32)
    for offset in (-1, 0, 1, 2):
        t = np.abs(positions - base - offset)
        near = (1.5 * t - 2.5) * t * t + 1
        far = ((-0.5 * t + 2.5) * t - 4) * t + 2
        column = np.clip(base + offset, 0, size - 1)
        weights[np.arange(len(positions)), column] += np.where(t <= 1, near, far)
    return weights


def interpolate(values: Array, weights: tuple[Array, Array, Array]) -> Array:
    """Return values (i, j, k) at new positions: three matrix products, one an axis."""
    wi, wj, wk = weights
    out = np.matmul(wj, values @ wk.T)
    return np.asarray((wi @ out.reshape(len(out), -1)).reshape(-1, *out.shape[1:]))


def smooth_field(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    wavelength: float,
    rng: np.random.Generator,
) -> Array:
    """Return a smooth random field (I, J, K) within [-1, 1], structures of about a wavelength (mm).

    Gaussian noise on a lattice of a quarter wavelength, smoothed and interpolated by cubics.
    """
    step = wavelength / 4
    counts = [int(np.ceil((n - 1) * s / step)) + 6 for n, s in zip(shape, spacing, strict=True)]
    noise = rng.standard_normal(counts, dtype=np.float32)
    smooth = ndimage.gaussian_filter(noise, 1.0, mode="nearest")
    weights = [
        cubic_weights(np.arange(n) * s / step + 2, c)
        for n, s, c in zip(shape, spacing, counts, strict=True)
    ]
    field = interpolate(smooth, (weights[0], weights[1], weights[2]))
    return np.asarray(field / np.abs(field).max())


def band_field(
    shape: tuple[int, int, int], step: float, wavelength: float, rng: np.random.Generator
) -> Array:
    """Return a random field (I, J, K) of one wavelength (mm) in every direction, unit variance.

    White noise behind a ring filter (a Gaussian of 18 % about the wave number): its zero level
    winds like a labyrinth of even width, as sulci and muscle sheaths do. step: spacing, mm.
    """
    spectrum = fft.rfftn(rng.standard_normal(shape, dtype=np.float32))
    kx, ky = (np.fft.fftfreq(n, step).astype(np.float32) for n in shape[:2])
    kz = np.fft.rfftfreq(shape[2], step).astype(np.float32)
    k = np.sqrt(kx[:, None, None] ** 2 + ky[None, :, None] ** 2 + kz[None, None, :] ** 2)
    spectrum *= np.exp(-0.5 * ((k * wavelength - 1) / 0.18) ** 2)
    field = fft.irfftn(spectrum, s=shape)
    return np.asarray(field / field.std(), dtype=np.float32)
