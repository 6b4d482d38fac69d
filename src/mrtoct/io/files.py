"""Read and write volumes; the file's ending chooses the format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io import metaimage, nifti
from mrtoct.volume import Unit, Volume

NIFTI_ENDINGS = (".nii.gz", ".nii")
METAIMAGE_ENDINGS = (".mha", ".mhd")
VOLUME_ENDINGS = NIFTI_ENDINGS + METAIMAGE_ENDINGS


def ending(path: Path) -> str:
    """Return the volume ending of a file's name, lower case, or raise FileError."""
    name = path.name.lower()
    for known in VOLUME_ENDINGS:
        if name.endswith(known) and name != known:
            return known
    raise FileError(f"{path} is not a volume mrtoct knows; allowed: {', '.join(VOLUME_ENDINGS)}")


def files_of(path: Path) -> list[Path]:
    """Return the files that hold a volume: its own and, of a .mhd, the data file it names."""
    return [path, metaimage.data_file_of(path)] if ending(path) == ".mhd" else [path]


def read_volume(path: Path | str, unit: Unit) -> Volume:
    """Read a NIfTI or MetaImage file as a Volume in RAS mm.

    Stored integers stay integers unless the file scales them; other data become float32. Raises
    FileError for a missing, damaged or unknown file, GeometryError for an impossible grid or
    several frames, ValueRangeError for NaN or infinite voxels.
    """
    path = Path(path)
    kind = ending(path)
    try:
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise FileError(f"{path} {reason}")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    read = nifti.read if kind in NIFTI_ENDINGS else metaimage.read
    volume = read(path, unit)
    _check_finite(path, volume)
    return volume


def write_volume(path: Path | str, volume: Volume, *, overwrite: bool = False) -> None:
    """Write a Volume as NIfTI or MetaImage, whole or not at all, without rescaling its values.

    Integers keep their type, booleans become uint8, all floats float32. Raises FileError if the
    file exists and overwrite is false or the disk refuses, ValueRangeError for NaN or infinite
    voxels, GeometryError if MetaImage cannot hold the grid.
    """
    path = Path(path)
    write = nifti.write if ending(path) in NIFTI_ENDINGS else metaimage.write
    _check_finite(path, volume)
    write(path, volume, overwrite=overwrite)


def as_int16(volume: Volume) -> Volume:
    """Round to whole HU (or grey values) and store them as int16, clipped to its range."""
    info = np.iinfo(np.int16)
    return volume.with_voxels(np.rint(volume.voxels).clip(info.min, info.max).astype(np.int16))


def _check_finite(path: Path, volume: Volume) -> None:
    if volume.voxels.dtype.kind != "f":
        return
    bad = volume.voxels.size - int(np.isfinite(volume.voxels).sum())
    if bad:
        raise ValueRangeError(
            f"{path}: {bad} voxels are NaN or infinite; every voxel must be a finite number"
        )
