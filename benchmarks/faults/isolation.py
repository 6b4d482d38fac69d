"""Cases in a process of their own, within bounds: whatever ends it is told with the case's number.

A worker is forked from a parent that has imported everything, so a new one takes milliseconds. It
runs cases one after the other; the first fault ends it, and the next worker goes on behind it.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import logging
import mmap
import os
import resource
import signal
import struct
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mrtoct.errors import MrtoctError

SECONDS = 5.0
"""Of the processor, for a case."""
STUCK_SECONDS = 300.0
"""Without an end of a case, processor or not."""
MEMORY = 1 << 30
"""Bytes of address space beyond what the worker begins with."""


@dataclass(frozen=True)
class Fault:
    """A case that ended otherwise than in a value or an error of ours."""

    number: int
    kind: str
    """The exception's class, or the signal that ended the process."""
    where: str
    """The innermost place, as far as known."""
    said: str


@dataclass(frozen=True)
class Outcome:
    """What became of some cases."""

    cases: int
    refused: int
    read: int
    faults: tuple[Fault, ...]
    peak_mb: float
    """The worker's largest resident size beyond its first, in 10^6 bytes."""


Case = Callable[[int], None]
"""Runs one case; returns if its input was read, raises MrtoctError if it was refused."""


def run_cases(case: Case, first: int, count: int, scratch: Path, most_faults: int = 50) -> Outcome:
    """Run cases first to first + count - 1, whatever happens to the process."""
    refused = read = done = 0
    peak = 0.0
    faults: list[Fault] = []
    while done < count and len(faults) < most_faults:
        part, grown = _in_a_worker(case, first + done, count - done, scratch)
        done, refused, read = done + part.cases, refused + part.refused, read + part.read
        faults += part.faults
        peak = max(peak, grown)
    return Outcome(done, refused, read, tuple(faults), peak)


def _in_a_worker(case: Case, first: int, count: int, scratch: Path) -> tuple[Outcome, float]:
    shared = mmap.mmap(-1, 32)  # refused, read, and the worker's memory before and after
    told, trace = scratch / "fault.json", scratch / "trace.txt"
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            _work(case, first, count, shared, told, trace)
        finally:
            os._exit(0)
    status = _wait(child, shared)
    refused, read, before, after = struct.unpack("4q", shared[:])
    cases, grown = refused + read, max(after - before, 0) / 1e6
    if told.exists():
        fault = Fault(first + cases, **json.loads(told.read_text(encoding="utf-8")))
    elif os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        slow = f"more than {SECONDS:g} s" if name == "SIGPROF" else name
        lines = trace.read_text(errors="replace").splitlines() if trace.exists() else []
        inner = [line.strip() for line in lines if line.strip().startswith("File")]
        fault = Fault(first + cases, slow, inner[0] if inner else "", "\n".join(inner[:12]))
    elif cases < count:
        fault = Fault(first + cases, "end of the process", "", "")
    else:
        return Outcome(cases, refused, read, (), grown), grown
    return Outcome(cases + 1, refused, read, (fault,), grown), grown


def _wait(child: int, shared: mmap.mmap) -> int:
    """Wait for a worker, and kill one that makes no progress."""
    last, since = b"", time.monotonic()
    pause = 0.002
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if shared[:16] != last:
            last, since = shared[:16], time.monotonic()
        elif time.monotonic() - since > STUCK_SECONDS:
            os.kill(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(2 * pause, 0.2)


def _work(case: Case, first: int, count: int, shared: mmap.mmap, told: Path, trace: Path) -> None:
    gc.freeze()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    stream = trace.open("w")
    faulthandler.enable(stream)
    faulthandler.register(signal.SIGPROF, stream, chain=True)
    begun = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (begun + MEMORY, begun + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    refused = read = 0
    before = resident()
    for number in range(first, first + count):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            case(number)
            read += 1
        except MrtoctError:
            refused += 1
        except BaseException as error:  # whatever it is, it is told and the process ends
            _tell(error, told)
            return
        shared[:] = struct.pack("4q", refused, read, before, _peak())


def _tell(error: BaseException, told: Path) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"{os.sep}mrtoct{os.sep}" in f.filename] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno} {ours[-1].name}" if ours else ""
    said = "".join(traceback.format_exception(error))[-4000:]
    told.write_text(json.dumps({"kind": type(error).__name__, "where": where, "said": said}))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def resident() -> int:
    """Return this process's resident bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
