"""What a training runs on, and with: device, precision, memory layout, optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from mrtoct.hardware.devices import bfloat16_pays, device_named, training_layout
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.training.recipe import OptimizerSection, Precision


@dataclass(frozen=True)
class Session:
    """What may differ each time a training is worked on; what it learns is the same."""

    resume: bool = False
    """Go on where it was stopped."""
    device: str = "auto"
    watcher: Watcher = nobody
    """Told of every step; after a validation, of its error, too."""
    trackers: tuple[str, ...] = ()
    """Names of those that keep its figures beside curves.csv and TensorBoard (trackers.py)."""


def set_up(
    precision: Precision, width: int, device_name: str = "auto"
) -> tuple[Fabric, torch.memory_format]:
    """Choose the precision and memory layout that pay for a 2-D network of a width on a device."""
    device = device_named(device_name)
    bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays(device))
    fabric = Fabric(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        # One process, whatever a scheduler's environment says: what several share is in ranks.py.
        plugins=[LightningEnvironment()],
        precision="bf16-mixed" if bfloat16 else "32-true",
    )
    return fabric, training_layout(device, bfloat16=bfloat16, width=width)


def adam_of(network: nn.Module, settings: OptimizerSection) -> torch.optim.Adam:
    """Return Adam for a network; the loop sets its learning rate before every step."""
    return torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, betas=(settings.beta1, settings.beta2)
    )
