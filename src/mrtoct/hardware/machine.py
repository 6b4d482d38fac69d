"""What the machine has: processor, cores, memory, GPUs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import torch

from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.hardware.fact import Fact
from mrtoct.hardware.processes import processors

GIB = 2**30
LEAST_MEMORY = 2 * GIB
"""What translating a whole head takes at most."""


def describe_machine() -> list[Fact]:
    """Return what is known of processor, memory and GPUs."""
    return [_processor(), _cores(), _bfloat16(), _memory(), _gpus()]


def _processor() -> Fact:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = models[0] if models else name
    return Fact("processor", f"{name} ({platform.system()} {platform.machine()})")


def _cores() -> Fact:
    usable = processors()
    threads = torch.get_num_threads()
    value = f"{usable} for this process, {threads} used by torch"
    if threads < usable:
        return Fact(
            "cores", value, slow="torch uses fewer cores than there are: unset OMP_NUM_THREADS"
        )
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.5 * usable:
        busy = f"{os.getloadavg()[0]:.1f} processes are waiting for a core"
        return Fact(
            "cores", value, slow=f"the machine is busy ({busy}): wait, or stop other programs"
        )
    return Fact("cores", value)


def _bfloat16() -> Fact:
    if bfloat16_pays(torch.device("cpu")):
        return Fact("bfloat16", "in the processor's hardware")
    return Fact(
        "bfloat16",
        "not in the processor's hardware",
        slow="networks compute in float32, at half the speed or less: a processor with "
        "AVX512-BF16 or AMX, or a GPU, is faster",
    )


def _memory() -> Fact:
    available = _available_memory()
    if available is None:
        return Fact("memory", "not known on this system")
    value = f"{available / GIB:.1f} GiB free"
    if available < LEAST_MEMORY:
        return Fact(
            "memory",
            value,
            broken="translating a whole head takes up to 2 GiB: close other programs",
        )
    return Fact("memory", value)


def _available_memory() -> int | None:
    """Return the bytes that this process may still take, a container's limit included."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    free = next(
        int(line.split()[1]) * 1024
        for line in meminfo.read_text(encoding="ascii").splitlines()
        if line.startswith("MemAvailable")
    )
    limit, used = (Path(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    try:
        return min(free, int(limit.read_text()) - int(used.read_text()))
    except (OSError, ValueError):  # no control group, or "max": no limit
        return free


def _gpus() -> Fact:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        return Fact("GPU", ", ".join(names))
    if shutil.which("nvidia-smi") and not torch.version.cuda:
        return Fact(
            "GPU",
            "found, but this torch was built without CUDA",
            slow="install a torch with CUDA (docs/gpu.md)",
        )
    if torch.version.cuda and sys.platform != "darwin":
        return Fact("GPU", "none found (torch was built with CUDA)")
    return Fact("GPU", "none")
