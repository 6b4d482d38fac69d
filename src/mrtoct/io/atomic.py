"""Write to a temporary name, then rename: a file or folder is whole or it is not there.

What a killed process leaves is a temporary name, and the next who writes the same file or folder
takes it away. A name says whose it is: .part-MACHINE-PROCESS-NAME, or .part-former-... of a folder
that is being replaced.
"""

from __future__ import annotations

import ctypes
import glob
import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from mrtoct.errors import FileError

PART = ".part-"
FORMER = f"{PART}former-"


@contextmanager
def new_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path with the same ending; on success it becomes path.

    Raises FileError if path exists and overwrite is false, or if the disk refuses. Missing parent
    folders are made.
    """
    with disk_errors_of(path):
        if path.is_dir():
            raise FileError(f"{path} is a folder; a file name is needed")
        require_absent(path, overwrite=overwrite)
        part = _part(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_overs(path)
            yield part
            require_absent(path, overwrite=overwrite)  # another command may have been quicker
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
    with disk_errors_of(path):
        target = path.resolve()  # a link to a folder stays, its target is replaced
        _require_folder(path, target, overwrite=overwrite)
        part = _part(target)
        old = target.with_name(_own(target.name, FORMER))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_overs(target)
            part.mkdir()
            yield part
            require_absent(target, overwrite=overwrite)  # another command may have been quicker
            if not (target.exists() and _exchanged(part, target)):
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


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, but for what is under way or a killed process left."""
    return all(path.name.startswith(PART) for path in folder.iterdir())


def require_absent(path: Path, *, overwrite: bool) -> None:
    """Raise FileError if something is there and may not be replaced."""
    with disk_errors_of(path):
        if path.exists() and not overwrite:
            raise FileError(f"{path} exists already", overwrite="to replace it")


def _require_folder(path: Path, target: Path, *, overwrite: bool) -> None:
    for kept in (Path.cwd(), Path.home()):
        if kept.resolve().is_relative_to(target):
            raise FileError(f"{path} holds the current or the home folder and cannot be replaced")
    if target.exists() and not target.is_dir():
        raise FileError(f"{path} is a file; a folder name is needed")
    require_absent(target, overwrite=overwrite)


def _part(path: Path) -> Path:
    return path.with_name(_own(path.name))


def _own(name: str, start: str = PART) -> str:
    """Return this process's temporary name for what will be called name."""
    return f"{start}{_machine()}-{os.getpid()}-{name}"


@cache
def _machine() -> str:
    """Return what tells this machine from others that write into a shared folder.

    Containers count their processes each for itself: on Linux the name of the count tells them.
    """
    try:
        count = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        count = ""
    return hashlib.sha256(f"{platform.node()} {count}".encode()).hexdigest()[:6]


def _remove_left_overs(path: Path) -> None:
    """Remove what processes of this machine that are no more left of a file or folder.

    A former folder is put back if the process was killed between two renames.
    """
    own = re.compile(rf"{re.escape(PART)}(former-)?{_machine()}-(\d+)-")
    for left in path.parent.glob(f"{PART}*-{glob.escape(path.name)}"):
        begun = own.match(left.name)
        if not begun or _is_running(begun[2]):
            continue
        # What was made inside a folder that was being made has several such beginnings.
        name = re.sub(rf"^({own.pattern})+", "", left.name)
        if name != path.name:
            continue
        if begun[1] and left.name == begun[0] + name and not path.exists():
            left.rename(path)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            _remove(left)


def _is_running(process: str) -> bool:
    """Tell whether a process of this machine, by its number, is at work, ourselves apart."""
    if process == str(os.getpid()):
        return False
    if os.name != "posix" or not process.isdecimal():
        return True  # nobody knows
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's
    return True


RENAME_EXCHANGE = 2
AT_FDCWD = -100


def _exchanged(part: Path, target: Path) -> bool:
    """Exchange two folders' names in one step, where the system can: no moment is without one."""
    if sys.platform != "linux":
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(part), os.fsencode(target)
    return bool(renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0)


def _remove(part: Path) -> None:
    # The error that brought us here matters more than one from tidying up.
    with suppress(OSError):
        part.unlink()


@contextmanager
def disk_errors_of(path: Path) -> Iterator[None]:
    """Turn what a disk refuses while the context lasts into a FileError that names the path."""
    try:
        yield
    except FileError as error:
        # From a file inside a folder that is being made: the user knows the folder's own name.
        part = f"{_own(path.name)}{os.sep}"
        message = error.message.replace(part, f"{path.name}{os.sep}")
        raise FileError(message, **error.ways_out) from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
        other = error.filename
        if other is not None and Path(os.fsdecode(other)) != path and PART not in str(other):
            reason += f" ({other})"
        raise FileError(f"cannot write {path}: {reason}") from error
