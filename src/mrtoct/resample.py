"""Carry a volume onto another grid, through a rigid transform where there is one.

The arithmetic is SimpleITK's, in index coordinates: image directions never enter, so sheared or
left-handed affines are resampled as exactly as upright ones.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.volume import Array, Grid, Volume, storable

Interpolation = Literal["linear", "nearest"]

BORDER = 1e-6
"""In voxels: rounding must not decide on which side of the border a centre lies."""
BORDER_WEIGHT = 1e-5
"""The same, of weights in float32."""


def resample(
    volume: Volume,
    grid: Grid,
    *,
    fill: float,
    transform: Array | None = None,
    interpolation: Interpolation = "linear",
) -> Volume:
    """Return the volume on another grid; linear interpolation gives float32.

    transform is a 4 x 4 matrix (RAS mm) from the new grid's world to the volume's world, as a
    resampler wants it: for a CT grid and an MR volume, the map from CT points to MR points.
    Voxels that `coverage` leaves out, those whose centre is half a voxel or more beyond the
    volume's outermost centres, were not measured and get the fill value, which has no default
    because 0 is water in one unit and nothing in another. So are those to which voxels that were
    not measured would give half or more; into the others these do not enter at all.
    Where the new grid is coarser, linear interpolation averages over about one new voxel
    (Gaussian of the same second moment), so that fine structure does not alias.
    """
    index_map = _index_map(volume.grid, grid, transform)
    kept = np.dtype(np.float32) if interpolation == "linear" else volume.voxels.dtype
    if kept.kind != "f" and not (float(fill).is_integer() and _holds(kept, int(fill))):
        raise ValueRangeError(f"{kept} voxels cannot hold the fill value {fill}")
    inside = coverage(volume.grid, grid, transform)
    if interpolation == "nearest":
        out = _nearest(storable(volume.voxels), index_map, grid.shape).astype(kept, copy=False)
        if volume.measured is not None:
            inside &= _nearest(storable(volume.measured), index_map, grid.shape) > 0
    elif volume.measured is None:
        out = _linear(volume.voxels, index_map, grid.shape)
    else:
        # What was not measured weighs nothing, and what is left of a voxel's weights is made 1.
        weight = _linear(volume.measured, index_map, grid.shape)
        inside &= weight > 0.5 + BORDER_WEIGHT
        out = _linear(np.where(volume.measured, volume.voxels, 0), index_map, grid.shape)
        np.divide(out, weight, out=out, where=inside)
    # ITK counts one side of the border in and the other out; rounding decides. Ours is symmetric.
    np.copyto(out, kept.type(fill), where=~inside)
    return Volume(out, grid, volume.unit, None if volume.unit == "label" else inside)


def resample_mask(mask: Volume, grid: Grid, transform: Array | None = None) -> Volume:
    """Carry a boolean mask by linear interpolation, true where at least half is covered."""
    soft = resample(mask, grid, fill=0.0, transform=transform)
    return soft.with_voxels(soft.voxels >= 0.5, "label")


def coverage(source: Grid, grid: Grid, transform: Array | None = None) -> Array:
    """Return a boolean array (I, J, K): which voxel centres of the grid the source covers.

    A source voxel reaches half its spacing around its centre; a centre on the very border is out.
    """
    index_map = _index_map(source, grid, transform)
    inside = np.ones(grid.shape, dtype=np.bool_)
    # The source index is affine in (i, j, k): sums of three ranges instead of a list of points,
    # and one plane at a time because whole positions would take 24 bytes a voxel.
    i, j, k = (np.arange(n, dtype=np.float64) for n in grid.shape)
    for axis, size in enumerate(source.shape):
        a, b, c, offset = index_map[axis]
        low, high = -0.5 + BORDER, size - 0.5 - BORDER
        for plane, position in zip(inside, a * i + offset, strict=True):
            positions = (position + b * j)[:, None] + c * k
            plane &= (positions > low) & (positions < high)
    return inside


def _index_map(source: Grid, grid: Grid, transform: Array | None) -> Array:
    """Map the new grid's indices to the source's indices (4 x 4)."""
    world = np.eye(4) if transform is None else np.asarray(transform, dtype=np.float64)
    if world.shape != (4, 4) or not np.isfinite(world).all() or not np.linalg.det(world):
        raise GeometryError(
            f"a transform is a finite, invertible 4 x 4 matrix, got {world.tolist()}"
        )
    return np.asarray(np.linalg.inv(source.affine) @ world @ grid.affine)


def _holds(dtype: np.dtype[Any], value: int) -> bool:
    if dtype.kind == "b":
        return value in (0, 1)
    info = np.iinfo(dtype)
    return int(info.min) <= value <= int(info.max)


def _linear(voxels: Array, index_map: Array, shape: tuple[int, int, int]) -> Array:
    averaged = _averaged(np.asarray(voxels, dtype=np.float32), index_map)
    return _picked(averaged, index_map, shape, sitk.sitkLinear)


def _nearest(voxels: Array, index_map: Array, shape: tuple[int, int, int]) -> Array:
    return _picked(voxels, index_map, shape, sitk.sitkNearestNeighbor)


def _picked(voxels: Array, index_map: Array, shape: tuple[int, int, int], how: int) -> Array:
    """Return the voxels at the indices (I, J, K) to which the map sends those of a new shape."""
    # SimpleITK indexes (x, y, z) = (I, J, K) and wants the array as (K, J, I).
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(index_map[:3, :3].ravel().tolist())
    affine.SetTranslation(index_map[:3, 3].tolist())
    result = sitk.Resample(
        image,
        shape,
        affine,
        how,
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    )
    # A view into the result's memory dies with it: always copy.
    return np.array(sitk.GetArrayViewFromImage(result).T, order="C")


def _averaged(voxels: Array, index_map: Array) -> Array:
    """Smooth along the axes on which a new voxel spans several old ones.

    A box of r voxels has variance r^2 / 12, of which one voxel's own 1 / 12 is already there.
    """
    extent = np.sqrt((index_map[:3, :3] ** 2).sum(axis=1))
    sigma = np.sqrt(np.maximum(extent**2 - 1, 0) / 12)
    sigma[sigma < 0.15] = 0  # less than 15 % over one voxel changes nothing worth a pass
    if not sigma.any():
        return voxels
    return np.asarray(ndimage.gaussian_filter(voxels, sigma, mode="nearest", truncate=3.0))
