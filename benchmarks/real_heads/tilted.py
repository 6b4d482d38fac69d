"""CT slices of a tilted gantry, unevenly apart, onto even voxels of 1 mm.

The grid keeps the slices' own planes: its third axis is their normal, so that the field of view
ends on whole slices. Each slice lies where its header says; nothing is taken from numbers or
thickness.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from mrtoct.io.dicom.geometry import LPS_TO_RAS, Stack
from mrtoct.io.dicom.pixels import read_planes
from mrtoct.io.dicom.read import find_series
from mrtoct.volume import AIR_HU, Array, Grid, Volume

SPACING_MM = 1.0


def read_tilted(folder: Path) -> Volume:
    """Return a series of CT slices on 1 mm voxels, -1024 HU where no slice lies."""
    series = find_series(folder, "HU")
    stack = series.stack
    if not isinstance(stack, Stack):
        raise ValueError(f"{folder}: {stack}")
    frames = [series.frames[place[0]] for place in stack.places]
    planes = [read_planes(f.file.path, [f.index], "HU")[0].astype(np.float32) for f in frames]
    rows, columns = frames[0].shape
    pixel = frames[0].spacing  # between rows, between columns
    # Where each slice begins in its plane, along its rows and down its columns, mm.
    from_first = stack.distances - stack.distances[0]
    starts = from_first[:, None] * (stack.axes[:, 2] @ stack.axes[:, :2])
    low = starts.min(axis=0)
    high = starts.max(axis=0) + np.array([(columns - 1) * pixel[1], (rows - 1) * pixel[0]])
    shape = (*np.ceil((high - low) / SPACING_MM).astype(int) + 1, int(from_first[-1]) + 1)
    even = [
        _in_plane(np.maximum(plane, AIR_HU), pixel, start - low, shape[:2])
        for plane, start in zip(planes, starts, strict=True)
    ]
    voxels = np.stack([_between(even, from_first, k * SPACING_MM) for k in range(shape[2])], axis=2)
    normal = np.cross(stack.axes[:, 0], stack.axes[:, 1])
    lps = np.eye(4)
    lps[:3, :3] = np.column_stack([stack.axes[:, 0], stack.axes[:, 1], normal]) * SPACING_MM
    lps[:3, 3] = stack.origin + stack.axes[:, :2] @ low
    return _upright(Volume(voxels, Grid(voxels.shape, LPS_TO_RAS @ lps), "HU"))


def _upright(volume: Volume) -> Volume:
    """Turn the axes about so that I, J and K go to the right, forward and up, more or less."""
    turned, affine = volume.voxels, volume.affine.copy()
    for axis in range(3):
        if affine[axis, axis] < 0:
            turned = np.flip(turned, axis)
            affine[:3, 3] += affine[:3, axis] * (turned.shape[axis] - 1)
            affine[:3, axis] *= -1
    return Volume(np.ascontiguousarray(turned), Grid(turned.shape, affine), volume.unit)


def _in_plane(
    plane: Array, pixel: tuple[float, float], start: Array, shape: tuple[int, int]
) -> Array:
    """Average a slice (rows, columns) of some pixel (mm) to (I, J) of 1 mm; start is in mm."""
    sigma = [np.sqrt(max((SPACING_MM / p) ** 2 - 1, 0) / 12) for p in pixel]
    smooth = ndimage.gaussian_filter(plane, sigma, mode="nearest")
    return np.asarray(
        ndimage.affine_transform(
            smooth.T,
            np.array([SPACING_MM / pixel[1], SPACING_MM / pixel[0]]),
            offset=-start / np.array([pixel[1], pixel[0]]),
            output_shape=shape,
            order=1,
            cval=AIR_HU,
        )
    )


def _between(planes: list[Array], distances: Array, at: float) -> Array:
    """Interpolate linearly between the slices before and after a distance (mm)."""
    after = int(np.clip(np.searchsorted(distances, at), 1, len(distances) - 1))
    part = (at - distances[after - 1]) / (distances[after] - distances[after - 1])
    return np.asarray((1 - part) * planes[after - 1] + part * planes[after], dtype=np.float32)
