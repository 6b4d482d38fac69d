"""Scans for a training, made in worker processes while the network learns from others.

The scan of a step is decided by the step's number alone, so a training that goes on after a stop
is shown what it would have been shown.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from mrtoct.errors import MrtoctError
from mrtoct.hardware.share import Share, all_of
from mrtoct.simulation.scan import Scan, ScanSettings, draw_scan
from mrtoct.simulation.sources import AnatomyShelf, Source

OF_ONE_HEAD = 4
"""Scans of each head: reading a head takes longer than scanning a part of it."""
HEADS_IN_TURN = 2
"""So that what a step learns is never of one head alone."""
AHEAD = 8
"""Scans that each worker has ready at most."""


@dataclass(frozen=True)
class StreamSettings:
    """Which scans there are."""

    size: tuple[int, int, int]
    """Voxels of a scan, a part of a head."""
    variants: int
    """Heads drawn from each label map."""
    ct_share: float
    """Part of the scans that are of real CT heads, where there are some."""
    scan: ScanSettings
    seed: int


def scan_of_step(
    step: int, shelf: AnatomyShelf, sources: Sequence[Source], settings: StreamSettings
) -> Scan:
    """Return the scan of a step, whoever asks."""
    pair = step // (OF_ONE_HEAD * HEADS_IN_TURN)
    rng = np.random.default_rng([settings.seed, pair, step % HEADS_IN_TURN])
    real = [source for source in sources if source.has_ct]
    drawn = [source for source in sources if not source.has_ct]
    from_real = bool(real) and (not drawn or rng.uniform() < settings.ct_share)
    group = real if from_real else drawn
    source = group[int(rng.integers(len(group)))]
    # There are few real CTs: each gives as many heads as four label maps.
    number = int(rng.integers(settings.variants * (4 if from_real else 1)))
    anatomy = shelf.anatomy(source, number)
    return draw_scan(anatomy, [settings.seed, step, 1], settings.scan, size=settings.size)


@contextmanager
def scans(
    first: int,
    shelf: AnatomyShelf,
    sources: Sequence[Source],
    settings: StreamSettings,
    *,
    workers: int,
    share: Share = all_of(1),
) -> Iterator[Iterator[Scan]]:
    """Give the scans from a first one on, in order, while the context lasts.

    share is of every batch of scans what is wanted; first counts those alone.

    Raises MrtoctError if a worker ends before its time, and what a worker raised.
    """
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work,
            args=(end, first + n, workers, share, shelf, list(sources), settings),
            daemon=True,
        )
        for n, (_, end) in enumerate(pipes)
    ]
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by a worker's libraries when they load
    for process in processes:
        process.start()
    for _, end in pipes:
        end.close()  # a worker's is then the only one: when it dies, its pipe ends
    if before is None:
        del os.environ["OMP_NUM_THREADS"]
    else:
        os.environ["OMP_NUM_THREADS"] = before
    try:
        yield _in_turn([here for here, _ in pipes])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _in_turn(pipes: Sequence[Connection]) -> Iterator[Scan]:
    while True:
        for pipe in pipes:
            try:
                scan = pipe.recv()
            except (EOFError, OSError):
                raise MrtoctError(
                    "a process that simulates scans was killed, often because memory ran out; "
                    "resume the training"
                ) from None
            if isinstance(scan, Exception):
                raise scan
            yield scan


def _work(
    pipe: Connection,
    first: int,
    every: int,
    share: Share,
    shelf: AnatomyShelf,
    sources: list[Source],
    settings: StreamSettings,
) -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training ends its workers itself
    torch.set_num_threads(1)
    made: queue.Queue[Scan | Exception] = queue.Queue(AHEAD)
    sender = threading.Thread(target=_send, args=(made, pipe), daemon=True)
    sender.start()
    position = first
    try:
        while True:
            batch, place = divmod(position, share.count)
            step = batch * share.whole + share.first + place
            made.put(scan_of_step(step, shelf, sources, settings))
            position += every
    except Exception as error:  # raised where the scans are wanted
        made.put(error)
        sender.join()


def _send(made: queue.Queue[Scan | Exception], pipe: Connection) -> None:
    while True:
        what = made.get()
        try:
            pipe.send(what)
        except OSError:
            os._exit(1)  # the training was killed, and could not end its workers
        if isinstance(what, Exception):
            return
