"""NIfTI-1 and NIfTI-2, plain or gzipped, by nibabel."""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from pathlib import Path
from typing import IO

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import new_file
from mrtoct.io.measured import is_measured_file
from mrtoct.io.nifti_orientation import orientation_of
from mrtoct.volume import Array, Grid, Unit, Volume, storable

log = logging.getLogger(__name__)

MOST_BEHIND = 64 << 20
"""Bytes that may follow the voxels in a gzip file: a small one may unpack to fill the disk."""

GZIP = b"\x1f\x8b"
"""What each gzip file begins with (RFC 1952)."""

NIFTI_ERRORS = (HeaderDataError, WrapStructError, zlib.error)


def read(path: Path, unit: Unit) -> Volume:
    """Read one 3-D frame; see `mrtoct.io.files.read_volume` for what is raised."""
    try:
        # NaN and too large numbers are refused below and in `files`; no warning beside the error.
        with _opened(path) as stream, np.errstate(over="ignore", invalid="ignore"):
            beginning = stream.read(nib.Nifti2Header.template_dtype.itemsize)
            # nibabel's checks repair impossible headers; we look at what is stored and refuse.
            header = _header(beginning)
            shape = _frame_shape(header)
            affine, contradiction = orientation_of(header)
            grid = Grid(shape, affine)
            voxels = _voxels(header, beginning, stream, grid.shape)
            _require_end(stream)
    except (FileError, GeometryError) as error:
        raise type(error)(f"{path}: {error}") from error
    except EOFError as error:
        raise FileError(f"{path} is truncated; copy or export it again") from error
    except (OSError, ValueError, OverflowError, *NIFTI_ERRORS) as error:
        raise FileError(f"{path} is not a readable NIfTI file: {_one_line(error)}") from error
    if contradiction:
        log.warning("%s: %s", path.name, contradiction.sentence)
    return Volume(voxels, grid, unit)


def write(path: Path, volume: Volume, *, overwrite: bool, description: str = "") -> None:
    """Write with a fresh header: no scaling, sform and qform from the same affine.

    description: what the values are, at most 79 letters, for those who open the file elsewhere.
    """
    voxels = storable(volume.voxels)
    header = nib.Nifti1Header()
    header.set_data_dtype(voxels.dtype)
    header.set_data_shape(voxels.shape)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1.0, 0.0)
    header["descrip"] = description.encode("ascii", "replace")[:79]
    header.set_sform(volume.affine, code="scanner")
    # A qform is a rotation: for a sheared affine it would contradict the sform, so it is left out.
    header.set_qform(volume.affine, code="scanner")
    if not np.allclose(header.get_qform(), volume.affine, atol=1e-3):
        header.set_qform(None, code="unknown")
        if not is_measured_file(path):  # of its volume it is said already
            log.warning(
                "%s: its axes are not at right angles, like those of the original scan; programs "
                "built on ITK, such as 3D Slicer, refuse such a file",
                path.name,
            )
    header["vox_offset"] = header.single_vox_offset
    head = header.binaryblock.ljust(header.single_vox_offset, b"\0")
    content = head + voxels.tobytes(order="F")
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, compresslevel=1, mtime=0)  # the same bytes every time
    with new_file(path, overwrite=overwrite) as part:
        part.write_bytes(content)


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    # By what it holds, not by its name: browsers and servers unpack .nii.gz and keep the name.
    with path.open("rb") as stream:
        first = stream.read(len(GZIP))
    if not first:
        raise FileError("the file is empty; copy or export it again")
    return gzip.open(path) if first == GZIP else path.open("rb")


def _require_end(stream: IO[bytes] | gzip.GzipFile) -> None:
    """Read a gzip file to its end, where its sum is compared: damaged voxels do not pass."""
    if not isinstance(stream, gzip.GzipFile):
        return
    for _ in range(MOST_BEHIND >> 20):
        if not stream.read(1 << 20):
            return
    raise FileError(f"it holds more than {MOST_BEHIND} bytes behind its voxels")


def _header(content: bytes) -> nib.Nifti1Header:
    for header_type, magic_at, magic in (
        (nib.Nifti1Header, 344, b"n+1\0"),
        (nib.Nifti2Header, 4, b"n+2\0"),
    ):
        if content[magic_at:].startswith(magic) and header_type.may_contain_header(content):
            size = header_type.template_dtype.itemsize
            return header_type(content[:size], check=False)
    raise FileError("not a NIfTI file; it does not begin with a NIfTI header")


def _frame_shape(header: nib.Nifti1Header) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 3:
        raise GeometryError(f"a volume has three dimensions, got shape {shape}")
    if any(n != 1 for n in shape[3:]):
        raise GeometryError(f"one frame is allowed, got shape {shape}; split the frames first")
    return shape[0], shape[1], shape[2]


def _voxels(
    header: nib.Nifti1Header,
    beginning: bytes,
    stream: IO[bytes] | gzip.GzipFile,
    shape: tuple[int, int, int],
) -> Array:
    code = int(header["datatype"])
    try:
        dtype = header.get_data_dtype()
    except KeyError:
        raise FileError(f"data type {code} is unknown to NIfTI") from None
    if dtype.kind not in "iuf":
        remedy = "export the magnitude" if dtype.kind == "c" else "export grey values, not colours"
        raise FileError(f"voxels must be real numbers, got data type {code} ({dtype}); {remedy}")
    start = int(header["vox_offset"])
    if start < header.single_vox_offset:
        raise FileError(f"voxels cannot begin at byte {start}, inside the header")
    count = math.prod(shape)
    needed = count * dtype.itemsize
    content = _beginning_with(beginning, stream, start + needed)
    held = max(len(content) - start, 0)
    if held < needed:
        raise FileError(f"its header announces {needed} bytes of voxels, the file holds {held}")
    voxels = np.frombuffer(content, dtype, count, start).reshape(shape, order="F")
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1.0, 0.0):
        voxels = voxels * np.float64(slope) + intercept
    kept = np.float32 if voxels.dtype.kind == "f" else voxels.dtype.newbyteorder("=")
    return voxels.astype(kept, order="C")


def _beginning_with(beginning: bytes, stream: IO[bytes] | gzip.GzipFile, most: int) -> bytearray:
    """Return up to so many bytes of a file, those that were read first; no memory for others."""
    content = bytearray(beginning)
    while len(content) < most and (part := stream.read(min(most - len(content), 1 << 20))):
        content += part
    return content


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
