"""What a polychromatic beam does to dense things: dark bands between bones, streaks off metal.

Both come from the same physics. A slice is projected, the error that a real beam makes in each
line integral is computed, and the error is reconstructed by filtered back-projection (Kak and
Slaney, Principles of Computerized Tomographic Imaging, 1988, ch. 3) and added to the slice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy import fft, sparse

from mrtoct.phantom.fields import cubic_weights
from mrtoct.volume import Array

BONE_HU = 250.0
"""Soft tissue is corrected by every scanner; what is denser is not, or not enough."""


@lru_cache(maxsize=4)
def projector(size: int, angles: int) -> sparse.csr_array:
    """Return the parallel-beam projection as a matrix (angles * size, size * size).

    Each pixel of a size x size slice falls linearly on the two nearest of `size` bins, which are
    as wide as a pixel; angles are even over half a turn.
    """
    center = (size - 1) / 2
    i, j = (v.ravel() - center for v in np.meshgrid(*(np.arange(size),) * 2, indexing="ij"))
    rows, columns, weights = [], [], []
    for index, angle in enumerate(np.arange(angles) * np.pi / angles):
        position = i * np.cos(angle) + j * np.sin(angle) + center
        base = np.floor(position).astype(int)
        for offset in (0, 1):
            bins = base + offset
            seen = (bins >= 0) & (bins < size)
            rows.append(index * size + bins[seen])
            columns.append(np.flatnonzero(seen))
            weights.append((1 - np.abs(position - bins))[seen])
    return sparse.csr_array(
        (
            np.concatenate(weights).astype(np.float32),
            (np.concatenate(rows), np.concatenate(columns)),
        ),
        shape=(angles * size, size * size),
    )


def back_projected(projections: Array, size: int, angles: int) -> Array:
    """Reconstruct slices (size, size, K) from line integrals (angles * size, K), in pixels."""
    sinogram = projections.reshape(angles, size, -1)
    # The ramp filter sampled in space, zero-padded: no offset at low frequencies.
    n = 2 * size
    distance = np.minimum(np.arange(n), n - np.arange(n))
    ramp = np.zeros(n)
    odd = distance % 2 == 1
    ramp[odd] = -1 / (np.pi * distance[odd]) ** 2
    ramp[0] = 0.25
    spectrum = fft.rfft(sinogram, n=n, axis=1) * fft.rfft(ramp).real[None, :, None]
    filtered = fft.irfft(spectrum, n=n, axis=1)[:, :size].astype(np.float32)
    image = projector(size, angles).T @ filtered.reshape(angles * size, -1)
    return np.asarray(image * (np.pi / angles)).reshape(size, size, -1)


def beam_hardening(hu: Array, spacing: tuple[float, float, float], strength: float) -> Array:
    """Return what beam hardening by bone adds to slices (I, J, K), HU.

    A line through bone of length p (mm, at the density of 1000 HU above soft tissue) reads too
    low by strength * p^2 (1 / mm), the second term of the polychromatic attenuation. What is
    proportional to p is calibrated away, so that bone keeps its HU on average.
    """

    def error(path: Array) -> Array:
        squared = path * path
        calibrated = (squared * path).sum() / max(squared.sum(), 1e-6)
        return np.asarray(-strength * (squared - calibrated * path))

    return _artefact(np.clip(hu - BONE_HU, 0, 3000) / 1000, spacing, 4.0, 72, error)


def metal_streaks(
    metal: Array, spacing: tuple[float, float, float], rng: np.random.Generator
) -> Array:
    """Return what metal, given as fractions of voxels (I, J, K), adds to its slices, HU.

    Behind metal hardly a photon is left: a line integral saturates at 30 mm (of what is 1000 HU
    denser than water), and its noise grows with the path.
    """

    def error(path: Array) -> Array:
        saturated = 30.0 * (1 - np.exp(-path / 30.0))
        noise = rng.standard_normal(path.shape, dtype=np.float32)
        return saturated - path + 0.10 * noise * np.minimum(path, 60.0)

    out = np.zeros(metal.shape, dtype=np.float32)
    slices = np.flatnonzero(metal.max(axis=(0, 1)) > 0.02)
    if len(slices):
        out[..., slices] = _artefact(metal[..., slices] * 15.0, spacing, 2.0, 160, error)
    return out


def _artefact(
    density: Array,
    spacing: tuple[float, float, float],
    pixel: float,
    angles: int,
    error: Callable[[Array], Array],
) -> Array:
    """Project densities (I, J, K), reconstruct the error of the line integrals, in HU."""
    extents = [n * s for n, s in zip(density.shape[:2], spacing[:2], strict=True)]
    size = int(np.ceil(max(extents) * 1.1 / pixel))
    # Averaging onto coarse pixels and cubics back, both as matrices; both grids share a middle.
    to_coarse, to_fine = [], []
    for count, step in zip(density.shape[:2], spacing[:2], strict=True):
        place = (np.arange(count) - (count - 1) / 2) * step / pixel + (size - 1) / 2
        overlap = np.minimum(place[None] + step / pixel / 2, np.arange(size)[:, None] + 0.5)
        overlap -= np.maximum(place[None] - step / pixel / 2, np.arange(size)[:, None] - 0.5)
        to_coarse.append(np.maximum(overlap, 0).astype(np.float32))
        to_fine.append(cubic_weights(place, size))
    slices = np.moveaxis(density, 2, 0).astype(np.float32)
    coarse = np.moveaxis(to_coarse[0] @ slices @ to_coarse[1].T, 0, 2)
    paths = (projector(size, angles) @ coarse.reshape(size * size, -1)) * pixel
    image = back_projected(error(paths) / pixel, size, angles)
    fine = to_fine[0] @ np.moveaxis(image, 2, 0) @ to_fine[1].T
    return np.moveaxis(fine, 0, 2) * np.float32(1000)
