"""Volumes as the RIRE project stores them: header.ascii beside image.bin or image.bin.Z.

The header is text in five groups of `Key := value`; the image is big-endian 16-bit integers,
columns fastest. The format knows directions in the patient but no position: the first voxel is
the origin. Data format: https://rire.insight-journal.org/data_format.html
"""

from __future__ import annotations

import math
from pathlib import Path

import nibabel.orientations as orientations
import numpy as np

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.atomic import new_folder
from mrtoct.io.rire.header import header_text, read_header
from mrtoct.io.unpack import pack, unpack
from mrtoct.volume import Array, Grid, Unit, Volume

HEADER = "header.ascii"
IMAGES = ("image.bin", "image.bin.Z")
"""The image as it is, or packed; where both are there they are the same."""


def volume_file(folder: Path) -> Path:
    """Return the file of a modality folder that read_volume takes: header.ascii or the .mhd.

    Raises FileError if the folder holds neither, or no image beside them.
    """
    header = folder / HEADER
    metaimages = sorted(folder.glob("*.mhd"))
    if header.is_file() and (not metaimages or any((folder / n).is_file() for n in IMAGES)):
        return header
    if len(metaimages) != 1:
        raise FileError(f"{folder} holds {len(metaimages)} .mhd files and no {HEADER}; one is read")
    return metaimages[0]


def is_modality_folder(path: Path) -> bool:
    """Tell whether a folder is one of RIRE's, such as patient_001/ct."""
    try:
        home = path.absolute()
        return any((home / n).is_file() for n in (HEADER, f"{home.parent.name}_{home.name}.mhd"))
    except OSError:
        return False  # such as a name that is too long: who reads it says so


def image_file(header: Path) -> Path:
    """Return the image that belongs to a header; raises FileError if there is none."""
    for name in IMAGES:
        if (header.parent / name).is_file():
            return header.parent / name
    raise FileError(f"{header}: its image is missing ({' or '.join(IMAGES)} beside it)")


def read(path: Path, unit: Unit) -> Volume:
    """Read header.ascii with its image; the first voxel's centre becomes the world's origin.

    Raises FileError for missing or damaged files and GeometryError for an impossible grid.
    """
    header = read_header(path)
    image = image_file(path)
    needed = math.prod(header.grid.shape) * header.dtype.itemsize
    try:
        block = image.read_bytes()
        # An image.bin of the right size is voxels, even if the first looks like a magic number.
        if image.suffix == ".Z" or len(block) != needed:
            block = unpack(block, needed)
    except FileError as error:
        raise FileError(f"{image}: {error}") from error
    except OSError as error:
        raise FileError(f"{image} cannot be read: {error.strerror or error}") from error
    if len(block) != needed:
        raise FileError(f"{image} holds {len(block)} bytes of voxels, {path.name} says {needed}")
    voxels = np.frombuffer(block, header.dtype).reshape(header.grid.shape, order="F")
    return Volume(voxels.astype(header.dtype.newbyteorder("="), order="C"), header.grid, unit)


def in_rire_frame(volume: Volume) -> Volume:
    """Return the volume as RIRE stores one: axes to the left, back and head, origin at voxel 0.

    Voxels keep their values and their places relative to each other; the scan's place in the
    world, and an angulation of its axes, are given up. Raises GeometryError for a sheared grid.
    """
    order = _lph_order(volume.grid)
    voxels = orientations.apply_orientation(volume.voxels, order)
    i, j, k = (int(n) for n in voxels.shape)
    spacing = lph_grid(volume.grid).spacing
    return Volume(
        voxels, Grid((i, j, k), np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])), volume.unit
    )


def lph_grid(grid: Grid) -> Grid:
    """Return the same voxels counted from the right, front, lower corner to left, back and head.

    So RIRE counts them, however a file stores them. Raises GeometryError for a sheared grid.
    """
    direction = grid.affine[:3, :3] / grid.spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise GeometryError(f"RIRE's coordinates need perpendicular axes; {grid} is sheared")
    order = _lph_order(grid)
    affine = grid.affine @ orientations.inv_ornt_aff(order, grid.shape)
    i, j, k = (int(grid.shape[int(axis)]) for axis in np.argsort(order[:, 0]))
    return Grid((i, j, k), affine)


def write(
    folder: Path, volume: Volume, modality: str, contrast: str = "", *, overwrite: bool = False
) -> None:
    """Write header.ascii and image.bin.Z into a new folder, all of it or nothing.

    modality: CT, MR or PET. contrast: T1, T2, PD or nothing. Raises ValueRangeError if the voxels
    are not 16-bit integers and GeometryError if the grid is not RIRE's (see in_rire_frame).
    """
    if volume.voxels.dtype.kind not in "iu" or not np.can_cast(volume.voxels.dtype, np.int16):
        raise ValueRangeError(
            f"RIRE stores 16-bit integers, got {volume.voxels.dtype}; round them with as_int16"
        )
    if not volume.grid.matches(in_rire_frame(volume).grid):
        raise GeometryError(
            f"RIRE stores no position, and only axes to the left, back and head; {folder} would "
            "lose the scan's position (in_rire_frame discards it deliberately)"
        )
    block = volume.voxels.astype(">i2").tobytes(order="F")
    with new_folder(folder, overwrite=overwrite) as part:
        (part / HEADER).write_text(header_text(volume.grid, modality, contrast), encoding="ascii")
        (part / "image.bin.Z").write_bytes(pack(block))


def _lph_order(grid: Grid) -> Array:
    to_ras = orientations.io_orientation(grid.affine)
    order: Array = orientations.ornt_transform(to_ras, orientations.axcodes2ornt("LPS"))
    return order
