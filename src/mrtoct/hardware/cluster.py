"""Spread jobs over the machines of a Dask cluster, an extra: pip install 'mrtoct[cluster]'.

A job is sent as its arguments, paths above all, so the files must lie where every machine sees them
under the same path. What a worker that died was at is done again elsewhere, and nothing else.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, TypeVar

from mrtoct.errors import FileError, MrtoctError, ValueRangeError
from mrtoct.hardware.processes import in_processes

T = TypeVar("T")

REACHED = 20.0
"""Seconds in which a scheduler must answer."""
STAFFED = 120.0
"""Seconds in which a cluster without any worker must get one."""
SAME = ("mrtoct", "numpy", "scipy", "simpleitk", "torch", "distributed")
"""Packages, beside Python itself, on which results or their transport depend."""

_one_at_a_time = threading.Lock()
"""In a worker: a job takes all of its threads, and memory for one head."""


def spread(
    function: Callable[..., T],
    jobs: Iterable[tuple[object, ...]],
    workers: int,
    scheduler: str | None = None,
) -> Iterator[T]:
    """Yield function(*job) for each job as it is done: by processes here, or by a Dask cluster.

    scheduler is a cluster's address, such as tcp://host:8786; workers then counts for nothing.
    """
    if scheduler is None:
        return in_processes(function, jobs, workers)
    return _on_cluster(function, jobs, scheduler)


def _on_cluster(
    function: Callable[..., T], jobs: Iterable[tuple[object, ...]], scheduler: str
) -> Iterator[T]:
    """Yield what workers made of jobs, of which each has one at hand and one that waits."""
    try:
        from distributed import Future, KilledWorker, wait
    except ImportError:
        raise FileError(
            "work on a cluster needs distributed, which is not installed: pip install "
            "'mrtoct[cluster]'"
        ) from None
    waiting = iter(jobs)
    pending: set[Future] = set()
    expected = versions()
    with _client(scheduler) as client:
        try:
            while True:
                room = 2 * _staff(client, scheduler) - len(pending)
                for job in islice(waiting, max(0, room)):
                    # pure=False: a job is done whenever it is asked for, never remembered.
                    pending.add(client.submit(_do, expected, function, job, pure=False))
                if not pending:
                    return
                try:
                    with client.as_current():
                        wait(pending, timeout=5, return_when="FIRST_COMPLETED")
                except TimeoutError:
                    continue  # to see whether there are workers still
                done = {future for future in pending if future.done()}
                pending -= done
                results = []
                for future in done:
                    results.append(future.result())
                    future.release()  # or it is made again if its worker dies later
                # None is handed on before all are fetched: what is not is lost with its worker.
                yield from results
        except KilledWorker as error:
            raise MrtoctError(
                f"a job ended {error.allowed_failures + 1} workers of the cluster at {scheduler} "
                "in turn, often because memory ran out; give workers more, and run the command "
                "again"
            ) from error
        except ModuleNotFoundError as error:
            raise MrtoctError(
                f"a worker of the cluster at {scheduler} has no {error.name}: install the same "
                "mrtoct there as here"
            ) from error
        finally:
            # Those that have not begun are dropped; those that have end by themselves.
            if pending and client.status == "running":
                client.cancel([*pending], force=True)


@contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    """Be connected with a scheduler within; what goes wrong with it becomes a sentence."""
    from concurrent.futures import CancelledError

    import dask
    from distributed import Client
    from distributed.comm import CommClosedError

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # we say it in a sentence
    # Volumes are sent with some jobs; dask would advise against it at 10 MB.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "4GiB"}):
        try:
            client = Client(scheduler, timeout=REACHED, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise MrtoctError(
                f"no Dask scheduler answers at {scheduler}: start one with 'dask scheduler', and "
                "give the address that it prints, such as tcp://host:8786"
            ) from error
        except (ValueError, TypeError, KeyError) as error:
            raise ValueRangeError(
                f"{scheduler!r} is not the address of a Dask scheduler, such as tcp://host:8786"
            ) from error
        try:
            yield client
        except (CancelledError, CommClosedError) as error:
            raise _gone(scheduler) from error
        finally:
            client.close(timeout=5)


def _staff(client: Any, scheduler: str) -> int:
    """Return how many workers there are, once there is one; MrtoctError where none comes."""
    until = time.monotonic() + STAFFED
    while True:
        try:
            count = len(client.scheduler_info()["workers"])
        except (OSError, ValueError, RuntimeError, TimeoutError) as error:
            raise _gone(scheduler) from error
        if count:
            return count
        if time.monotonic() > until:
            raise MrtoctError(
                f"the Dask cluster at {scheduler} has had no worker for {STAFFED:.0f} s: start "
                f"some with 'dask worker {scheduler}'"
            )
        time.sleep(0.5)


def _gone(scheduler: str) -> MrtoctError:
    return MrtoctError(
        f"the Dask scheduler at {scheduler} is gone; finished work is kept: start it, and run the "
        "command again"
    )


def versions() -> dict[str, str]:
    """Return what must be the same on all machines, with its version here."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in SAME:
        try:
            found[name] = version(name).partition("+")[0]  # a build for GPUs is the same version
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _do(expected: dict[str, str], function: Callable[..., T], job: tuple[object, ...]) -> T:
    """Do a job in a worker, with as many threads as the worker has."""
    from distributed import get_worker

    worker = get_worker()
    here = versions()
    others = [f"{name} {here[name]}" for name in expected if here[name] != expected[name]]
    if others:
        wanted = ", ".join(f"{n} {v}" for n, v in expected.items() if here[n] != v)
        raise MrtoctError(
            f"the worker {worker.address} has {', '.join(others)}, but {wanted} is here: install "
            "the same versions on all machines"
        )
    with _one_at_a_time:
        _take_threads(worker.state.nthreads)
        return function(*job)


def _take_threads(count: int) -> None:
    """Let libraries compute with some threads, also those that are not loaded yet."""
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(count)
    if "SimpleITK" in sys.modules:
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
