"""NRRD (.nrrd, or .nhdr with its data file) by pynrrd; a space of patients outside, RAS inside."""

from __future__ import annotations

import io
import logging
import math
from pathlib import Path
from typing import Any

import nrrd
import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import new_file
from mrtoct.io.block import inflated, volume_of
from mrtoct.volume import Grid, Unit, Volume, storable

log = logging.getLogger(__name__)

TO_RAS = {
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "left-posterior-superior": (-1.0, -1.0, 1.0),
}
"""Signs of the axes of each space that NRRD names for patients."""
SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior",
         "lps": "left-posterior-superior"}  # fmt: skip
TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(
        ("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"
    ),
    **dict.fromkeys(
        ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"
    ),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        ("longlong", "long long", "long long int", "signed long long", "signed long long int",
         "int64", "int64_t"), "i8"
    ),
    **dict.fromkeys(
        ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"
    ),
    "float": "f4",
    "double": "f8",
}  # fmt: skip
"""The names that the format has for each type."""
ENCODINGS = ("raw", "gzip", "gz")
MOST_HEADER = 1 << 20
"""Bytes in which a header ends."""


def read(path: Path, unit: Unit) -> Volume:
    """Read one 3-D frame; see `mrtoct.io.files.read_volume` for what is raised."""
    try:
        content = path.read_bytes()
        header, length = _header(content)
        grid = _grid(header, path)
        dtype = _dtype(header)
        stored = content[length:]
        if data := _data_file(path, header):
            stored = data.read_bytes()
        block = _block(header, stored, math.prod(grid.shape) * dtype.itemsize)
    except (FileError, GeometryError) as error:
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    return volume_of(block, dtype, grid, unit)


def data_file_of(path: Path) -> Path:
    """Return the file that holds a header's voxels, which may be the header itself."""
    try:
        return _data_file(path, _header(path.read_bytes())[0]) or path
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error


def write(path: Path, volume: Volume, *, overwrite: bool) -> None:
    """Write compressed .nrrd in LPS, as 3D Slicer does; a header apart is read, not written."""
    if path.suffix.lower() != ".nrrd":
        raise FileError(f"{path}: an NRRD in two files is read, not written; name it .nrrd")
    signs = np.array(TO_RAS["left-posterior-superior"])
    affine = volume.affine
    stream = io.BytesIO()
    nrrd.write(
        stream,
        storable(volume.voxels),
        {
            "space": "left-posterior-superior",
            "space directions": (signs[:, None] * affine[:3, :3]).T,
            "space origin": signs * affine[:3, 3],
            "kinds": ["domain"] * 3,
            "encoding": "gzip",
        },
        compression_level=1,
    )
    head, blank, block = stream.getvalue().partition(b"\n\n")
    # pynrrd's comment holds the time: without it the same volume is the same file.
    lines = [line for line in head.split(b"\n") if not line.startswith(b"#")]
    with new_file(path, overwrite=overwrite) as part:
        part.write_bytes(b"\n".join(lines) + blank + block)


def _header(content: bytes) -> tuple[dict[str, Any], int]:
    """Return the fields and the number of bytes that they take."""
    if not content.startswith(b"NRRD"):
        raise FileError("not an NRRD file; it does not begin with NRRD")
    marks = (b"\n\n", b"\r\n\r\n")
    ends = [content.index(mark) + len(mark) for mark in marks if mark in content[:MOST_HEADER]]
    length = min(ends, default=len(content))  # a header apart needs no blank line
    if length > MOST_HEADER:
        raise FileError("its header has no end")
    try:
        return dict(nrrd.read_header(io.BytesIO(content[:length]))), length
    except Exception as error:  # pynrrd parses fields by whatever Python raises
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FileError(f"its header is damaged: {reason}") from error


def _grid(header: dict[str, Any], path: Path) -> Grid:
    sizes = [int(n) for n in header.get("sizes", ())]
    if len(sizes) != 3:
        raise GeometryError(
            f"a volume has three dimensions, got sizes {sizes}; split frames or colours first"
        )
    if min(sizes) < 1:
        raise GeometryError(f"sizes must be positive, got {sizes}")
    shape = (sizes[0], sizes[1], sizes[2])
    space = str(header.get("space", "")).lower()
    directions, origin = header.get("space directions"), header.get("space origin")
    if directions is None:
        spacings = np.asarray(header.get("spacings", (np.nan,) * 3), dtype=np.float64)
        if spacings.shape != (3,) or not (np.isfinite(spacings).all() and (spacings > 0).all()):
            raise GeometryError("it states neither space directions nor spacings")
        log.warning("%s: states no orientation, so left and right are guessed", path.name)
        return Grid(shape, np.diag([*spacings, 1.0]))
    signs = TO_RAS.get(SHORT.get(space, space))
    if signs is None:
        raise GeometryError(f"its space is {space or 'not stated'}; allowed: {', '.join(TO_RAS)}")
    directions = np.asarray(directions, dtype=np.float64)
    origin = np.asarray((0.0,) * 3 if origin is None else origin, dtype=np.float64)
    if directions.shape != (3, 3) or origin.shape != (3,):
        raise GeometryError("a volume needs three space directions and an origin in space")
    affine = np.eye(4)
    affine[:3, :3] = np.array(signs)[:, None] * directions.T
    affine[:3, 3] = np.array(signs) * origin
    if not np.isfinite(affine).all():
        raise GeometryError("its space directions or origin are not finite")
    return Grid(shape, affine)


def _dtype(header: dict[str, Any]) -> np.dtype[Any]:
    kind = TYPES.get(str(header.get("type", "")).lower())
    if kind is None:
        raise FileError(f"voxels must be real numbers, got type {str(header.get('type'))[:30]!r}")
    order = {"big": ">", "little": "<"}.get(str(header.get("endian", "")).lower())
    if order is None and np.dtype(kind).itemsize > 1:
        raise FileError("it does not state its endian")
    return np.dtype(f"{order or '='}{kind}")


def _data_file(path: Path, header: dict[str, Any]) -> Path | None:
    name = header.get("data file", header.get("datafile"))
    if name is None:
        return None
    data = path.parent / str(name)
    if data.name != str(name).removeprefix("./") or not data.is_file():
        raise FileError(f"its data file {str(name)[:100]!r} is not a single file beside it")
    return data


def _block(header: dict[str, Any], stored: bytes, needed: int) -> bytes:
    encoding = str(header.get("encoding", "")).lower()
    if encoding not in ENCODINGS:
        raise FileError(f"its encoding is {encoding or 'not stated'}; allowed: raw, gzip")
    if any(int(header.get(key, 0)) for key in ("line skip", "byte skip", "lineskip", "byteskip")):
        raise FileError("it skips lines or bytes; write it again without")
    block = stored if encoding == "raw" else inflated(stored, needed)
    if len(block) != needed:
        raise FileError(f"its header announces {needed} bytes of voxels, it holds {len(block)}")
    return block
