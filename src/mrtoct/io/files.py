"""Read and write volumes; the file's ending chooses the format."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.io import metaimage, nifti, nrrd
from mrtoct.io.atomic import new_file, require_absent
from mrtoct.io.measured import SUFFIX, is_measured_file, measured_file, only_finite
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan
from mrtoct.volume import Array, NibabelImage, SimpleItkImage, Unit, Volume, require_unit

NIFTI_ENDINGS = (".nii.gz", ".nii")
METAIMAGE_ENDINGS = (".mha", ".mhd")
NRRD_ENDINGS = (".nrrd", ".nhdr")
VOLUME_ENDINGS = NIFTI_ENDINGS + METAIMAGE_ENDINGS + NRRD_ENDINGS

UNPACK = "unpack it, and give the folder"
REMEDIES = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"), UNPACK),
    ".hdr": "Analyze does not state the orientation; convert the scan's DICOM files to NIfTI",
    ".img": "Analyze does not state the orientation; convert the scan's DICOM files to NIfTI",
    ".mgz": "convert it to NIfTI, as by mri_convert",
    ".mgh": "convert it to NIfTI, as by mri_convert",
}
"""What to do with files that are met often, by their endings."""


def remedy_for(path: Path) -> str:
    """Return what to do with a file that is not read as it is; nothing where that is not known."""
    name = path.name.lower()
    return next((what for last, what in REMEDIES.items() if name.endswith(last)), "")


def ending(path: Path) -> str:
    """Return the volume ending of a file's name, lower case, or raise FileError."""
    name = path.name.lower()
    for known in VOLUME_ENDINGS:
        if name.endswith(known) and name != known:
            return known
    allowed = ", ".join(VOLUME_ENDINGS)
    remedy = remedy_for(path)
    raise FileError(
        f"{path} is not a supported volume; allowed: {allowed}, and DICOM"
        f"{'; ' if remedy else ''}{remedy}"
    )


def scan_stem(path: Path) -> str:
    """Return a folder's name, a volume file's without its ending, and nothing for other files."""
    if path.is_dir():
        return path.name
    for known in VOLUME_ENDINGS:
        if path.name.lower().endswith(known):
            return path.name[: -len(known)]
    return ""


def sidecar(path: Path) -> Path:
    """Return the JSON beside a volume file: ct.nii.gz has ct.json."""
    return path.with_name(path.name[: -len(ending(path))] + ".json")


def read_scan(
    scan: Scan, unit: Unit, *, uneven: Literal["refuse", "resample"] = "refuse"
) -> Volume:
    """Read the volume that a scan names; see read_volume, and io.dicom.read_series for uneven."""
    require_unit(unit)
    if not is_dicom(scan.path):
        if scan.series is not None:
            raise FileError(f"{scan} has no series; only a folder of DICOM files has")
        return read_volume(scan.path, unit)
    from mrtoct.io import dicom  # other formats need not wait for it

    try:
        series = dicom.find_series(scan.path, unit, scan.series)
        volume = dicom.read_series(series, unit, uneven=uneven)
        return only_finite(scan.path, volume)
    except MemoryError as error:
        raise FileError(f"{scan} does not fit into memory") from error


def files_of(scan: Scan) -> list[Path]:
    """Return the files that hold a volume: its own, the data file that its header is for, and the
    record of what was measured.

    Of a DICOM folder those of every series that fits the scan's, all where none is named.
    """
    if is_dicom(scan.path):
        from mrtoct.io import dicom

        return dicom.files_of(scan.path, scan.series)
    path = _within_rire(scan.path)
    if path.name == rire.HEADER:
        return [path, rire.image_file(path)]
    kind = ending(path)
    data_file_of = {".mhd": metaimage.data_file_of, ".nhdr": nrrd.data_file_of}.get(kind)
    record = measured_file(path, kind)
    return [
        path,
        *([data_file_of(path)] if data_file_of else []),
        *([record] if record.is_file() else []),
    ]


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
        Where voxels are NaN, or a record beside the file says so (ct_measured.nii.gz), nothing was
        measured; the volume knows where.

    Raises
    ------
    FileError
        If the file is missing, damaged or of an unknown kind.
    GeometryError
        If the grid is impossible, or the file holds several frames.
    ValueRangeError
        If voxels are infinite, all are NaN, or the unit is unknown.

    Examples
    --------
    >>> import mrtoct
    >>> ct = mrtoct.read_volume("ct.nii.gz", "HU")
    >>> ct.unit, str(ct.voxels.dtype), ct.voxels.shape == ct.grid.shape
    ('HU', 'int16', True)
    """
    require_unit(unit)
    path = _path(path)
    if is_dicom(path):
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
        volume = only_finite(path, _READ[kind](path, unit))
    except MemoryError as error:
        raise FileError(f"{path} does not fit into memory") from error
    if kind == rire.HEADER or unit == "label":
        return volume
    record = measured_file(path, kind)
    return volume.measured_where(_measured(record, path, volume) if record.is_file() else None)


def write_volume(
    path: Path | str,
    volume: Volume | NibabelImage | SimpleItkImage,
    *,
    overwrite: bool = False,
    description: str = "",
) -> None:
    """Write a volume, whole or not at all, without rescaling its values.

    Of a volume of which a part was not measured, a mask beside the file says which was:
    sct_measured.nii.gz beside sct.nii.gz. `read_volume` takes it up.

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
    description : str
        What the values are, at most 79 letters, for those who open a NIfTI elsewhere; other formats
        have no place for it.

    Raises
    ------
    FileError
        If the file or its record of what was measured exists and overwrite is false, or the disk
        refuses.
    ValueRangeError
        If voxels are infinite, or all are NaN.
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
    volume = only_finite(path, volume)
    kind = ending(path)
    if volume.unit == "label" and is_measured_file(path):  # a record that someone made
        _write(path, kind, volume, description, overwrite=overwrite)
        return
    require_volume_absent(path, overwrite=overwrite)
    record = measured_file(path, kind)
    if volume.measured is None:
        _write(path, kind, volume, description, overwrite=overwrite)
        record.unlink(missing_ok=True)  # of the volume that was here before
        return
    with new_file(record, overwrite=overwrite) as part:
        mask = volume.with_voxels(volume.measured, "label")
        try:
            _write(part, ending(part), mask, "1 where it was measured", overwrite=False)
        except GeometryError as error:  # what the mask's format cannot hold, the volume's cannot
            raise GeometryError(str(error).replace(str(part), str(path))) from error
        _write(path, kind, volume, description, overwrite=overwrite)


def require_volume_absent(path: Path, *, overwrite: bool) -> None:
    """Raise FileError if a volume file, or its record of what was measured, may not be replaced.

    Also for a name that would be taken for such a record.
    """
    if is_measured_file(path):
        raise FileError(
            f"{path}: a name that ends in {SUFFIX} is reserved for masks of what was measured; "
            "choose another"
        )
    record = measured_file(path, ending(path))  # or it is no file's name, whether there or not
    require_absent(path, overwrite=overwrite)
    require_absent(record, overwrite=overwrite)


def as_int16(volume: Volume) -> Volume:
    """Round to whole HU (or grey values) and store them as int16, clipped to its range."""
    info = np.iinfo(np.int16)
    return volume.with_voxels(np.rint(volume.voxels).clip(info.min, info.max).astype(np.int16))


def _path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise FileError(f"the path of a volume must be text or a Path, got {type(path).__name__}")
    return Path(path)


def is_dicom(path: Path) -> bool:
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


def _measured(record: Path, path: Path, volume: Volume) -> Array:
    """Read the record of what was measured of a volume file."""
    mask = _READ[ending(record)](record, "label")
    if not mask.grid.matches(volume.grid):
        raise GeometryError(
            f"{record} says what was measured of {path.name}, but on another grid ({mask.grid}, "
            f"not {volume.grid}); remove it if it belongs to another volume"
        )
    return np.asarray(mask.voxels > 0)


def _write(path: Path, kind: str, volume: Volume, description: str, *, overwrite: bool) -> None:
    if kind in NIFTI_ENDINGS:
        nifti.write(path, volume, overwrite=overwrite, description=description)
    else:
        _WRITE[kind](path, volume, overwrite=overwrite)


_READ = {
    rire.HEADER: rire.read,
    **dict.fromkeys(NIFTI_ENDINGS, nifti.read),
    **dict.fromkeys(METAIMAGE_ENDINGS, metaimage.read),
    **dict.fromkeys(NRRD_ENDINGS, nrrd.read),
}
_WRITE = {
    **dict.fromkeys(METAIMAGE_ENDINGS, metaimage.write),
    **dict.fromkeys(NRRD_ENDINGS, nrrd.write),
}
