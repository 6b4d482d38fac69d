"""A series of DICOM planes into one Volume."""

from __future__ import annotations

import logging
from collections import defaultdict
from pathlib import Path
from typing import Literal

import numpy as np

from mrtoct.errors import FileError, GeometryError, MrtoctError
from mrtoct.io.dicom.geometry import Stack
from mrtoct.io.dicom.listing import choose_series, list_series
from mrtoct.io.dicom.pixels import narrowed, read_planes
from mrtoct.io.dicom.series import Series, frame_name
from mrtoct.volume import Array, Grid, Unit, Volume

log = logging.getLogger(__name__)

Uneven = Literal["refuse", "resample"]
"""What to do with slices that are missing or unevenly apart."""

MODALITY = {"HU": "CT", "a.u.": "MR"}
"""Which scans are in which unit."""


def find_series(folder: Path | str, unit: Unit, wanted: str | None = None) -> Series:
    """Return the series of a folder whose modality fits the unit; see choose_series for wanted.

    folder may be one file that holds a volume. Raises FileError if there is none or several.
    """
    if unit not in MODALITY:
        raise FileError(f"{folder} is a folder; labels are read from a NIfTI or MetaImage file")
    try:
        found = list_series(folder)
        if Path(folder).is_file() and [series.slices for series in found] == [1]:
            raise FileError(f"{folder} is one slice; give the folder with the whole series")
        return choose_series(found, wanted, modality=MODALITY[unit])
    except FileError as error:
        if str(folder) in str(error):
            raise
        raise FileError(f"{folder}: {error}") from error


def read_series(series: Series, unit: Unit, *, uneven: Uneven = "refuse") -> Volume:
    """Read a series as a Volume in RAS mm, (columns, rows, slices) along I, J, K.

    Integers where the rescaling is whole, else float32. Slices in one place that are identical are
    one; a tilted gantry becomes shear in the affine. Slices that are missing or unevenly apart are
    refused, or interpolated linearly onto even ones. Raises FileError, GeometryError or
    ValueRangeError.
    """
    folder = series.files[0].parent
    try:
        if series.modality != MODALITY.get(unit):
            raise FileError(f"{series.modality} holds no values in {unit}")
        if isinstance(series.stack, str):
            raise GeometryError(series.stack)
        fault = uneven_slices(series)
        if fault and uneven == "refuse":
            raise GeometryError(fault, **{"uneven=resample": "to interpolate even ones"})
        grid = grid_of(series)
        planes = _planes(series, series.stack, unit)
        if fault:
            log.warning(
                "series %s is resampled every %.4g mm: %s", series.name, grid.spacing[2], fault
            )
            planes = _evenly(planes, series.stack.distances, grid.shape[2])
    except MrtoctError as error:
        raise error.about(f"{folder}, series {series.name}") from error
    kind = np.result_type(*planes)
    voxels = np.empty(grid.shape, np.float32 if kind.kind == "f" else kind)
    for k, plane in enumerate(planes):
        voxels[:, :, k] = plane.T
    if kind.kind == "i":
        voxels = narrowed(voxels)  # planes of int16 and of uint16 met in int32
    return Volume(voxels, grid, unit)


def grid_of(series: Series) -> Grid:
    """Return the grid that a series fills, slices at even distances; raises GeometryError."""
    stack = series.stack
    if isinstance(stack, str):
        raise GeometryError(stack)
    step = series.spacing[2]
    if not step:
        raise GeometryError("a single slice without a thickness is not a volume")
    if len(stack.distances) > 1 and uneven_slices(series) is None:
        # The mean step: the usual one, times many slices, would add up its rounding.
        step = float(stack.distances[-1] - stack.distances[0]) / (len(stack.distances) - 1)
    first = series.frames[0]
    return stack.grid(first.shape, first.spacing, step)


def uneven_slices(series: Series) -> str | None:
    """Say which slices of a stack are missing or unevenly apart; None if none is."""
    if isinstance(series.stack, str):
        return None
    return series.stack.fault([frame_name(frame) for frame in series.frames])


def _planes(series: Series, stack: Stack, unit: Unit) -> list[Array]:
    """Return one plane for each place, in order; copies must agree."""
    wanted: dict[Path, list[int]] = defaultdict(list)
    for number, frame in enumerate(series.frames):
        wanted[frame.file.path].append(number)
    read: dict[int, Array] = {}
    for path, numbers in wanted.items():
        planes = read_planes(path, [series.frames[n].index for n in numbers], unit)
        read.update(zip(numbers, planes, strict=True))
    kept = []
    for place in stack.places:
        first, *others = place
        for other in others:
            if not np.array_equal(read[first], read[other]):
                raise FileError(
                    f"{frame_name(series.frames[first])} and {frame_name(series.frames[other])} "
                    "are at one position with different voxels"
                )
        kept.append(read[first])
    if copies := len(read) - len(kept):
        log.warning("series %s: %d identical copies of slices dropped", series.name, copies)
    return kept


def _evenly(planes: list[Array], distances: Array, count: int) -> list[Array]:
    """Interpolate linearly between the two nearest planes, at even distances."""
    at = np.interp(
        np.linspace(distances[0], distances[-1], count), distances, np.arange(len(distances))
    )
    below = np.minimum(at.astype(int), len(planes) - 2)
    return [
        ((1 - (a - k)) * planes[k] + (a - k) * planes[k + 1]).astype(np.float32)
        for a, k in zip(at, below, strict=True)
    ]
