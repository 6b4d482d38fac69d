"""How the paper's networks begin."""

from __future__ import annotations

from torch import nn


def initialise(module: nn.Module) -> None:
    """Xavier (Glorot) uniform weights and zero biases in every convolution."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
