"""Read and write volumes; the file's ending chooses the format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io import metaimage, nifti
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan
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


def read_scan(scan: Scan, unit: Unit) -> Volume:
    """Read the volume that a scan names; see read_volume."""
    if not _is_dicom(scan.path):
        if scan.series is not None:
            raise FileError(f"{scan} has no series; only a folder of DICOM files has")
        return read_volume(scan.path, unit)
    from mrtoct.io import dicom  # other formats need not wait for it

    volume = dicom.read_series(dicom.find_series(scan.path, unit, scan.series), unit)
    _check_finite(scan.path, volume)
    return volume


def files_of(scan: Scan) -> list[Path]:
    """Return the files that hold a volume: its own and the data file that its header is for.

    Of a DICOM folder those of every series that fits the scan's, all where none is named.
    """
    if _is_dicom(scan.path):
        from mrtoct.io import dicom

        return dicom.files_of(scan.path, scan.series)
    path = _within_rire(scan.path)
    if path.name == rire.HEADER:
        return [path, rire.image_file(path)]
    return [path, metaimage.data_file_of(path)] if ending(path) == ".mhd" else [path]


def read_volume(path: Path | str, unit: Unit) -> Volume:
    """Read a NIfTI or MetaImage file, or a RIRE header.ascii or its folder, as a Volume in RAS mm.

    Any other folder holds DICOM: its only CT for HU, its only MR for a.u. is read. Stored
    integers stay integers unless the file scales them; other data become float32. Raises
    FileError for a missing, damaged or unknown file, GeometryError for an impossible grid or
    several frames, ValueRangeError for NaN or infinite voxels.
    """
    if _is_dicom(Path(path)):
        return read_scan(Scan(Path(path)), unit)
    path = _within_rire(Path(path))
    kind = rire.HEADER if path.name == rire.HEADER else ending(path)
    try:
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise FileError(f"{path} {reason}")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    read = {rire.HEADER: rire.read, ".nii": nifti.read, ".nii.gz": nifti.read}
    volume = read.get(kind, metaimage.read)(path, unit)
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


def _is_dicom(path: Path) -> bool:
    """Tell whether a path is to be read as DICOM: a folder that no other format claims."""
    named_as_file = path.name.lower().endswith(VOLUME_ENDINGS)
    return not named_as_file and path.is_dir() and not rire.is_modality_folder(path)


def _within_rire(path: Path) -> Path:
    """Return the file to read: of a RIRE modality folder, such as patient_001/ct, its header."""
    return rire.volume_file(path) if rire.is_modality_folder(path) else path


def _check_finite(path: Path, volume: Volume) -> None:
    if volume.voxels.dtype.kind != "f":
        return
    bad = volume.voxels.size - int(np.isfinite(volume.voxels).sum())
    if bad:
        raise ValueRangeError(
            f"{path}: {bad} voxels are NaN or infinite; every voxel must be a finite number"
        )
