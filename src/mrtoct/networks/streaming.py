"""A trained context generator, computed with little work and in little memory: exact.

Three things that a pass through the network's modules would not do:

- Each layer keeps the last planes of its input, as many as its kernel needs, and computes the next
  planes of its output when new ones arrive. So nothing is computed twice along the first axis,
  where tiles would repeat each other's borders, and memory grows with the cross-section alone.
- A layer computes only what the wanted part of the output depends on: of a tile's halo less and
  less from layer to layer.
- The spectra of its large kernels are kept for the next tile of the same size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mrtoct.networks.context_gan import ContextGenerator
from mrtoct.networks.fourier import (
    FourierConv3d,
    Sides,
    Spectrum,
    block_sides,
    correlate,
    spectrum_of,
)

PORTION = 600_000
"""Voxels of MR that go in at once, about: feature maps of full width then take 80 MB a layer. On a
CPU, PyTorch hands only convolutions of some size to its fast library."""

SPECTRA = 4
"""Spectra kept: of both large kernels for tiles of two sizes, about 0.4 GB at full width."""

Pads = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Zeros before and after the input of a layer, along its three axes."""


@dataclass(frozen=True)
class Layer:
    """A convolution with its batch norm folded in, and whether a ReLU follows."""

    weight: Tensor
    bias: Tensor | None
    padding: int
    """Zeros on each side of the input."""
    spectral: bool
    """Whether spectra are faster than sliding the kernel, on a CPU."""
    relu: bool = True

    @property
    def kernel(self) -> int:
        """Side of the kernel in voxels."""
        return self.weight.shape[-1]


def folded(network: ContextGenerator) -> list[Layer]:
    """Return the layers of a trained generator, as in evaluation; the network is unchanged."""
    layers = []
    for block in network.blocks:
        assert isinstance(block, nn.Sequential)
        convolution, norm = block[0], block[1]
        assert isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
        assert norm.running_mean is not None and norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            convolution.weight,
            convolution.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        padding = convolution.padding[0]
        assert isinstance(padding, int)
        spectral = isinstance(convolution, FourierConv3d) and not convolution.slides(learns=False)
        layers.append(Layer(weight, bias, padding, spectral))
    last = Layer(network.last.weight, network.last.bias, 1, spectral=False, relu=False)
    return [*layers, last]


class StreamedGenerator:
    """The function of a trained generator; later changes of its weights do not reach it."""

    def __init__(self, network: ContextGenerator, portion: int = PORTION) -> None:
        self.layers = folded(network)
        self.portion = portion
        self.sigmoid = network.config.output == "sigmoid"
        self._spectrum = lru_cache(maxsize=SPECTRA)(spectrum_of)

    @torch.no_grad()
    def __call__(self, mr: Tensor, wanted: Sequence[slice] | None = None) -> Tensor:
        """Map MR (N, C, D, H, W) to CT (N, 1, D - 16, H - 16, W - 16), or to a box of that.

        These are the network's own numbers in evaluation, within rounding.
        """
        box, shares = _shares(self.layers, (mr.shape[2], mr.shape[3], mr.shape[4]), wanted)
        stages = [
            _Stage(layer, share, self._spectrum)
            for layer, share in zip(self.layers, shares, strict=True)
        ]
        needed = mr[(slice(None), slice(None), *box)]
        planes = math.ceil(self.portion / needed[:, 0, 0].numel())
        portions = torch.split(needed, planes, dim=2)
        made = []
        for number, x in enumerate(portions, start=1):
            for stage in stages:
                x = stage.push(x, last=number == len(portions))
            made.append(x)
        x = torch.cat(made, dim=2)
        return torch.sigmoid(x) if self.sigmoid else x


@dataclass(frozen=True)
class Share:
    """The part of a layer's work that the wanted output depends on."""

    pads: Pads
    """Zeros before and after the input, where this part reaches the layer's own padding."""
    size: Sides
    """Of the input with those zeros."""


def _shares(
    layers: list[Layer], size: Sides, wanted: Sequence[slice] | None
) -> tuple[list[slice], list[Share]]:
    """Return the box of the MR (D, H, W) that is needed, and the share of each layer."""
    sizes = [list(size)]
    for layer in layers:
        sizes.append([n + 2 * layer.padding - layer.kernel + 1 for n in sizes[-1]])
    if min(sizes[-1]) < 1:
        raise ValueError(f"an MR of {list(size)} voxels is too small for the network")
    boxes = wanted or [slice(None)] * 3
    needed = [box.indices(n)[:2] for box, n in zip(boxes, sizes[-1], strict=True)]
    shares = []
    for layer, inputs in zip(reversed(layers), sizes[-2::-1], strict=True):
        before, after = layer.padding, layer.kernel - 1 - layer.padding
        needed = [(start - before, stop + after) for start, stop in needed]
        i, j, k = (stop - start for start, stop in needed)
        pads = [
            (max(-start, 0), max(stop - n, 0))
            for (start, stop), n in zip(needed, inputs, strict=True)
        ]
        shares.append(Share((pads[0], pads[1], pads[2]), (i, j, k)))
        needed = [
            (max(start, 0), min(stop, n)) for (start, stop), n in zip(needed, inputs, strict=True)
        ]
    return [slice(*ends) for ends in needed], shares[::-1]


class _Stage:
    """A layer and the planes of its input that planes to come will need."""

    def __init__(
        self, layer: Layer, share: Share, spectrum: Callable[[Tensor, Sides], Spectrum]
    ) -> None:
        self.layer = layer
        self.share = share
        self.block = block_sides(share.size, layer.kernel)
        self.spectrum = spectrum
        # Spectra are of blocks of so many planes: no half-filled ones.
        self.planes = self.block[0] - layer.kernel + 1 if layer.spectral else 1
        self.kept: Tensor | None = None

    def push(self, x: Tensor, last: bool) -> Tensor:
        """Return the planes of output, if any, that become known with these planes of input."""
        (before, after), rows, columns = self.share.pads
        pads = (*columns, *rows, before if self.kept is None else 0, after if last else 0)
        x = F.pad(x, pads) if any(pads) else x
        x = x if self.kept is None else torch.cat([self.kept, x], dim=2)
        known = max(x.shape[2] - self.layer.kernel + 1, 0)
        count = known if last else known - known % self.planes
        self.kept = x[:, :, count:].clone()  # a view would hold all planes
        if count == 0:
            h, w = (n - self.layer.kernel + 1 for n in self.share.size[1:])
            return x.new_empty((len(x), len(self.layer.weight), 0, h, w))
        return self._convolved(x[:, :, : count + self.layer.kernel - 1])

    def _convolved(self, x: Tensor) -> Tensor:
        layer = self.layer
        if layer.spectral and x.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                out = correlate(x.float(), self.spectrum(layer.weight, self.block), layer.bias)
        elif layer.relu:
            out = F.conv3d(x, layer.weight, layer.bias)
        else:  # the last layer stays in float32, as in the network
            with torch.autocast(x.device.type, enabled=False):
                out = F.conv3d(x.float(), layer.weight, layer.bias)
        return out.relu_() if layer.relu else out
