"""Which of a training's processes this one is: as torchrun, Slurm or mrtoct itself started it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from lightning_fabric.plugins.environments import SLURMEnvironment
from lightning_fabric.plugins.environments.lightning import find_free_network_port

from mrtoct.errors import ValueRangeError
from mrtoct.hardware.devices import device_named

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


def require_agreement(place: Place, devices: int | None, nodes: int | None) -> None:
    """Raise ValueRangeError where other numbers were asked for than a launcher started."""
    machines = place.size // place.local_size
    for name, wanted, given in (
        ("devices", devices, place.local_size),
        ("nodes", nodes, machines),
    ):
        if wanted is not None and wanted != given:
            raise ValueRangeError(
                f"torchrun or Slurm started {place.local_size} processes on each of {machines} "
                f"machines, but {name} = {wanted} was requested: leave it out, or start as many"
            )


def kind_of(device: str) -> str:
    """Return cpu or cuda, without waking a GPU; ValueRangeError for the name of a single one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda:"):
        raise ValueRangeError(
            f"device {device!r} is a single device, but several processes train together; use cuda "
            "or cpu"
        )
    return device if device == "cuda" else device_named(device).type


def require_gpus(device: str, processes: int) -> None:
    """Raise ValueRangeError where a machine has fewer GPUs than processes are to have one each."""
    there = torch.cuda.device_count()
    if kind_of(device) == "cuda" and there < processes:
        raise ValueRangeError(
            f"{processes} devices were asked for, but this machine shows {there} "
            f"GPU{'' if there == 1 else 's'}: ask for as many, or use the device cpu"
        )


def meeting(machines: int, environment: Mapping[str, str]) -> tuple[str, int]:
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
            f"NODE_RANK, 0 to {machines - 1}, in its environment; torchrun and srun set them"
        )
    return f"tcp://{host}:{environment.get('MASTER_PORT', PORT)}", number
