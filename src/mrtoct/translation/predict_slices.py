"""Show a whole scaled head to a network of slices."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.sampling.slices import centered, neighbouring
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Slices
from mrtoct.volume import Array

SLICES_AT_ONCE = 8


@torch.no_grad()
def slice_by_slice(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> list[Array]:
    """Return what a network makes of scaled MR (C, I, J, K): CT in [0, 1], (I, J, K).

    Slices are padded to multiples of the network's divisor, and to the training's size at
    least: in a tighter slice the border reaches into the head.
    """
    assert isinstance(bundle.geometry, Slices)
    device = next(network.parameters()).device
    divisor = bundle.model.divisor
    depth = mr.shape[3]
    shape = tuple(
        max(-(-n // divisor) * divisor, least)
        for n, least in zip(mr.shape[1:3], bundle.geometry.size, strict=True)
    )
    into, of = centered(mr.shape[1:3], shape)
    padded = np.zeros((len(mr), *shape, depth), dtype=np.float32)
    padded[:, *into] = mr[:, *of]
    out = np.empty(mr.shape[1:], dtype=np.float32)
    for start in range(0, depth, SLICES_AT_ONCE):
        part = range(start, min(start + SLICES_AT_ONCE, depth))
        # (C, I, J, K) to (N = K, C, H = J, W = I), as in training.
        stacks = [neighbouring(padded, k, bundle.geometry.neighbours) for k in part]
        images = torch.from_numpy(np.stack(stacks)).to(device)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
            predicted = network(images)
        out[:, :, start : part.stop] = predicted[:, 0].float().cpu().numpy().T[into]
    return [np.clip(out, 0, 1, out=out)]
