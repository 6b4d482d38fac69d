"""A context generator over a large volume, a few planes at a time: exact, in little memory.

Each layer keeps the last planes of its input, as many as its kernel needs, and computes the next
planes of its output when new ones arrive. So nothing is computed twice along the first axis, where
tiles would repeat each other's borders, and memory grows with the cross-section alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mrtoct.models.context_gan import ContextGenerator
from mrtoct.models.fourier import FourierConv3d, Spectrum, block_sides, correlate, spectrum_of

PLANES = 16
"""Planes per portion; the 9^3 kernels then work on blocks of 24 planes."""


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
        spectral = isinstance(convolution, FourierConv3d)
        layers.append(Layer(weight, bias, padding, spectral))
    last = Layer(network.last.weight, network.last.bias, 1, spectral=False, relu=False)
    return [*layers, last]


@torch.no_grad()
def streamed(network: ContextGenerator, mr: Tensor, planes: int = PLANES) -> Tensor:
    """Map MR (1, C, D, H, W) to CT (1, 1, D - 16, H - 16, W - 16), as in evaluation.

    The network's own numbers within rounding. Only a few times `planes` planes of feature maps are held at any time.
    """
    portions: Iterator[Tensor] = iter(torch.split(mr, planes, dim=2))
    for layer in folded(network):
        portions = _convolved(portions, layer, planes)
    x = torch.cat(list(portions), dim=2)
    return torch.sigmoid(x) if network.config.output == "sigmoid" else x


def _convolved(portions: Iterator[Tensor], layer: Layer, planes: int) -> Iterator[Tensor]:
    """Put one portion of planes after the other through a layer."""
    kernels: Spectrum | None = None
    waiting = next(portions)
    if layer.padding:
        waiting = F.pad(waiting, (0, 0, 0, 0, layer.padding, 0))
    while True:
        following = next(portions, None)
        if following is None and layer.padding:
            waiting = F.pad(waiting, (0, 0, 0, 0, 0, layer.padding))
        if waiting.shape[2] >= layer.kernel:
            if kernels is None and layer.spectral:
                kernels = _kernels(layer, waiting, planes)
            yield _applied(layer, kernels, waiting)
            waiting = waiting[:, :, waiting.shape[2] - layer.kernel + 1 :]
        if following is None:
            return
        waiting = torch.cat([waiting, following], dim=2)


def _kernels(layer: Layer, x: Tensor, planes: int) -> Spectrum | None:
    if x.device.type != "cpu":
        return None
    around = 2 * layer.padding
    size = (planes + layer.kernel - 1, x.shape[3] + around, x.shape[4] + around)
    return spectrum_of(layer.weight, block_sides(size, layer.kernel))


def _applied(layer: Layer, kernels: Spectrum | None, x: Tensor) -> Tensor:
    p = layer.padding
    if kernels is not None:
        with torch.autocast("cpu", enabled=False):
            out = correlate(F.pad(x.float(), (p, p, p, p)), kernels, layer.bias)
    elif layer.relu:
        out = F.conv3d(x, layer.weight, layer.bias, padding=(0, p, p))
    else:  # the last layer stays in float32, as in the network
        with torch.autocast(x.device.type, enabled=False):
            out = F.conv3d(x.float(), layer.weight, layer.bias, padding=(0, p, p))
    return out.relu_() if layer.relu else out
