"""Write to a temporary name, then rename: a file or folder is whole or it is not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mrtoct.errors import FileError


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path with the same ending; on success it becomes path.

    Raises FileError if path exists and overwrite is false, or if the disk refuses. Missing parent
    folders are made.
    """
    with _disk_errors_of(path):
        if path.is_dir():
            raise FileError(f"{path} is a folder; the name of a file is needed")
        require_absent(path, overwrite=overwrite)
        part = _part(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.replace(path)
        except BaseException:
            _remove(part)
            raise


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside path; on success it becomes path, all at once.

    With overwrite, the whole former folder is replaced; the folder the program runs in, the home
    folder and those above them are refused.
    """
    with _disk_errors_of(path):
        target = path.resolve()  # a link to a folder stays, its target is replaced
        _require_folder(path, target, overwrite=overwrite)
        part = _part(target)
        old = part.with_name(f"{part.name}.old")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)  # left by a killed run of the same number
            part.mkdir()
            yield part
            if target.exists():
                target.rename(old)
            part.rename(target)
        except BaseException:
            if old.exists() and not target.exists():
                old.rename(target)
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a text file whole or not at all."""
    with new_file(path, overwrite=overwrite) as part:
        part.write_text(text, encoding="utf-8")


def require_absent(path: Path, *, overwrite: bool) -> None:
    """Raise FileError if something is there and may not be replaced."""
    with _disk_errors_of(path):
        if path.exists() and not overwrite:
            raise FileError(f"{path} exists already", overwrite="to replace it")


def _require_folder(path: Path, target: Path, *, overwrite: bool) -> None:
    for kept in (Path.cwd(), Path.home()):
        if kept.resolve().is_relative_to(target):
            raise FileError(f"{path} holds the current or the home folder and cannot be replaced")
    if target.exists() and not target.is_dir():
        raise FileError(f"{path} is a file; the name of a folder is needed")
    require_absent(target, overwrite=overwrite)


def _part(path: Path) -> Path:
    return path.with_name(f".part-{os.getpid()}-{path.name}")


def _remove(part: Path) -> None:
    # The error that brought us here matters more than one from tidying up.
    with suppress(OSError):
        part.unlink()


@contextmanager
def _disk_errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError as error:
        # From a file inside a folder that is being made: the user knows the folder's own name.
        part = f".part-{os.getpid()}-{path.name}{os.sep}"
        message = error.message.replace(part, f"{path.name}{os.sep}")
        raise FileError(message, **error.ways_out) from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        other = error.filename
        if other is not None and Path(os.fsdecode(other)) != path and ".part-" not in str(other):
            reason += f" ({other})"
        raise FileError(f"cannot write {path}: {reason}") from error
