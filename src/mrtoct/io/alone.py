"""One process at a time in a folder: two that write the same files make a mixture of both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mrtoct.errors import FileError
from mrtoct.io.atomic import PART, disk_errors_of

LOCK = f"{PART}lock"


@contextmanager
def alone_in(folder: Path, work: str) -> Iterator[None]:
    """Keep other processes that ask for it out of a folder while the context lasts.

    The folder is made where there is none, and goes again if it is empty at the end. work says in
    the message what such a process does, as "training". A process that is killed keeps nobody out.
    Raises FileError if another is in it.
    """
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file; name a folder")
    made = not folder.exists()
    lock = FileLock(folder / LOCK, timeout=0)
    with disk_errors_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise FileError(
                f"another {work} is running in {folder}; wait for it to finish, or name another "
                "folder"
            ) from error
    try:
        yield
    finally:
        (folder / LOCK).unlink(missing_ok=True)
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()
