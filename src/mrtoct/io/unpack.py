"""Bytes that may be packed by UNIX compress or by gzip: the first two say which, names do not."""

from __future__ import annotations

import io
import sys
import zlib

import ncompress  # type: ignore[import-untyped]

from mrtoct.errors import FileError

COMPRESS_MAGIC = b"\x1f\x9d"
GZIP_MAGIC = b"\x1f\x8b"


def unpack(stored: bytes, most: int) -> bytes:
    """Return what compress or gzip packed, or the bytes themselves if neither did.

    Raises FileError if they are damaged or hold more than `most` bytes, before much more are made.
    """
    if stored.startswith(COMPRESS_MAGIC):
        out = io.BytesIO()
        try:
            ncompress.decompress(_UntilFull(stored, out, most), out)
        except ValueError as error:
            raise FileError("its compressed (.Z) bytes are damaged") from error
        if out.tell() > most:
            raise FileError(f"it unpacks to more than {most} bytes")
        return out.getvalue()
    if stored.startswith(GZIP_MAGIC):
        inflate = zlib.decompressobj(wbits=31)
        try:
            unpacked = inflate.decompress(stored, min(most + 1, sys.maxsize))
        except zlib.error as error:
            raise FileError(f"its gzip bytes are damaged ({error})") from error
        if len(unpacked) > most:
            raise FileError(f"it unpacks to more than {most} bytes")
        if not inflate.eof:
            raise FileError("its gzip bytes are truncated")
        return unpacked
    return stored


def pack(content: bytes) -> bytes:
    """Return the bytes as UNIX compress packs them."""
    packed: bytes = ncompress.compress(content)
    return packed


class _UntilFull(io.BytesIO):
    """Packed bytes that seem to end when enough was made of them.

    The limit is kept here because ncompress ends the whole process if its last write raises.
    """

    def __init__(self, packed: bytes, made: io.BytesIO, most: int) -> None:
        super().__init__(packed)
        self.made = made
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return b"" if self.made.tell() > self.most else super().read(size)
