"""What a training runs on, and with: device, precision, memory layout, optimizer."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import nn

from mrtoct.hardware.devices import bfloat16_pays, device_named, training_layout
from mrtoct.training.recipe import OptimizerSection, Precision


def set_up(precision: Precision, width: int) -> tuple[Fabric, torch.memory_format]:
    """Choose device, precision and memory layout that pay for a 2-D network of a width."""
    device = device_named("auto")
    bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays(device))
    fabric = Fabric(
        accelerator=device.type, devices=1, precision="bf16-mixed" if bfloat16 else "32-true"
    )
    return fabric, training_layout(device, bfloat16=bfloat16, width=width)


def adam_of(network: nn.Module, settings: OptimizerSection) -> torch.optim.Adam:
    """Return Adam for a network; the loop sets its learning rate before every step."""
    return torch.optim.Adam(
        network.parameters(), lr=settings.learning_rate, betas=(settings.beta1, settings.beta2)
    )
