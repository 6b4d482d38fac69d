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
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import SLURMEnvironment
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from mrtoct.errors import MrtoctError, ValueRangeError
from mrtoct.hardware.devices import device_named
from mrtoct.hardware.processes import processors
from mrtoct.hardware.progress import Update, nobody
from mrtoct.training.ranks import LostTouchError, in_touch, require_shares
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import Session

Work = Callable[..., Path]
"""A training, called with its arguments and a session; returns the folder of the best bundle."""
PATIENCE = timedelta(minutes=30)
"""How long a process waits for another before it takes it for lost."""
GRACE = 15.0
"""Seconds in which the others may say what they know, once one has ended before its time."""
PORT = 29500
"""Where the processes of several machines meet, unless MASTER_PORT says another."""
BY_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """Which of the processes of a training one is, and where they meet."""

    rank: int
    size: int
    local_rank: int
    """Of those on its machine: which GPU it takes."""
    local_size: int
    meet: str
    """As torch.distributed takes it: env:// or tcp://HOST:PORT."""


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
        _require_agreement(place, devices, nodes)
        require_shares(recipe.name, recipe.training.batch, place.size)
        return _as_member(place, work, arguments, session)
    here, machines = devices or 1, nodes or 1
    if here * machines == 1:
        return work(**arguments, session=session)
    require_shares(recipe.name, recipe.training.batch, here * machines)
    _require_gpus(session.device, here)
    meet, machine = _meeting(machines, os.environ)
    places = [Place(machine * here + n, machines * here, n, here, meet) for n in range(here)]
    return _started(places, work, arguments, session)


def place_given(environment: Mapping[str, str]) -> Place | None:
    """Return the place that torchrun or srun gave this process; None where neither started several.

    Of Slurm only what srun sets counts: the script of a batch job is one process, whatever its job
    may start.
    """
    if all(name in environment for name in BY_TORCHRUN):
        size = int(environment["WORLD_SIZE"])
        local = int(environment.get("LOCAL_WORLD_SIZE", size))
        rank, local_rank = int(environment["RANK"]), int(environment["LOCAL_RANK"])
        return Place(rank, size, local_rank, local, "env://") if size > 1 else None
    size = int(environment.get("SLURM_STEP_NUM_TASKS", "1"))
    if size == 1:
        return None
    machines = int(environment.get("SLURM_STEP_NUM_NODES", "1"))
    hosts = environment.get("SLURM_STEP_NODELIST", "127.0.0.1")
    host = environment.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(hosts)
    # Two jobs on one machine must not meet: the port comes from the job's number.
    number = int(environment.get("SLURM_JOB_ID", "0"))
    port = environment.get("MASTER_PORT") or 15000 + number % 10000
    return Place(
        int(environment["SLURM_PROCID"]),
        size,
        int(environment["SLURM_LOCALID"]),
        size // machines,
        f"tcp://{host}:{port}",
    )


def leads_here() -> bool:
    """Tell whether this process is to speak: the first of a launcher's, or the only one."""
    place = place_given(os.environ)
    return place is None or place.rank == 0


def _require_agreement(place: Place, devices: int | None, nodes: int | None) -> None:
    machines = place.size // place.local_size
    for name, wanted, given in (
        ("devices", devices, place.local_size),
        ("nodes", nodes, machines),
    ):
        if wanted is not None and wanted != given:
            raise ValueRangeError(
                f"torchrun or Slurm started {place.local_size} processes on each of {machines} "
                f"machines, but {name} = {wanted} was asked for: leave it out, or start as many"
            )


def _require_gpus(device: str, processes: int) -> None:
    kind = device_named(device)
    if kind.index is not None and processes > 1:
        raise ValueRangeError(
            f"device {device!r} is one, but {processes} processes were asked for; name cuda or cpu"
        )
    if kind.type == "cuda" and torch.cuda.device_count() < processes:
        raise ValueRangeError(
            f"{processes} devices were asked for, but this machine shows "
            f"{torch.cuda.device_count()} GPU(s): ask for as many, or name the device cpu"
        )


def _meeting(machines: int, environment: Mapping[str, str]) -> tuple[str, int]:
    """Return where the processes meet and which of the machines this one is."""
    if machines == 1:
        return f"tcp://127.0.0.1:{find_free_network_port()}", 0
    try:
        host, number = environment["MASTER_ADDR"], int(environment["NODE_RANK"])
    except (KeyError, ValueError):
        number = -1
    if not 0 <= number < machines:
        raise ValueRangeError(
            f"for {machines} machines each needs MASTER_ADDR, the name of the first one, and "
            f"NODE_RANK, 0 to {machines - 1}, in its environment; torchrun and srun set what is "
            "needed themselves"
        )
    return f"tcp://{host}:{environment.get('MASTER_PORT', PORT)}", number


def _as_member(place: Place, work: Work, arguments: Mapping[str, Any], session: Session) -> Path:
    """Do a training as one process of several."""
    with _joined(place, session.device) as device:
        watcher = session.watcher if place.rank == 0 else nobody
        return work(**arguments, session=replace(session, device=device, watcher=watcher))


@contextmanager
def _joined(place: Place, device: str) -> Iterator[str]:
    """Belong to the group of processes within; gives the name of this one's own device."""
    kind = device_named(device).type
    if kind == "cuda":
        # Where Slurm shows each process one GPU of its own, that is the first.
        index = place.local_rank % torch.cuda.device_count()
        torch.cuda.set_device(index)
        device = f"cuda:{index}"
    with in_touch():
        dist.init_process_group(
            "nccl" if kind == "cuda" else "gloo",
            init_method=place.meet,
            rank=place.rank,
            world_size=place.size,
            timeout=PATIENCE,
        )
    try:
        yield device
    finally:
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
        why = ", often for want of memory" if by == signal.SIGKILL else ""
        raise MrtoctError(
            f"process {places[number].rank} of {places[number].size} of this training was ended "
            f"from outside ({signal.Signals(by).name}){why}; what was learnt up to the last "
            "checkpoint is kept",
            resume="to go on from there",
        )
    errors = [said for said in heard.values() if isinstance(said, Exception)]
    for error in sorted(errors, key=lambda error: isinstance(error, LostTouchError)):
        raise error
    results = [said for said in heard.values() if isinstance(said, Path)]
    if len(results) < len(places):
        raise MrtoctError(
            f"{len(places) - len(results)} of {len(places)} processes of this training ended "
            "before they could say why; a script that starts some must do so below if __name__ == "
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
