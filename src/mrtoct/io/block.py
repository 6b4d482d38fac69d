"""Voxels as one block of bytes, the first index fastest: how MetaImage and NRRD hold them."""

from __future__ import annotations

import sys
import zlib
from typing import Any

import numpy as np

from mrtoct.errors import FileError
from mrtoct.volume import Grid, Unit, Volume


def inflated(stored: bytes, needed: int) -> bytes:
    """Return what zlib or gzip packed, at most one byte more than is needed.

    A small file may unpack to fill the memory. Raises FileError for bytes that are damaged or cut.
    """
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # tells zlib's own format from gzip's
    try:
        block = inflate.decompress(stored, min(needed + 1, sys.maxsize))
    except zlib.error as error:
        raise FileError(f"its compressed voxels are damaged ({error})") from error
    if len(block) == needed and not inflate.eof:
        raise FileError("its compressed voxels are truncated")  # their sum was not compared
    return block


def volume_of(block: bytes, dtype: np.dtype[Any], grid: Grid, unit: Unit) -> Volume:
    """Return the voxels of a block: integers as they are, all floats as float32."""
    voxels = np.frombuffer(block, dtype).reshape(grid.shape, order="F")
    kept = np.float32 if dtype.kind == "f" else dtype.newbyteorder("=")
    with np.errstate(over="ignore", invalid="ignore"):  # too large becomes infinite: refused
        return Volume(voxels.astype(kept, order="C"), grid, unit)
