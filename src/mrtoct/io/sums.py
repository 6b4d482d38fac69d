"""SHA-256 of files: a flipped bit on a disk or on the way is noticed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from mrtoct.errors import FileError
from mrtoct.io.atomic import write_text

SUMS = "SHA256SUMS"
"""A file beside others with a line for each, as sha256sum writes and checks them."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; FileError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error


def write_sums(
    folder: Path, names: Iterable[str] | None = None, *, overwrite: bool = False
) -> None:
    """Write the sums of some files of a folder; without names, of all that are in it."""
    files = [folder / name for name in names] if names is not None else list(folder.iterdir())
    lines = [f"{sha256_of(path)}  {path.name}\n" for path in sorted(files) if path.is_file()]
    write_text(folder / SUMS, "".join(lines), overwrite=overwrite)


def changed_since(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of some files that are not as their folder's sums say; none if it has no sums.

    Raises FileError if the sums themselves are damaged, or a file cannot be read.
    """
    path = folder / SUMS
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read") from error
    found = [re.fullmatch(r"([0-9a-f]{64})  ([^/\\]+)", line) for line in lines]
    if not all(found):
        raise FileError(f"{path} is damaged: each line is a sum and a file's name")
    said = {match[2]: match[1] for match in found if match}
    return [name for name in names if sha256_of(folder / name) != said.get(name)]
