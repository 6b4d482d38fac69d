"""One anatomy into many: turned, scaled, bent, mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field

from mrtoct.simulation.bounds import Share
from mrtoct.volume import Array

Wavelength = Annotated[float, Field(ge=4, le=1000)]
Voxels = Annotated[float, Field(ge=0, le=100)]
Bends = Annotated[tuple[tuple[Wavelength, Voxels], ...], Field(max_length=8)]


@dataclass(frozen=True)
class WarpSettings:
    """How far heads differ from the one they are made of."""

    rotation: Annotated[float, Field(ge=0, le=180)] = 9.0
    """Standard deviation in degrees about each axis."""
    scale: Annotated[float, Field(ge=0, le=1)] = 0.06
    """Standard deviation of the scale along each axis."""
    bends: Bends = ((45.0, 4.0), (18.0, 1.5))
    """Wavelength (voxels) and largest standard deviation (voxels) of elastic deformations."""
    mirror: Share = 0.5
    """Share of heads that are mirrored."""


def draw_warp(
    shape: tuple[int, int, int], settings: WarpSettings, rng: np.random.Generator
) -> Array:
    """Return where each voxel comes from, as torch samples grids: (I, J, K, 3) float32."""
    center = np.array([(n - 1) / 2 for n in shape])
    angles = np.deg2rad(rng.normal(0, settings.rotation, 3))
    scale = np.clip(1 + rng.normal(0, settings.scale, 3), 0.85, 1.15)
    matrix = (_rotation(angles) @ np.diag(1 / scale)).astype(np.float32)
    axes = [np.arange(n, dtype=np.float32) - c for n, c in zip(shape, center, strict=True)]
    place = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) @ matrix.T
    for wavelength, most in settings.bends:
        amount = most * rng.uniform()
        for axis in range(3):
            place[..., axis] += amount * lattice_noise(shape, wavelength, rng)
    half = np.array([(n - 1) / 2 for n in shape], dtype=np.float32)
    place /= half
    if rng.uniform() < settings.mirror:
        place[..., 0] *= -1
    return np.asarray(place, dtype=np.float32)


def warped(array: Array, place: Array, *, linear: bool, fill: float) -> Array:
    """Return an array (I, J, K) as a warp moves it, in its own type; fill comes from beyond."""
    grid = torch.from_numpy(np.ascontiguousarray(place[..., ::-1]))[None]
    values = torch.from_numpy(np.asarray(array, dtype=np.float32) - np.float32(fill))[None, None]
    mode = "bilinear" if linear else "nearest"
    moved = F.grid_sample(values, grid, mode=mode, align_corners=True)[0, 0].numpy()
    moved += np.float32(fill)
    return moved.astype(array.dtype) if not linear else np.rint(moved).astype(array.dtype)


def lattice_noise(
    shape: tuple[int, ...],
    wavelength: float | tuple[float, float, float],
    rng: np.random.Generator,
) -> Array:
    """Return noise (I, J, K) float32 between the points of a lattice; unit variance at these.

    Normal numbers a wavelength (voxels, one for all axes or one for each) apart, trilinear between
    them: the cheapest smooth noise.
    """
    apart = wavelength if isinstance(wavelength, tuple) else (wavelength,) * 3
    counts = [max(3, int(np.ceil(n / w)) + 2) for n, w in zip(shape, apart, strict=True)]
    points = torch.from_numpy(rng.standard_normal(counts, dtype=np.float32))
    field = F.interpolate(points[None, None], size=shape, mode="trilinear", align_corners=True)
    return np.asarray(field[0, 0].numpy())


def _rotation(angles: Array) -> Array:
    total = np.eye(3)
    for axis, angle in enumerate(angles):
        one, two = (a for a in range(3) if a != axis)
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[one, two], turn[two, one] = -np.sin(angle), np.sin(angle)
        total = total @ turn
    return total
