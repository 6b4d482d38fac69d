"""Start the processes that train one network together, or join those of torchrun or Slurm.

They meet by torch.distributed: over NCCL where networks are on GPUs, over gloo on CPUs. Who started
them waits for them, passes on how far they are, and says what ended them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from mrtoct.errors import MrtoctError, ValueRangeError
from mrtoct.hardware.devices import device_named
from mrtoct.hardware.processes import processors
from mrtoct.hardware.progress import Update, nobody
from mrtoct.training.place import (
    Place,
    kind_of,
    meeting,
    place_given,
    require_agreement,
    require_gpus,
)
from mrtoct.training.ranks import LostTouchError, require_shares
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import Session

Work = Callable[..., Path]
"""A training, called with its arguments and a session; returns the folder of the best bundle."""
PATIENCE = timedelta(minutes=30)
"""How long a process waits for another before it takes it for lost."""
GRACE = 15.0
"""Seconds in which the others may say what they know, once one has ended before its time."""


def train_together(
    work: Work,
    arguments: Mapping[str, Any],
    recipe: Recipe,
    session: Session,
    devices: int | None,
    nodes: int | None,
) -> Path:
    """Do a training in this process, in several of this machine, or as one of a launcher's.

    devices and nodes are the processes on each machine and the machines; None: as torchrun or Slurm
    says, else 1.
    """
    for name, count in (("devices", devices), ("nodes", nodes)):
        if count is not None and count < 1:
            raise ValueRangeError(f"{name} must be at least 1, got {count}")
    place = place_given(os.environ)
    if place is not None:
        require_agreement(place, devices, nodes)
        require_shares(recipe.name, recipe.training.batch, place.size)
        return _as_member(place, work, arguments, session)
    here, machines = devices or 1, nodes or 1
    if here * machines == 1:
        return work(**arguments, session=session)
    require_shares(recipe.name, recipe.training.batch, here * machines)
    require_gpus(session.device, here)
    meet, machine = meeting(machines, os.environ)
    places = [Place(machine * here + n, machines * here, n, here, meet) for n in range(here)]
    return _started(places, work, arguments, session)


def _as_member(place: Place, work: Work, arguments: Mapping[str, Any], session: Session) -> Path:
    """Do a training as one process of several."""
    with _joined(place, session.device) as device:
        watcher = session.watcher if place.rank == 0 else nobody
        return work(**arguments, session=replace(session, device=device, watcher=watcher))


@contextmanager
def _joined(place: Place, device: str) -> Iterator[str]:
    """Belong to the group of processes within; gives the name of this one's own device."""
    kind = kind_of(device)
    if kind == "cuda":
        # Where Slurm shows each process one GPU of its own, that is the first.
        index = place.local_rank % max(1, torch.cuda.device_count())
        device = str(device_named(f"cuda:{index}"))
        torch.cuda.set_device(index)
    if dist.is_initialized():  # by the script that calls us, which ends it, too
        yield device
        return
    try:
        dist.init_process_group(
            "nccl" if kind == "cuda" else "gloo",
            init_method=place.meet,
            rank=place.rank,
            world_size=place.size,
            timeout=PATIENCE,
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise LostTouchError(
            f"process {place.rank} of {place.size} of this training could not connect to the "
            f"others ({' '.join(str(error).split())[:200]}): are all running, and can they reach "
            "the first?"
        ) from error
    lost = False
    try:
        yield device
    except LostTouchError:
        lost = True  # what is left of the group could wait for the others for ever
        raise
    finally:
        if not lost:
            dist.destroy_process_group()


def _started(
    places: list[Place], work: Work, arguments: Mapping[str, Any], session: Session
) -> Path:
    """Start processes, pass on what the first tells, and return what it returns.

    Raises what went wrong in one of them, or who was killed; the others are ended then.
    """
    context = get_context("spawn")  # not forked: torch's threads do not survive a fork
    pipes = [context.Pipe(duplex=False) for _ in places]
    quiet = replace(session, watcher=nobody)
    processes: list[BaseProcess] = [
        context.Process(target=_member, args=(place, end, work, dict(arguments), quiet))
        for place, (_, end) in zip(places, pipes, strict=True)
    ]
    try:
        with _threads(max(1, processors() // len(places))):
            for process in processes:
                process.start()
        for _, end in pipes:
            end.close()  # a process's is then the only one: when it dies, its pipe ends
        return _followed(places, processes, [here for here, _ in pipes], session)
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
        for process in processes:
            if process.pid is not None:
                process.join()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let processes that are started within share the cores; a number given already stays."""
    given = "OMP_NUM_THREADS" in os.environ  # read by a process's libraries when they load
    if not given:
        os.environ["OMP_NUM_THREADS"] = str(count)
    try:
        yield
    finally:
        if not given:
            del os.environ["OMP_NUM_THREADS"]


def _followed(
    places: list[Place], processes: list[BaseProcess], pipes: list[Connection], session: Session
) -> Path:
    """Hear processes until all have ended; return the first one's result, or raise what was wrong.

    Which one ended first tells what happened: the others only lose touch with it.
    """
    heard: dict[int, Path | Exception] = {}
    killed: dict[int, int] = {}
    running = dict(zip(pipes, range(len(pipes)), strict=True))
    until: float | None = None
    while running and (until is None or time.monotonic() < until):
        rest = None if until is None else max(0.0, until - time.monotonic())
        for pipe in wait([*running], rest):
            assert isinstance(pipe, Connection)
            number = running[pipe]
            try:
                said = pipe.recv()
            except (EOFError, OSError):
                del running[pipe]
                processes[number].join()
                code = processes[number].exitcode or 0
                if code < 0:
                    killed.setdefault(number, -code)
            else:
                if isinstance(said, Update):
                    session.watcher(said)
                else:
                    heard[number] = said
            ended = set(range(len(pipes))) - set(running.values())
            if until is None and any(not isinstance(heard.get(n), Path) for n in ended):
                until = time.monotonic() + GRACE
    return _outcome(places, heard, killed)


def _outcome(
    places: list[Place], heard: dict[int, Path | Exception], killed: dict[int, int]
) -> Path:
    if killed:
        number, by = next(iter(killed.items()))
        why = ", often because memory ran out" if by == signal.SIGKILL else ""
        raise MrtoctError(
            f"process {places[number].rank} of {places[number].size} of this training was killed "
            f"({signal.Signals(by).name}){why}; the last checkpoint is kept",
            resume="to continue from there",
        )
    errors = [said for said in heard.values() if isinstance(said, Exception)]
    for error in sorted(errors, key=lambda error: isinstance(error, LostTouchError)):
        raise error
    results = [said for said in heard.values() if isinstance(said, Path)]
    if len(results) < len(places):
        raise MrtoctError(
            f"{len(places) - len(results)} of {len(places)} processes of this training ended "
            "without a message; a script that starts processes must do so below if __name__ == "
            "'__main__'"
        )
    return results[0]


def _member(
    place: Place, pipe: Connection, work: Work, arguments: dict[str, Any], session: Session
) -> None:
    """Be one of several processes, and tell the one that started it what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it, too

    def watcher(update: Update) -> None:
        try:
            pipe.send(update)
        except OSError:
            os._exit(1)  # who started it was killed, and could not end it

    said: Path | Exception
    try:
        said = _as_member(place, work, arguments, replace(session, watcher=watcher))
    except (MrtoctError, OSError) as error:
        said = error
    except Exception as error:  # a fault of ours: where it happened is worth knowing
        traceback.print_exc()
        said = MrtoctError(f"process {place.rank}: {type(error).__name__}: {error}")
    pipe.send(said)
    pipe.close()
    sys.stdout.flush()
