"""The last state of a training on disk: enough to go on as if it had never stopped.

    RUN/last/                        a bundle, usable like any other
    RUN/last/optimizer.safetensors   Adam's moments
    RUN/last/progress.json           step, seconds, best figure so far

Random numbers need no state: step n draws the same ones whenever it runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from mrtoct.bundle import Bundle, read_bundle, write_bundle
from mrtoct.errors import BundleError
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.models.unet import UNet

OPTIMIZER = "optimizer.safetensors"
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int = 0
    seconds: float = 0.0
    best_mae: float | None = None
    """Lowest validation MAE so far, HU; None before the first validation."""


def write_checkpoint(
    path: Path, bundle: Bundle, network: UNet, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write or replace a checkpoint folder, all at once."""
    tensors: dict[str, Tensor] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"{index}.{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    with new_folder(path, overwrite=True) as folder:
        write_bundle(folder, bundle, network.state_dict(), overwrite=True)
        (folder / OPTIMIZER).write_bytes(safetensors.torch.save(tensors))
        write_text(folder / PROGRESS, json.dumps(asdict(progress)))


def read_checkpoint(path: Path, network: UNet, optimizer: torch.optim.Optimizer) -> Progress:
    """Load weights and moments into network and optimizer and return the progress."""
    _, stored = read_bundle(path)
    try:
        progress = Progress(**json.loads((path / PROGRESS).read_text(encoding="utf-8")))
        tensors = safetensors.torch.load_file(path / OPTIMIZER)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            index, name = key.split(".", 1)
            state.setdefault(int(index), {})[name] = value
        network.load_state_dict(stored.state_dict())
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"{path} cannot be resumed: {' '.join(str(error).split())[:200]}"
        ) from error
    return progress
