"""Work in a process that is forked from this one, which has imported everything."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from mrtoct.errors import MrtoctError

LONGEST = 600.0
"""Seconds after which work that nobody kills is said to hang."""
REFUSED = 3
"""Exit status of work that ended in one of mrtoct's own errors."""


def start(work: Callable[[], None], log: Path) -> int:
    """Begin some work in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with log.open("w") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        work()
        _modules(log).write_text("\n".join(sys.modules))
        status = 0
    except MrtoctError as error:
        log.write_text(f"{type(error).__name__}: {error}")
        status = REFUSED
    except BaseException:
        log.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def import_what_it_imported(log: Path) -> None:
    """Import what work that ended well had to import, so that the next need not."""
    for module in _modules(log).read_text().split():
        with suppress(Exception):
            import_module(module)


def _modules(log: Path) -> Path:
    return log.with_suffix(".modules")


def ending(child: int, log: Path) -> tuple[int, str]:
    """Wait for work to end; return 0, or REFUSED or another number with what was said."""
    end = time.monotonic() + LONGEST
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 1, f"it hangs: no end after {LONGEST:g} s"
        time.sleep(0.005)
    if os.WIFSIGNALED(status):
        return 1, signal.Signals(os.WTERMSIG(status)).name
    code = os.waitstatus_to_exitcode(status)
    return code, log.read_text(errors="replace")[-3000:] if code else ""


def run(work: Callable[[], None], log: Path) -> tuple[int, str]:
    """Do some work in a process of its own; return how it ended."""
    return ending(start(work, log), log)
