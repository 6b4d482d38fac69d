"""What a scanner and those who handle its files do to an image: effects, each on its own.

Every effect takes and returns an image (I, J, K), float32, brightest tissue about 1.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array

from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array


def texture(image: Array, size: float, amount: float, rng: np.random.Generator) -> Array:
    """Let the signal of all tissue vary by a part (standard deviation) over a size in voxels."""
    return np.asarray(image * (1 + amount * lattice_noise(image.shape, size, rng)))


def regions(
    image: Array, where: Array, size: float, amount: float, rng: np.random.Generator
) -> Array:
    """Change the signal of a tissue in regions of a size in voxels: not all muscle is alike."""
    chosen = where & (lattice_noise(image.shape, size, rng) > 0.6)
    return np.asarray(image * np.where(chosen, np.float32(1 + amount), np.float32(1)))


def shifted_fat(image: Array, fat: Array, voxels: int, axis: int) -> Array:
    """Move the signal of fat along the direction of readout: chemical shift of the first kind."""
    of_fat = np.where(fat, image, np.float32(0))
    moved = np.roll(of_fat, voxels, axis=axis)
    edge: list[slice] = [slice(None)] * 3
    edge[axis] = slice(None, voxels) if voxels > 0 else slice(voxels, None)
    moved[tuple(edge)] = 0
    return np.asarray(image - of_fat + moved)


def dropout(image: Array, air: Array, amount: float, reach: float) -> Array:
    """Lose signal beside air inside the head, as gradient echoes do; reach in voxels."""
    near = ndimage.gaussian_filter(air.astype(np.float32), reach, truncate=2.5)
    return np.asarray(image * np.clip(1 - amount * near * 2, 0, 1))


def voids(image: Array, metal: Array, reach: float) -> Array:
    """Darken the surroundings of metal, and brighten the rim, out to a reach in voxels."""
    if not metal.any():
        return image
    near = ndimage.gaussian_filter(metal.astype(np.float32), reach / 2, truncate=3)
    near = near / max(float(near.max()), 1e-6)
    return np.asarray(image * np.where(near > 0.08, np.float32(0.03), 1 + 3 * near))


def blurred(image: Array, sigma: float, axes: tuple[int, ...]) -> Array:
    """Smooth along some axes, sigma in voxels."""
    for axis in axes:
        image = ndimage.gaussian_filter1d(image, sigma, axis=axis, mode="nearest", truncate=3.0)
    return image


def sliced(image: Array, axis: int, thickness: float, spacing: float, offset: float) -> Array:
    """Average over slices of a thickness, a spacing apart (voxels), and interpolate between them.

    That is what is left of a scan of thick slices, with gaps where the spacing is larger, after it
    was resampled onto the fine grid.
    """
    matrix = slice_matrix(image.shape[axis], thickness, spacing, offset)
    lines = np.moveaxis(image, axis, 0)
    # Few voxels enter a slice; and a dense product's sums would depend on the number of threads.
    moved = csr_array(matrix) @ lines.reshape(len(lines), -1)
    return np.asarray(np.moveaxis(moved.reshape(lines.shape), 0, axis))


def slice_matrix(n: int, thickness: float, spacing: float, offset: float) -> Array:
    """Return what slices and linear interpolation make of n voxels in a row, float32 (n, n)."""
    centers = np.arange(offset - 2 * spacing, n + 2 * spacing, spacing)
    place = np.arange(n)
    low = np.maximum(place - 0.5, (centers - thickness / 2)[:, None])
    high = np.minimum(place + 0.5, (centers + thickness / 2)[:, None])
    profile = np.clip(high - low, 0, None)
    total = profile.sum(axis=1, keepdims=True)
    nearest = np.clip(np.rint(centers), 0, n - 1).astype(int)
    beyond = np.eye(n)[nearest]  # beyond the ends the last voxel goes on
    profile = np.where(total > 1e-6, profile / np.maximum(total, 1e-6), beyond)
    back = np.maximum(0, 1 - np.abs(place[:, None] - centers[None, :]) / spacing)
    return np.asarray(csr_array(back / back.sum(axis=1, keepdims=True)) @ profile, dtype=np.float32)


def biased(image: Array, ratio: float, rng: np.random.Generator) -> Array:
    """Multiply by a smooth field whose brightest place is ratio times its darkest.

    Of a smooth random part and a ramp: coils are bright on their side.
    """
    field = lattice_noise(image.shape, rng.uniform(70, 150), rng)
    direction = rng.normal(size=3)
    ramp = sum(
        (d * np.linspace(-1, 1, n, dtype=np.float32)).reshape(
            [n if a == b else 1 for b in range(3)]
        )
        for a, (d, n) in enumerate(zip(direction, image.shape, strict=True))
    )
    field = field + rng.uniform(0, 1.5) * np.asarray(ramp, dtype=np.float32)
    low, high = float(field.min()), float(field.max())
    even = (field - low) / max(high - low, 1e-6) - 0.5
    return np.asarray(image * np.exp(np.float32(np.log(ratio)) * even))


def pulsating(image: Array, vessels: Array, axis: int, apart: int, amount: float) -> Array:
    """Copy vessels along the phase direction, a number of voxels apart, each copy half the last.

    What pulses comes back brighter and darker in turn: the copies' signs alternate. amount is the
    first copy's signal, the brightest tissue being 1; the vessels themselves stay.
    """
    pulse = vessels.astype(np.float32)
    copies = np.zeros_like(pulse)
    for number in (1, 2, 3):
        strength = np.float32(amount * (-0.5) ** (number - 1))
        for way in (-1, 1):
            copies += strength * np.roll(pulse, way * number * apart, axis=axis)
    return np.asarray(np.maximum(image + copies * ~vessels, 0))


def ghosted(image: Array, axis: int, shift: int, amount: float) -> Array:
    """Add a faint copy, shifted around the field of view: motion along the phase direction."""
    return np.asarray((1 - amount) * image + amount * np.roll(image, shift, axis=axis))


def wrapped(image: Array, axis: int, voxels: int) -> Array:
    """Fold what lies beyond a narrower field of view onto its other side."""
    n = image.shape[axis]
    out = np.moveaxis(image.copy(), axis, 0)
    source = np.moveaxis(image, axis, 0)
    out[n - 2 * voxels : n - voxels] += source[:voxels]
    out[voxels : 2 * voxels] += source[n - voxels :]
    out[:voxels] = 0
    out[n - voxels :] = 0
    return np.moveaxis(out, 0, axis)


def ringing(image: Array, axis: int, kept: float) -> Array:
    """Leave out the highest frequencies along an axis: Gibbs ringing; kept is a part of them."""
    spectrum = np.fft.rfft(image, axis=axis)
    part: list[slice] = [slice(None)] * 3
    part[axis] = slice(int(spectrum.shape[axis] * kept), None)
    spectrum[tuple(part)] = 0
    clear = np.fft.irfft(spectrum, n=image.shape[axis], axis=axis)
    return np.asarray(np.abs(clear), dtype=np.float32)


def noisy(image: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Return the magnitude of the image in complex Gaussian noise: Rician."""
    real = rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.hypot(image + np.float32(sigma) * real, np.float32(sigma) * imaginary))
