"""Take files out of an archive from the network, which may be damaged or meant to do harm."""

from __future__ import annotations

import gzip
import io
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mrtoct.errors import FileError
from mrtoct.io.unpack import COMPRESS_MAGIC, GZIP_MAGIC, unpack


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to. RIRE's largest are below 60 MB, in a handful of files."""

    bytes: int = 256 << 20
    """Of the whole archive, headers included."""
    files: int = 100


def extract(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Extract an archive's files into an empty folder; the folders all of them share are left out.

    The archive is read to its end and judged before anything is written. Only plain files and
    folders are taken, with this user's usual permissions. Raises FileError if the archive is
    damaged, names a path outside, holds links or devices, or unpacks to more than the limits.
    """
    limits = limits or Limits()
    try:
        with _opened(archive, limits) as tar:
            names = _checked_names(tar, limits)
        shared = posixpath.commonpath([str(name.parent) for name in names.values()])
        with _opened(archive, limits) as tar:
            for member in tar:
                if not member.isreg():
                    continue
                source = tar.extractfile(member)
                assert source is not None  # it is a plain file
                target = folder / names[member.name].relative_to(shared or ".")
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
    except FileError as error:
        raise FileError(f"{archive.name}: {error}") from error
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise FileError(f"{archive.name} is damaged: {error}") from error


def _checked_names(tar: tarfile.TarFile, limits: Limits) -> dict[str, PurePosixPath]:
    """Return the safe path of each plain file by its name in the archive."""
    names: dict[str, PurePosixPath] = {}
    taken = 0
    for count, member in enumerate(tar, start=1):
        if count > 2 * limits.files:  # with their folders
            raise FileError(f"it holds more than {limits.files} files")
        name = PurePosixPath(member.name)
        if (
            not name.parts
            or name.is_absolute()
            or ".." in name.parts
            or set(member.name) & set("\\:\0\n")
        ):
            raise FileError(
                f"it contains {member.name!r}, outside its folder; nothing was extracted"
            )
        if member.isdir():
            continue
        if not member.isreg():
            raise FileError(
                f"{member.name!r} in it is a link or a device; only plain files are allowed, "
                "nothing was extracted"
            )
        taken += 1
        names[member.name] = name
    folded = {str(name).casefold() for name in names.values()}
    if not names:
        raise FileError("it holds no file")
    if len(names) > limits.files:
        raise FileError(f"it holds more than {limits.files} files")
    folders = {str(p).casefold() for name in names.values() for p in name.parents}
    if len(folded) < taken or folded & folders:
        raise FileError("two of its files would have one name")
    return names


@contextmanager
def _opened(archive: Path, limits: Limits) -> Iterator[tarfile.TarFile]:
    """Open a tar packed by gzip or compress; at the end, read on to the last checksum."""
    with archive.open("rb") as packed:
        magic = packed.read(2)
        packed.seek(0)
        if magic not in (GZIP_MAGIC, COMPRESS_MAGIC):
            raise FileError("it is compressed neither by gzip nor by compress")
        counted = _Counted(
            gzip.GzipFile(fileobj=packed)
            if magic == GZIP_MAGIC
            else io.BytesIO(unpack(packed.read(), limits.bytes)),
            limits.bytes,
        )
        with tarfile.open(fileobj=counted, mode="r|") as tar:
            yield tar
            while counted.read(1 << 20):
                pass


class _Counted(io.BufferedIOBase):
    """A stream that refuses to give more bytes than it was told to."""

    def __init__(self, stream: io.BufferedIOBase, most: int) -> None:
        self.stream = stream
        self.most = self.left = most

    def read(self, size: int | None = -1, /) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise FileError(
                f"it unpacks to more than {self.most >> 20} MiB, the limit; nothing was extracted"
            )
        return content
