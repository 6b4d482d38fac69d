"""The last state of a training on disk: enough to go on as if it had never stopped.

    RUN/last/                        a bundle, usable like any other
    RUN/last/networks.safetensors    the networks that the bundle does not hold
    RUN/last/optimizer.safetensors   Adam's moments
    RUN/last/progress.json           step, seconds, best figure so far

Random numbers need no state: step n draws the same ones whenever it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from mrtoct.errors import BundleError
from mrtoct.io.atomic import new_folder
from mrtoct.io.records import Record, read_record, write_record
from mrtoct.translation.bundle import Bundle, read_bundle, write_bundle

NETWORKS = "networks.safetensors"
OPTIMIZER = "optimizer.safetensors"


@dataclass(frozen=True)
class Progress(Record):
    """How far a training is."""

    file: ClassVar[str] = "progress.json"
    remedy: ClassVar[str] = "start the training again"
    error: ClassVar[type[BundleError]] = BundleError

    step: int = 0
    seconds: float = 0.0
    best_mae: float | None = None
    """Lowest validation MAE so far, HU; None before the first validation."""


@dataclass(frozen=True)
class State:
    """Everything of a learner that changes as it learns."""

    translator: nn.Module
    """What a bundle holds."""
    others: Mapping[str, nn.Module]
    """Further networks by name."""
    optimizers: Mapping[str, torch.optim.Optimizer]
    """By the name of what they improve."""


def write_checkpoint(path: Path, bundle: Bundle, state: State, progress: Progress) -> None:
    """Write or replace a checkpoint folder, all at once."""
    networks = {
        f"{name}.{key}": tensor.detach().cpu().contiguous()
        for name, network in state.others.items()
        for key, tensor in network.state_dict().items()
    }
    moments = {
        f"{name}.{index}.{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for name, optimizer in state.optimizers.items()
        for index, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }
    with new_folder(path, overwrite=True) as folder:
        write_bundle(folder, bundle, state.translator.state_dict(), overwrite=True)
        (folder / NETWORKS).write_bytes(safetensors.torch.save(networks))
        (folder / OPTIMIZER).write_bytes(safetensors.torch.save(moments))
        write_record(folder, progress)


def read_checkpoint(path: Path, state: State) -> Progress:
    """Load weights and moments into a learner's networks and optimizers; return the progress."""
    _, stored = read_bundle(path)
    progress = read_progress(path)
    try:
        networks = safetensors.torch.load_file(path / NETWORKS)
        moments = safetensors.torch.load_file(path / OPTIMIZER)
        state.translator.load_state_dict(stored.state_dict())
        for name, network in state.others.items():
            network.load_state_dict(_under(name, networks))
        for name, optimizer in state.optimizers.items():
            entries: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(name, moments).items():
                index, what = key.split(".", 1)
                entries.setdefault(int(index), {})[what] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": entries, "param_groups": groups})
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"{path} cannot be resumed: {' '.join(str(error).split())[:200]}"
        ) from error
    return progress


def read_progress(path: Path) -> Progress:
    """Read how far a checkpoint is; BundleError if it does not say."""
    return read_record(path, Progress)


def read_start(path: Path, state: State) -> None:
    """Begin with the weights of a bundle and, if it is a checkpoint, of its other networks."""
    _, stored = read_bundle(path)
    try:
        state.translator.load_state_dict(stored.state_dict())
        others = {"generator": stored.state_dict()}
        if (path / NETWORKS).is_file():
            networks = safetensors.torch.load_file(path / NETWORKS)
            others |= {name: t for name in state.others if (t := _under(name, networks))}
        for name, network in state.others.items():
            if name in others:
                network.load_state_dict(others[name])
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"{path} cannot be the start for this recipe: {' '.join(str(error).split())[:200]}"
        ) from error


def _under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{name}."
    return {key.removeprefix(start): t for key, t in tensors.items() if key.startswith(start)}
