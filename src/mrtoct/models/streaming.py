"""A context generator over a large volume, a few planes at a time: exact, in little memory.

Each layer keeps the last planes of its input, as many as its kernel needs, and computes the next
planes of its output when new ones arrive. So nothing is computed twice along the first axis, where
tiles would repeat each other's borders, and memory grows with the cross-section alone.
"""

from __future__ import annotations

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

    The network's own numbers within rounding, from a few times as many planes of feature maps as
    go through at once.
    """
    stages = [_Stage(layer, planes) for layer in folded(network)]
    made = [_through(stages, portion) for portion in torch.split(mr, planes, dim=2)]
    # Upper layers end first: what they still give goes through those below.
    made += [_through(stages[n + 1 :], stage.rest()) for n, stage in enumerate(stages)]
    x = torch.cat([portion for portion in made if portion is not None], dim=2)
    return torch.sigmoid(x) if network.config.output == "sigmoid" else x


def _through(stages: list[_Stage], x: Tensor | None) -> Tensor | None:
    """Push planes through layers; None while a layer waits for more."""
    for stage in stages:
        if x is None:
            return None
        x = stage.push(x)
    return x


class _Stage:
    """A layer and the planes of its input that planes to come will need."""

    def __init__(self, layer: Layer, planes: int) -> None:
        self.layer = layer
        self.planes = planes
        self.kept: Tensor | None = None
        self.kernels: Spectrum | None = None

    def push(self, x: Tensor) -> Tensor | None:
        """Return the planes of output that become known with these planes of input."""
        if self.kept is None:
            self.kept = F.pad(x, (0, 0, 0, 0, self.layer.padding, 0))
        else:
            self.kept = torch.cat([self.kept, x], dim=2)
        known = self.kept.shape[2] - self.layer.kernel + 1
        # Spectra are of blocks of so many planes: no half-filled ones.
        return self._first(known - known % self.planes if self.layer.spectral else known)

    def rest(self) -> Tensor | None:
        """Return the last planes, when no more input comes."""
        if self.kept is None:
            return None
        self.kept = F.pad(self.kept, (0, 0, 0, 0, 0, self.layer.padding))
        return self._first(self.kept.shape[2] - self.layer.kernel + 1)

    def _first(self, count: int) -> Tensor | None:
        assert self.kept is not None
        if count < 1:
            return None
        out = self._convolved(self.kept[:, :, : count + self.layer.kernel - 1])
        self.kept = self.kept[:, :, count:].clone()  # a view would hold all planes
        return out

    def _convolved(self, x: Tensor) -> Tensor:
        layer, p = self.layer, self.layer.padding
        if layer.spectral and x.device.type == "cpu":
            with torch.autocast("cpu", enabled=False):
                x = F.pad(x.float(), (p, p, p, p))
                if self.kernels is None:
                    size = (self.planes + layer.kernel - 1, x.shape[3], x.shape[4])
                    self.kernels = spectrum_of(layer.weight, block_sides(size, layer.kernel))
                out = correlate(x, self.kernels, layer.bias)
        elif layer.relu:
            out = F.conv3d(x, layer.weight, layer.bias, padding=(0, p, p))
        else:  # the last layer stays in float32, as in the network
            with torch.autocast(x.device.type, enabled=False):
                out = F.conv3d(x.float(), layer.weight, layer.bias, padding=(0, p, p))
        return out.relu_() if layer.relu else out
