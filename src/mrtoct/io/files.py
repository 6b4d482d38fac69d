"""Read and write volumes; the file's ending chooses the format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io import metaimage, nifti, nrrd
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan
from mrtoct.volume import NibabelImage, SimpleItkImage, Unit, Volume, require_unit

NIFTI_ENDINGS = (".nii.gz", ".nii")
METAIMAGE_ENDINGS = (".mha", ".mhd")
NRRD_ENDINGS = (".nrrd", ".nhdr")
VOLUME_ENDINGS = NIFTI_ENDINGS + METAIMAGE_ENDINGS + NRRD_ENDINGS

REMEDIES = {
    ".zip": "unpack it, and name the folder",
    ".hdr": "Analyze does not say where left is; convert the scan's DICOM files to NIfTI",
    ".img": "Analyze does not say where left is; convert the scan's DICOM files to NIfTI",
    ".mgz": "convert it to NIfTI, as by mri_convert",
    ".mgh": "convert it to NIfTI, as by mri_convert",
}
"""What to do with files that are met often, by their endings."""


def ending(path: Path) -> str:
    """Return the volume ending of a file's name, lower case, or raise FileError."""
    name = path.name.lower()
    for known in VOLUME_ENDINGS:
        if name.endswith(known) and name != known:
            return known
    allowed = ", ".join(VOLUME_ENDINGS)
    remedy = next((what for last, what in REMEDIES.items() if name.endswith(last)), "")
    raise FileError(
        f"{path} is not a volume mrtoct knows; allowed: {allowed}, and DICOM"
        f"{'; ' if remedy else ''}{remedy}"
    )


def read_scan(scan: Scan, unit: Unit) -> Volume:
    """Read the volume that a scan names; see read_volume."""
    require_unit(unit)
    if not _is_dicom(scan.path):
        if scan.series is not None:
            raise FileError(f"{scan} has no series; only a folder of DICOM files has")
        return read_volume(scan.path, unit)
    from mrtoct.io import dicom  # other formats need not wait for it

    try:
        volume = dicom.read_series(dicom.find_series(scan.path, unit, scan.series), unit)
        require_finite(scan.path, volume)
    except MemoryError as error:
        raise FileError(f"{scan} holds more than fits into the memory") from error
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
    data_file_of = {".mhd": metaimage.data_file_of, ".nhdr": nrrd.data_file_of}.get(ending(path))
    return [path, data_file_of(path)] if data_file_of else [path]


def read_volume(path: Path | str, unit: Unit) -> Volume:
    """Read a volume into RAS mm.

    Parameters
    ----------
    path : Path or str
        A NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd) or NRRD file (.nrrd, .nhdr), a RIRE
        header.ascii or its folder. Any other folder, and a file that begins as DICOM does, holds
        DICOM: its only CT is read for HU, its only MR for a.u.
    unit : {"HU", "a.u.", "label"}
        What the values are: HU for CT, a.u. (arbitrary units) for MR, label for masks. Files do
        not say it.

    Returns
    -------
    Volume
        Stored integers stay integers unless the file scales them; other data become float32.

    Raises
    ------
    FileError
        If the file is missing, damaged or of an unknown kind.
    GeometryError
        If the grid is impossible, or the file holds several frames.
    ValueRangeError
        If voxels are NaN or infinite, or the unit is unknown.

    Examples
    --------
    >>> import mrtoct
    >>> ct = mrtoct.read_volume("ct.nii.gz", "HU")
    >>> ct.unit, str(ct.voxels.dtype), ct.voxels.shape == ct.grid.shape
    ('HU', 'int16', True)
    """
    require_unit(unit)
    path = _path(path)
    if _is_dicom(path):
        return read_scan(Scan(path), unit)
    path = _within_rire(path)
    kind = rire.HEADER if path.name == rire.HEADER else ending(path)
    try:
        if not path.is_file():
            reason = "is not a file" if path.exists() else "does not exist"
            raise FileError(f"{path} {reason}")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        volume = _READ[kind](path, unit)
        require_finite(path, volume)
    except MemoryError as error:
        raise FileError(f"{path} holds more than fits into the memory") from error
    return volume


def write_volume(
    path: Path | str,
    volume: Volume | NibabelImage | SimpleItkImage,
    *,
    overwrite: bool = False,
) -> None:
    """Write a volume, whole or not at all, without rescaling its values.

    Parameters
    ----------
    path : Path or str
        The file to write; its ending chooses NIfTI (.nii, .nii.gz), MetaImage (.mha, .mhd) or
        NRRD (.nrrd).
        Folders that are missing are made.
    volume : Volume or image of nibabel or SimpleITK
        Integers keep their type, booleans become uint8, all floats float32.
    overwrite : bool
        Whether a file that is there already is replaced.

    Raises
    ------
    FileError
        If the file exists and overwrite is false, or the disk refuses.
    ValueRangeError
        If voxels are NaN or infinite.
    GeometryError
        If MetaImage cannot hold the grid.

    Examples
    --------
    >>> import mrtoct
    >>> mr = mrtoct.read_volume("mr.nii.gz", "a.u.")
    >>> mrtoct.write_volume("copy.mha", mr)
    >>> mrtoct.write_volume("copy.mha", mr)
    Traceback (most recent call last):
    mrtoct.errors.FileError: copy.mha exists already; pass overwrite=True to replace it
    """
    path = _path(path)
    if not isinstance(volume, Volume):
        volume = Volume.from_image(volume, "a.u.")  # files do not say the unit
    require_finite(path, volume)
    _WRITE[ending(path)](path, volume, overwrite=overwrite)


def as_int16(volume: Volume) -> Volume:
    """Round to whole HU (or grey values) and store them as int16, clipped to its range."""
    info = np.iinfo(np.int16)
    return volume.with_voxels(np.rint(volume.voxels).clip(info.min, info.max).astype(np.int16))


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise FileError(f"the path of a volume must be text or a Path, got {type(path).__name__}")
    return Path(path)


def _is_dicom(path: Path) -> bool:
    """Tell whether a path is to be read as DICOM: a folder or file that no other format claims."""
    if path.name.lower().endswith(VOLUME_ENDINGS):
        return False
    if path.is_dir():
        return not rire.is_modality_folder(path)
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _within_rire(path: Path) -> Path:
    """Return the file to read: of a RIRE modality folder, such as patient_001/ct, its header."""
    return rire.volume_file(path) if rire.is_modality_folder(path) else path


def require_finite(name: object, volume: Volume) -> None:
    """Raise ValueRangeError, about a file or whatever it is called, for NaN or infinite voxels."""
    if volume.voxels.dtype.kind != "f":
        return
    bad = volume.voxels.size - int(np.isfinite(volume.voxels).sum())
    if bad:
        raise ValueRangeError(
            f"{name}: {bad} voxels are NaN or infinite; every voxel must be a finite number"
        )


_READ = {
    rire.HEADER: rire.read,
    **dict.fromkeys(NIFTI_ENDINGS, nifti.read),
    **dict.fromkeys(METAIMAGE_ENDINGS, metaimage.read),
    **dict.fromkeys(NRRD_ENDINGS, nrrd.read),
}
_WRITE = {
    **dict.fromkeys(NIFTI_ENDINGS, nifti.write),
    **dict.fromkeys(METAIMAGE_ENDINGS, metaimage.write),
    **dict.fromkeys(NRRD_ENDINGS, nrrd.write),
}
