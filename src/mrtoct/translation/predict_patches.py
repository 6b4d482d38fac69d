"""Show a whole scaled head to the networks of an auto-context cascade, one after the other."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.networks.cascade import Cascade
from mrtoct.networks.context_gan import ContextGenerator
from mrtoct.networks.streaming import StreamedGenerator
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Patches
from mrtoct.translation.tiling import Box, predict_patches, predict_tiles
from mrtoct.volume import Array


def stage_by_stage(network: nn.Module, bundle: Bundle, mr: Array, head: Array) -> list[Array]:
    """Return what each stage makes of scaled MR (C, I, J, K): CT in [0, 1], (I, J, K)."""
    assert isinstance(network, Cascade)
    made: list[Array] = []
    for stage in range(len(network.stages)):
        before = made[-1] if made else None
        made.append(predict_stage(network, bundle, stage, mr, before, head))
    return made


@torch.no_grad()
def predict_stage(
    network: Cascade, bundle: Bundle, stage: int, mr: Array, before: Array | None, head: Array
) -> Array:
    """Return what one stage of a cascade makes of MR (C, I, J, K) and the CT of the one before."""
    assert isinstance(bundle.geometry, Patches)
    generator = network.stages[stage]
    assert isinstance(generator, ContextGenerator)
    device = next(generator.parameters()).device
    seen = np.asarray(mr, dtype=np.float32)
    if before is not None:
        seen = np.concatenate([seen, before[None]])

    streamed = StreamedGenerator(generator)

    def shown(patches: Array, wanted: Box | None = None) -> Array:
        images = torch.from_numpy(patches).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
            made = streamed(images, wanted)
        return np.asarray(made[:, 0].float().cpu().numpy())

    out = np.zeros(head.shape, dtype=np.float32)
    if bundle.geometry.whole:
        predict_tiles(lambda mr, wanted: shown(mr[None], wanted)[0], seen, out, head=head)
    else:
        predict_patches(shown, seen, out, head=head)
    return np.clip(out, 0, 1, out=out)
