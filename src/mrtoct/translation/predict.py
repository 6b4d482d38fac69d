"""Show a whole scaled head to a network, as validation and translation both do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mrtoct.hardware.devices import bfloat16_pays
from mrtoct.networks.context_gan import ContextGenerator
from mrtoct.networks.generator import Cascade, SliceNetwork
from mrtoct.networks.head_unet import HeadUNet
from mrtoct.networks.streaming import StreamedGenerator
from mrtoct.sampling.planes import in_plane
from mrtoct.sampling.slices import centered, neighbouring
from mrtoct.sampling.subjects import Plane
from mrtoct.translation.bundle import Bundle, Network
from mrtoct.translation.predict_head import predict_head
from mrtoct.translation.tiling import Box, predict_patches, predict_tiles
from mrtoct.volume import Array

SLICES_AT_ONCE = 8


@dataclass(frozen=True)
class View:
    """A way to look at a head: in slices of a plane, of itself or of its mirror image."""

    plane: Plane = "transverse"
    mirrored: bool = False

    def turned(self, array: Array) -> Array:
        """Return (..., I, J, K) as it is shown to a network."""
        return in_plane(array[..., ::-1, :, :] if self.mirrored else array, self.plane)

    def back(self, array: Array) -> Array:
        """Return what a network made (..., I, J, K) of what it was shown, in its place."""
        array = in_plane(array, self.plane)
        return array[..., ::-1, :, :] if self.mirrored else array


def views(bundle: Bundle) -> list[View]:
    """Return the ways in which a bundle wants a head to be looked at; their mean is its CT."""
    mirrored = (False, True) if bundle.mirror else (False,)
    return [View(plane, m) for plane in bundle.planes for m in mirrored]


def predict(network: Network, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR (C, I, J, K) to CT in [0, 1], (I, J, K) float32, the way the bundle says.

    The network, in evaluation mode, is not computed where a whole tile holds none of head (I, J,
    K).
    """
    return predict_stages(network, bundle, mr, head)[-1]


def predict_stages(network: Network, bundle: Bundle, mr: Array, head: Array) -> list[Array]:
    """Map scaled MR to CT as predict does, once for each network of a cascade, in their order.

    The stages of a cascade are what shorter cascades of the same networks make. Any other network
    has one.
    """
    ways = views(bundle)
    total: list[Array] = []
    for view in ways:
        made = predict_view(network, bundle, view, mr, head)
        total = [a + b for a, b in zip(total, made, strict=True)] if total else made
    return [np.ascontiguousarray(ct / len(ways)) for ct in total]


def predict_once(network: Network, bundle: Bundle, mr: Array, head: Array) -> Array:
    """Map scaled MR to CT as predict does, but in the first of the bundle's ways only."""
    return predict_view(network, bundle, views(bundle)[0], mr, head)[-1]


def predict_with_error(
    network: HeadUNet, bundle: Bundle, mr: Array, head: Array
) -> tuple[Array, Array]:
    """Map scaled MR (C, I, J, K) to CT as predict does, and to the absolute error expected in it.

    Both come of the same passes; the error is in HU, (I, J, K) float32, and 0 outside of head.
    """
    ways = views(bundle)
    ct, error = (np.zeros(mr.shape[1:], dtype=np.float32) for _ in range(2))
    for view in ways:
        made = predict_head(network, view.turned(mr))
        ct += view.back(made[0]) / len(ways)
        error += view.back(made[1]) / len(ways)
    width = np.float32(bundle.window.high - bundle.window.low)
    return ct, np.where(head, error * width, np.float32(0))


@torch.no_grad()
def predict_view(
    network: Network, bundle: Bundle, view: View, mr: Array, head: Array
) -> list[Array]:
    """Return what each network of a cascade, or the only one, makes of a head looked at one way.

    Arrays, in and out, are as predict takes and gives them.
    """
    shown = view.turned(mr)
    if isinstance(network, HeadUNet):
        return [view.back(predict_head(network, shown)[0])]
    if not isinstance(network, Cascade):
        return [view.back(_slice_by_slice(network, bundle, shown))]
    made: list[Array] = []
    for stage in range(len(network.stages)):
        before = made[-1] if made else None
        made.append(predict_stage(network, bundle, stage, shown, before, view.turned(head)))
    return [view.back(ct) for ct in made]


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

    streamed = StreamedGenerator(generator)

    def shown(patches: Array, wanted: Box | None = None) -> Array:
        images = torch.from_numpy(patches).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16_pays(device)):
            made = streamed(images, wanted)
        return np.asarray(made[:, 0].float().cpu().numpy())

    out = np.zeros(head.shape, dtype=np.float32)
    if bundle.whole:
        predict_tiles(lambda mr, wanted: shown(mr[None], wanted)[0], seen, out, head=head)
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
