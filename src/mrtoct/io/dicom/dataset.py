"""A DICOM file as pydicom reads it, within bounds that a damaged or hostile file cannot pass."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mrtoct.errors import FileError

PARSE_ERRORS = (
    InvalidDicomError, BytesLengthException, AttributeError, LookupError, ValueError, TypeError,
    ArithmeticError, NotImplementedError, RecursionError, EOFError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom raises for content it cannot make sense of, when it reads a file or a value."""

MOST_INFLATED = 1 << 30
"""Bytes of a file that is deflated as a whole; 512 x 512 x 2000 voxels."""
PREAMBLE = 132
"""Bytes before the first element."""
GROUP_LENGTH = 12
"""Bytes of the element that says how long the file's own elements are."""


def read_dataset(path: Path, *, tags: list[str] | None = None) -> Dataset:
    """Read a DICOM file without a word about harmless departures; with tags, a header's part.

    Values are parsed when they are asked for: what a damaged one raises is in PARSE_ERRORS, too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _Whole(path) as stream:
            _require_bounded(stream)
            return pydicom.dcmread(stream, stop_before_pixels=tags is not None, specific_tags=tags)


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Raise FileError, about a file, for whatever cannot be made sense of within."""
    try:
        yield
    except PARSE_ERRORS as error:
        raise FileError(f"{path} is damaged: {' '.join(str(error).split())}") from error


class _Whole(io.BufferedReader):
    """A file that makes no room for more bytes than it has, whatever length an element states."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self.size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > 1 << 16:
            size = min(size, max(self.size - self.tell(), 0))
        return super().read(size)


def _require_bounded(stream: io.BufferedReader) -> None:
    """Raise FileError for a deflated file that would fill the memory."""
    if DeflatedExplicitVRLittleEndian.encode() not in stream.peek():
        return
    head = stream.peek()[PREAMBLE : PREAMBLE + GROUP_LENGTH]
    if not head.startswith(b"\2\0\0\0UL\4\0") or len(head) < GROUP_LENGTH:
        raise FileError("it does not say where its deflated part begins")
    stream.seek(PREAMBLE + GROUP_LENGTH + int.from_bytes(head[8:], "little"))
    inflate, made = zlib.decompressobj(-zlib.MAX_WBITS), 0
    packed = stream.read()
    while packed and made <= MOST_INFLATED:
        made += len(inflate.decompress(packed, 1 << 20))
        packed = inflate.unconsumed_tail
    if made > MOST_INFLATED:
        raise FileError(f"it unpacks to more than {MOST_INFLATED} bytes")
    stream.seek(0)
