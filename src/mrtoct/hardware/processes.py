"""Spread jobs over processes that stop when they are told to and leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice, starmap
from multiprocessing.synchronize import Event
from typing import TypeVar

from mrtoct.errors import MrtoctError

T = TypeVar("T")


def processors() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(
    function: Callable[..., T], jobs: Iterable[tuple[object, ...]], workers: int
) -> Iterator[T]:
    """Yield function(*job) for each job as it is done, from a number of single-threaded processes.

    With one worker the jobs are done here, one after the other.
    An exception in a job, or Ctrl-C, ends the jobs that have not begun and is raised here.
    """
    if workers <= 1:
        yield from starmap(function, jobs)
        return
    waiting = iter(jobs)
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(stop,))
    pending: set[Future[T]] = set()
    try:
        with _without_interrupts():
            pending |= {pool.submit(_run, function, job) for job in islice(waiting, workers)}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            pending |= {pool.submit(_run, function, job) for job in islice(waiting, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise MrtoctError(
            "a worker process was killed, often because memory ran out; try again with fewer "
            "workers"
        ) from error
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C for a moment, which a process that is started then inherits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_stop: Event
"""In a worker: set when no further job is to begin."""


def _start(stop: Event) -> None:
    """Prepare a worker: one thread, and deaf to Ctrl-C while it has nothing to tidy up."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read by libraries when they are loaded, which is when the first job comes.
    os.environ |= {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _run(function: Callable[..., T], job: tuple[object, ...]) -> T:
    if _stop.is_set():
        raise KeyboardInterrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return function(*job)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
