"""Pack volumes so that a browser can unpack, slice and window them in HU without a server.

The mask is stored as bits, and of each volume the voxels inside it: codes round((value - low) /
step), first index fastest, differenced (neighbours are alike), folded to be non-negative, low and
high bytes separated, deflated, base64.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nibabel.orientations
import numpy as np
from scipy import ndimage

from mrtoct.report.contents import SubjectResult
from mrtoct.report.scales import deviation_limit
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Grid, Volume

HU_STEP = 2.0
"""Finer than CT noise; a difference of two stored CTs is right to 2 HU."""
HIGHEST_HU = 3071.0


@dataclass(frozen=True)
class PackedVolume:
    """Base64 of deflated codes, bytes per code, value = low + code * step, and the highest code."""

    data: str
    bytes_per_voxel: int
    low: float
    step: float
    highest: int


@dataclass(frozen=True)
class PackedSubject:
    """What the viewer needs of a subject, on a grid in RAS order cropped to the mask."""

    name: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    affine: list[list[float]]
    stored_as_measured: bool
    mask: str
    mr: PackedVolume
    ct: PackedVolume
    sct: PackedVolume
    deviation: PackedVolume | None
    deviation_limit: float
    """Up to where the colours of the deviation go, HU."""


def pack_subjects(subjects: Sequence[SubjectResult], *, budget: int) -> list[PackedSubject]:
    """Return all subjects packed; together above the voxel budget they are stored coarser."""
    boxes = [mask_box(s.mask) for s in subjects]
    grids = [to_ras(s.mask.cropped(box)).grid for s, box in zip(subjects, boxes, strict=True)]
    floor = 0.0
    while sum(int(np.prod(coarser(g, floor).shape)) for g in grids) > budget:
        floor = max(floor * 1.05, min(min(g.spacing) for g in grids))
    return [
        _pack(s, box, coarser(grid, floor))
        for s, box, grid in zip(subjects, boxes, grids, strict=True)
    ]


def pack(voxels: Array, mask: Array, low: float, step: float, bytes_per_voxel: int) -> PackedVolume:
    """Pack the in-mask voxels, first index fastest; codes saturate at what the bytes hold."""
    levels = 256**bytes_per_voxel
    codes = np.rint((_listed(voxels, mask).astype(np.float64) - low) / step).astype(np.int64)
    codes = np.clip(codes, 0, levels // 2 - 1)
    differences = np.diff(codes, prepend=0)
    # Small differences of either sign become small numbers: 0, -1, 1, -2, 2 to 0, 1, 2, 3, 4.
    folded = np.where(differences < 0, -2 * differences - 1, 2 * differences)
    planes = [(folded >> 8 * n).astype(np.uint8) for n in range(bytes_per_voxel)]
    data = deflated(np.concatenate(planes).tobytes())
    return PackedVolume(data, bytes_per_voxel, low, step, int(codes.max(initial=0)))


def pack_hu(voxels: Array, mask: Array) -> PackedVolume:
    """Pack HU in the mask, in steps of HU_STEP from air upwards."""
    return pack(np.clip(voxels, AIR_HU, HIGHEST_HU), mask, AIR_HU, HU_STEP, 2)


def pack_in_a_byte(voxels: Array, mask: Array, lowest: float | None = None) -> PackedVolume:
    """Pack a volume in the mask from its darkest, or from lowest, to its brightest voxels."""
    values = voxels[mask] if mask.any() else np.zeros(1)
    low, high = (float(q) for q in np.quantile(values, (0.002, 0.998)))
    low = low if lowest is None else lowest
    return pack(voxels, mask, low, (high - low) / 127 if high > low else 1.0, 1)


def unpack(packed: PackedVolume, mask: Array) -> Array:
    """Return voxels as the browser reconstructs them; those outside the mask are `low`."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed.data)), dtype=np.uint8)
    planes = planes.reshape(packed.bytes_per_voxel, -1)
    folded = sum(p.astype(np.int64) << 8 * n for n, p in enumerate(planes))
    codes = np.cumsum(np.where(folded % 2, -(folded + 1) // 2, folded // 2))
    flat = np.full(mask.size, packed.low)
    flat[mask.ravel(order="F")] = packed.low + codes * packed.step
    return flat.reshape(mask.shape, order="F")


def pack_mask(mask: Array) -> str:
    """Pack a boolean array, first index fastest, eight voxels to a byte, lowest bit first."""
    return deflated(np.packbits(mask.ravel(order="F"), bitorder="little").tobytes())


def unpack_mask(packed: str, shape: tuple[int, int, int]) -> Array:
    """Return the boolean array."""
    data = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype=np.uint8)
    bits = np.unpackbits(data, count=int(np.prod(shape)), bitorder="little")
    return bits.astype(np.bool_).reshape(shape, order="F")


def _listed(voxels: Array, mask: Array) -> Array:
    """Return the in-mask voxels as a list, first index fastest."""
    return np.asarray(voxels.ravel(order="F")[mask.ravel(order="F")])


def deflated(data: bytes) -> str:
    """Return base64 of the deflated bytes."""
    return base64.b64encode(zlib.compress(data, level=6)).decode("ascii")


def _pack(subject: SubjectResult, box: tuple[slice, slice, slice], grid: Grid) -> PackedSubject:
    """Crop, reorder, make coarser where asked, and pack one subject."""
    mr, ct, sct, mask = (
        to_ras(v.cropped(box)) for v in (subject.mr, subject.ct, subject.sct, subject.mask)
    )
    deviation = to_ras(subject.deviation.cropped(box)) if subject.deviation else None
    mask = mask.with_voxels(mask.voxels > 0, "label")
    as_measured = grid is mask.grid or grid.matches(mask.grid)
    if not as_measured:
        mr, ct, sct = (
            resample(v, grid, fill=f) for v, f in ((mr, 0.0), (ct, AIR_HU), (sct, AIR_HU))
        )
        deviation = resample(deviation, grid, fill=0.0) if deviation else None
        mask = resample_mask(mask, grid)
    inside = np.asarray(mask.voxels)

    return PackedSubject(
        name=subject.name,
        shape=grid.shape,
        spacing=grid.spacing,
        affine=np.round(grid.affine, 5).tolist(),
        stored_as_measured=as_measured,
        mask=pack_mask(inside),
        mr=pack_in_a_byte(mr.voxels, inside),
        ct=pack_hu(ct.voxels, inside),
        sct=pack_hu(sct.voxels, inside),
        deviation=pack_in_a_byte(deviation.voxels, inside, 0.0) if deviation else None,
        deviation_limit=deviation_limit(deviation.voxels[inside] if deviation else np.zeros(0)),
    )


def mask_box(mask: Volume, margin: int = 2) -> tuple[slice, slice, slice]:
    """Return the index box of the mask with a margin, inside the volume."""
    found = ndimage.find_objects((mask.voxels > 0).astype(np.uint8))
    if not found:
        return (
            slice(0, mask.grid.shape[0]),
            slice(0, mask.grid.shape[1]),
            slice(0, mask.grid.shape[2]),
        )
    i, j, k = (
        slice(max(s.start - margin, 0), min(s.stop + margin, n))
        for s, n in zip(found[0], mask.grid.shape, strict=True)
    )
    return i, j, k


def to_ras(volume: Volume) -> Volume:
    """Reorder and flip axes so that I runs to the right, J to anterior and K to superior.

    Oblique volumes keep their obliqueness: an axis goes where it points most.
    """
    orientation: Any = nibabel.orientations.io_orientation(volume.affine)
    voxels = nibabel.orientations.apply_orientation(volume.voxels, orientation)
    affine = volume.affine @ nibabel.orientations.inv_ornt_aff(orientation, volume.grid.shape)
    measured = volume.measured
    if measured is not None:
        measured = np.asarray(nibabel.orientations.apply_orientation(measured, orientation))
    return Volume(voxels, Grid(voxels.shape, affine), volume.unit, measured)


def coarser(grid: Grid, floor: float) -> Grid:
    """Return the grid over the same box with no spacing below floor (mm)."""
    factor = np.maximum(floor / np.array(grid.spacing), 1.0)
    if (factor == 1).all():
        return grid
    i, j, k = (int(n) for n in np.maximum(np.ceil(np.array(grid.shape) / factor), 1))
    affine = grid.affine.copy()
    affine[:3, :3] *= factor
    # The outer corner stays where it is; centres move by half the difference in size.
    affine[:3, 3] = grid.to_world((factor - 1) / 2)
    return Grid((i, j, k), affine)
