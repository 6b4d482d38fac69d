"""MetaImage (.mha, .mhd with its data file); LPS outside, RAS inside.

The header is a few lines of text and the voxels are one block of bytes, so both are read and
written here: ITK's reader fills what it cannot unpack with zeros, takes an unreadable origin for
0 and lets some headers end the whole program.
"""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import new_file
from mrtoct.io.block import inflated, volume_of
from mrtoct.io.unpack import unpack
from mrtoct.volume import Array, Grid, Unit, Volume, storable

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

ELEMENT_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
ELEMENT_NAMES = {kind: name for name, kind in ELEMENT_TYPES.items()}
ELEMENT_TYPES |= {"MET_LONG": "i4", "MET_ULONG": "u4"}  # four bytes on every machine

MOST_HEADER = 1 << 20
"""Bytes in which a header ends: with every DICOM tag copied in, it takes some ten thousand."""


Header = dict[str, str]


def read(path: Path, unit: Unit) -> Volume:
    """Read one 3-D frame; see `mrtoct.io.files.read_volume` for what is raised."""
    try:
        content = path.read_bytes()
        header, length = _header(content)
        grid = _grid(header)
        dtype = _element_type(header)
        needed = math.prod(grid.shape) * dtype.itemsize
        name = header["ElementDataFile"]
        if name.upper() == "LOCAL":
            stored = content[length:]
        else:
            data = _data_file(path.parent, name)
            stored = data.read_bytes()
            if data.suffix == ".Z":
                stored = unpack(stored, needed)
        block = _block(header, stored, needed)
    except (FileError, GeometryError) as error:
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    return volume_of(block, dtype, grid, unit)


def data_file_of(path: Path) -> Path:
    """Return the file that holds a header's voxels, which is the header itself if LOCAL."""
    try:
        name = _header(path.read_bytes())[0]["ElementDataFile"]
        return path if name.upper() == "LOCAL" else _data_file(path.parent, name)
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error


def write(path: Path, volume: Volume, *, overwrite: bool) -> None:
    """Write compressed .mha, or .mhd with its data file (.zraw) beside it."""
    voxels = storable(volume.voxels)
    lps = LPS_TO_RAS @ volume.affine
    direction = lps[:3, :3] / volume.spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise GeometryError(f"{path}: MetaImage cannot hold a sheared grid; write NIfTI instead")
    little_endian = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False)
    block = zlib.compress(little_endian.tobytes(order="F"), level=1)
    data = None if path.suffix.lower() == ".mha" else path.with_suffix(".zraw")
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(block)),
        "TransformMatrix": _text(direction.T),  # row n holds the direction of axis n
        "Offset": _text(lps[:3, 3]),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _text(volume.spacing),
        "DimSize": " ".join(map(str, voxels.shape)),
        "ElementType": ELEMENT_NAMES[f"{voxels.dtype.kind}{voxels.dtype.itemsize}"],
        "ElementDataFile": data.name if data else "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in header.items()).encode()
    with new_file(path, overwrite=overwrite) as part:
        if data is None:
            part.write_bytes(text + block)
            return
        part.write_bytes(text)
        with new_file(data, overwrite=overwrite) as data_part:
            data_part.write_bytes(block)


def _header(content: bytes) -> tuple[Header, int]:
    """Return the header's keys and values, and its length in bytes."""
    last = re.search(rb"^\s*ElementDataFile\s*[=:][^\n]*(\n|\Z)", content[:MOST_HEADER], re.M)
    if last is None:
        raise FileError("not a MetaImage; its header names no ElementDataFile")
    lines = content[: last.end()].decode("latin-1").splitlines()
    pairs = (re.split(r"\s*[=:]\s*", line.strip(), maxsplit=1) for line in lines if line.strip())
    return {pair[0]: pair[-1] for pair in pairs}, last.end()


def _grid(header: Header) -> Grid:
    # A frame axis of length one is dropped; the first three axes are space.
    sizes = _numbers(header, ("DimSize",), None)
    axes = len(sizes)
    if header.get("NDims") != str(axes):
        raise FileError(f"NDims is {header.get('NDims')} but DimSize has {axes} numbers")
    if axes < 3:
        raise GeometryError(f"a volume has three dimensions, got {axes}")
    if any(n != int(n) for n in sizes):
        raise FileError(f"DimSize must be whole numbers, got {header['DimSize']}")
    if any(n != 1 for n in sizes[3:]):
        raise GeometryError(f"one frame is allowed, got DimSize {header['DimSize']}")
    spacing = _numbers(header, ("ElementSpacing", "ElementSize"), None, axes)[:3]
    if not (spacing > 0).all():
        raise GeometryError(f"voxel spacing must be positive, got {spacing.tolist()} mm")
    matrix = ("TransformMatrix", "Rotation", "Orientation")
    rows = _numbers(header, matrix, np.eye(axes), axes * axes).reshape(axes, axes)[:3, :3]
    lps = np.eye(4)
    lps[:3, :3] = rows.T * spacing
    lps[:3, 3] = _numbers(header, ("Offset", "Position", "Origin"), np.zeros(axes), axes)[:3]
    return Grid((int(sizes[0]), int(sizes[1]), int(sizes[2])), LPS_TO_RAS @ lps)


def _element_type(header: Header) -> np.dtype[Any]:
    name = header.get("ElementType", "nothing")
    channels = header.get("ElementNumberOfChannels", "1")
    if name not in ELEMENT_TYPES or channels != "1":
        raise FileError(f"one number per voxel is allowed, got {channels} channels of {name}")
    if not _is_true(header, "BinaryData", default=True):
        raise FileError("voxels are stored as text; write them as binary data")
    for key, neutral in (("Slope", 1.0), ("Offset", 0.0)):
        scaling = _numbers(header, (f"ElementToIntensityFunction{key}",), np.array([neutral]), 1)
        if scaling[0] != neutral:
            raise FileError(f"values are scaled ({key.lower()} {scaling[0]}), which is not allowed")
    big = _is_true(header, "BinaryDataByteOrderMSB") or _is_true(header, "ElementByteOrderMSB")
    return np.dtype(ELEMENT_TYPES[name]).newbyteorder(">" if big else "<")


def _data_file(folder: Path, name: str) -> Path:
    if name.upper().startswith("LIST") or "%" in name or not name:
        raise FileError(f"one data file is allowed, got ElementDataFile {name or 'without a name'}")
    data = folder / name
    if not data.is_file() and (folder / f"{name}.Z").is_file():
        return folder / f"{name}.Z"  # as UNIX compress leaves it; RIRE's headers name the other
    if not data.is_file():
        raise FileError(f"its data file {name} is missing")
    return data


def _block(header: Header, stored: bytes, needed: int) -> bytes:
    """Return the voxels' bytes, unpacked and complete."""
    skip = int(_numbers(header, ("HeaderSize",), np.zeros(1), 1)[0])
    if _is_true(header, "CompressedData"):
        block = inflated(stored[max(skip, 0) :], needed)
    else:
        # A negative header size means that the voxels end the file.
        start = skip if skip >= 0 else max(len(stored) - needed, 0)
        block = stored[start : start + needed]
    if len(block) != needed:
        held = len(block) if len(block) < needed else f"more than {needed}"
        raise FileError(f"its header announces {needed} bytes of voxels, the file holds {held}")
    return block


def _numbers(
    header: Header, keys: tuple[str, ...], default: Array | None, count: int | None = None
) -> Array:
    """Return the finite numbers of the first key that is present."""
    key = next((k for k in keys if k in header), None)
    if key is None:
        if default is None:
            raise FileError(f"its header states no {keys[0]}")
        return default
    try:
        numbers = np.array([float(word) for word in header[key].split()])
    except ValueError:
        raise FileError(f"{key} must be numbers, got {header[key]!r}") from None
    if not np.isfinite(numbers).all():
        raise GeometryError(f"{key} must be finite, got {header[key]}")
    if count is not None and len(numbers) != count:
        raise FileError(f"{key} needs {count} numbers, got {header[key]!r}")
    return numbers


def _is_true(header: Header, key: str, *, default: bool = False) -> bool:
    return header.get(key, str(default)).upper()[:1] in ("T", "1")


def _text(numbers: npt.ArrayLike) -> str:
    # repr keeps every digit, so the affine comes back bit for bit.
    return " ".join(repr(float(v)) for v in np.ravel(numbers))
