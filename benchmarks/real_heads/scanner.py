"""What a scanner makes of an anatomy: mixed signals, blur, slices, a bias field and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.volume import Array, Grid, Volume

from .anatomy import SOFT_TISSUES, Anatomy
from .signals import TISSUES, Sequence

BRIGHT = 1000.0
"""What the brightest large tissue becomes in the stored integers."""


@dataclass(frozen=True)
class Scan:
    """How it is measured."""

    slices_mm: int = 1
    """Thickness of the slices along K; the voxels of the anatomy are 1 mm."""
    blur_mm: float = 0.5
    """Sigma of the point spread."""
    noise: float = 0.025
    """Standard deviation in each of both channels, relative to the brightest tissue."""
    bias: float = 0.2
    """Of the receiving coil's field, as a part of 1: half its range over the head, about."""
    texture: float = 0.03
    """Of the tissues' signals."""


def measure(
    anatomy: Anatomy, grid: Grid, sequence: Sequence, scan: Scan, rng: np.random.Generator
) -> Volume:
    """Return the MR of an anatomy (1 mm voxels) as int16, on its grid or on thicker slices."""
    pure = {name: sequence.signal(name, r) for name, r in TISSUES.items()}
    brightest = np.sort([pure[name] for name in ("csf", "grey", "white", "fat", "muscle")])[-1]
    values = np.array([pure[name] for name in SOFT_TISSUES], dtype=np.float32) / brightest
    signal = anatomy.soft * values[anatomy.tissue]
    signal += anatomy.fat * np.float32(pure["fat"] / brightest)
    signal += anatomy.marrow * np.float32(pure["marrow"] / brightest)
    grain = ndimage.gaussian_filter(rng.standard_normal(signal.shape, dtype=np.float32), 1.5)
    signal *= 1 + scan.texture * grain / grain.std()
    signal = ndimage.gaussian_filter(signal, scan.blur_mm)
    signal *= _coil(signal.shape, scan.bias, rng)
    if scan.slices_mm > 1:
        signal, grid = _thick(signal, grid, scan.slices_mm)
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(scan.noise)
    magnitude = np.hypot(signal + noise[0], noise[1])
    return Volume(np.rint(magnitude * BRIGHT).astype(np.int16), grid, "a.u.")


def _coil(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> Array:
    """Return a smooth field about 1: a tilted plane and a bowl."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    slope = rng.normal(0, 1, 3)
    slope *= size / np.linalg.norm(slope)
    bowl = size * sum(np.square(a) for a in axes)
    plane = sum(s * a for s, a in zip(slope, axes, strict=True))
    return np.asarray(np.exp(plane + bowl - size), dtype=np.float32)


def _thick(signal: Array, grid: Grid, thickness: int) -> tuple[Array, Grid]:
    """Average whole slices of the anatomy to thicker ones; what is left over at the top is cut."""
    count = signal.shape[2] // thickness
    parts = signal[:, :, : count * thickness].reshape(*signal.shape[:2], count, thickness)
    affine = grid.affine @ np.diag([1, 1, thickness, 1])
    affine[:3, 3] = grid.to_world([0, 0, (thickness - 1) / 2])
    return parts.mean(axis=3), Grid((*signal.shape[:2], count), affine)
