"""Show a whole scaled head to a network, as validation and translation both do."""

from __future__ import annotations

import numpy as np
import torch

from mrtoct.bundle import Bundle, Network
from mrtoct.hardware import bfloat16_pays
from mrtoct.models.context_gan import ContextGenerator
from mrtoct.models.generator import Cascade, SliceNetwork
from mrtoct.models.streaming import streamed
from mrtoct.sampling.slices import centered, neighbouring
from mrtoct.sampling.tiling import predict_patches, predict_tiles
from mrtoct.volume import Array

SLICES_AT_ONCE = 8


def predict(network: Network, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR (C, I, J, K) to CT in [0, 1], (I, J, K) float32, the way the bundle says.

    The network, in evaluation mode, is not computed where a whole tile holds none of head (I, J,
    K).
    """
    if bundle.mirror:
        plain = predict_once(network, bundle, mr, head)
        mirrored = predict_once(network, bundle, mr[:, ::-1], head[::-1])
        return (plain + mirrored[::-1]) / 2
    return predict_once(network, bundle, mr, head)


@torch.no_grad()
def predict_once(network: Network, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR to CT as predict does, without its mirror image."""
    if isinstance(network, Cascade):
        ct: Array | None = None
        for stage in range(len(network.stages)):
            ct = predict_stage(network, bundle, stage, mr, ct, head)
        assert ct is not None
        return ct
    return _slice_by_slice(network, bundle, mr)


@torch.no_grad()
def predict_stage(
    network: Cascade, bundle: Bundle, stage: int, mr: Array, before: Array | None, head: Array
) -> Array:
    """Return what one stage of a cascade makes of MR (C, I, J, K) and the CT of the one before."""
    generator = network.stages[stage]
    assert isinstance(generator, ContextGenerator)
    device = next(generator.parameters()).device
    seen = np.asarray(mr, dtype=np.float32)
    if before is not None:
        seen = np.concatenate([seen, before[None]])

    def shown(portion: Array) -> Array:
        images = torch.from_numpy(np.ascontiguousarray(portion)).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
            made = streamed(generator, images) if bundle.whole else generator(images)
        return np.asarray(made[:, 0].float().cpu().numpy())

    out = np.zeros(head.shape, dtype=np.float32)
    if bundle.whole:
        predict_tiles(shown, seen, out, head=head)
    else:
        predict_patches(shown, seen, out, head=head)
    return np.clip(out, 0, 1, out=out)


def _slice_by_slice(network: SliceNetwork, bundle: Bundle, mr: Array) -> Array:
    """Slices are padded to multiples of the network's divisor, and to the training's size at
    least: in a tighter slice the border reaches into the head.
    """
    device = next(network.parameters()).device
    divisor = network.config.divisor
    depth = mr.shape[3]
    shape = tuple(
        max(-(-n // divisor) * divisor, least)
        for n, least in zip(mr.shape[1:3], bundle.size, strict=True)
    )
    into, of = centered(mr.shape[1:3], shape)
    padded = np.zeros((len(mr), *shape, depth), dtype=np.float32)
    padded[:, *into] = mr[:, *of]
    out = np.empty(mr.shape[1:], dtype=np.float32)
    for start in range(0, depth, SLICES_AT_ONCE):
        part = range(start, min(start + SLICES_AT_ONCE, depth))
        # (C, I, J, K) to (N = K, C, H = J, W = I), as in training.
        stacks = [neighbouring(padded, k, bundle.neighbours) for k in part]
        images = torch.from_numpy(np.stack(stacks)).to(device)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
            predicted = network(images)
        out[:, :, start : part.stop] = predicted[:, 0].float().cpu().numpy().T[into]
    return np.clip(out, 0, 1, out=out)
