"""Jobs for the workers of a cluster, which import them from here."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def squared(folder: Path, n: int) -> int:
    """Note that the job was begun; the first to be number 2 is killed in the middle of it."""
    with (folder / "begun").open("a") as stream:
        stream.write(f"{n}\n")
    if n == 2 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


def killed(n: int) -> int:
    """End the worker, whichever takes it."""
    os.kill(os.getpid(), signal.SIGKILL)
    return n
