"""Convolutions with large kernels as products of spectra: fewer operations than sliding the kernel.

A 9 x 9 x 9 kernel from 32 to 64 channels costs 3 MFLOP a voxel when it slides. Cut into blocks
(overlap-save) whose discrete Fourier transforms are multiplied it costs about a fortieth, and is
about ten times as fast on a CPU (benchmarks/tiling.py). Blocks are small, so their transforms are
written as matrix products, which need not compute the outputs in which a block wraps around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGEST_SIDE = 24
"""Longest side of a block in voxels: longer ones save little and their spectra take memory."""

FEW_CHANNELS = 4
"""Into a convolution: so many are no work to save by spectra, but for the kernels' gradient."""

BLOCKS_AT_ONCE = 8
"""Blocks transformed together: enough for fast matrix products, few enough for little memory."""

Sides = tuple[int, int, int]


class FourierConv3d(nn.Conv3d):
    """A 3-D convolution of stride 1 with the weights of nn.Conv3d, by spectra on a CPU.

    On GPUs, which slide kernels at the speed of matrix products, it slides, too.
    """

    def slides(self, learns: bool) -> bool:
        """Whether sliding is faster on a CPU; of few channels only the gradient is slow."""
        return self.in_channels <= FEW_CHANNELS and not learns

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, D, H, W) as nn.Conv3d does, within rounding."""
        if x.device.type != "cpu" or self.slides(learns=torch.is_grad_enabled()):
            return super().forward(x)
        padding, kernel = self.padding[0], self.kernel_size[0]
        assert isinstance(padding, int)
        with torch.autocast("cpu", enabled=False):  # there is no complex bfloat16
            x = F.pad(x.float(), (padding,) * 6)
            block = block_sides((x.shape[2], x.shape[3], x.shape[4]), kernel)
            return correlate(x, spectrum_of(self.weight, block), self.bias)


@dataclass(frozen=True)
class Spectrum:
    """Kernels, transformed on a block."""

    values: Tensor
    """Complex (A, B, C // 2 + 1, in, out) of a block of A x B x C voxels."""
    block: Sides
    kernel: int
    """Side of the kernel in voxels."""


def block_sides(size: Sides, kernel: int) -> Sides:
    """Return the sides of equal blocks that cover an input (D, H, W) with little waste."""
    sides = []
    for n in size:
        out = n - kernel + 1
        if out < 1:
            raise ValueError(f"an input of {list(size)} voxels is smaller than the kernel {kernel}")
        blocks = math.ceil(out / max(LONGEST_SIDE - kernel + 1, kernel))
        sides.append(math.ceil(out / blocks) + kernel - 1)
    return sides[0], sides[1], sides[2]


def spectrum_of(weight: Tensor, block: Sides) -> Spectrum:
    """Transform kernels (out, in, k, k, k) on a block of voxels."""
    out, into, kernel = weight.shape[:3]
    rows = weight.float().permute(2, 3, 4, 1, 0).reshape(*(kernel,) * 3, into * out)
    # Conjugate: networks correlate, they do not flip their kernels.
    values = _transform(rows, block, sign=1)
    return Spectrum(values.reshape(*values.shape[:3], into, out), block, kernel)


def correlate(x: Tensor, kernels: Spectrum, bias: Tensor | None = None) -> Tensor:
    """Correlate float32 (N, C, D, H, W) with kernels; valid, each side shrinks by kernel - 1."""
    block, values = kernels.block, kernels.values
    into, out = values.shape[3:]
    steps = [side - kernels.kernel + 1 for side in block]
    wanted = [n - kernels.kernel + 1 for n in x.shape[2:]]
    counts = [math.ceil(n / step) for n, step in zip(wanted, steps, strict=True)]
    missing = [c * step - n for c, step, n in zip(counts, steps, wanted, strict=True)]
    x = F.pad(x, (0, missing[2], 0, missing[1], 0, missing[0]))
    # Blocks and N lie first, then their voxels, then channels: (blocks, C) at every frequency.
    views = x.unfold(2, block[0], steps[0]).unfold(3, block[1], steps[1])
    views = views.unfold(4, block[2], steps[2]).permute(2, 3, 4, 0, 5, 6, 7, 1)
    blocks = [views]
    for _ in range(4):  # unbound, not indexed: the gradient of each index would fill the whole
        blocks = [part for several in blocks for part in several.unbind()]
    results = []
    for start in range(0, len(blocks), BLOCKS_AT_ONCE):
        some = torch.stack(blocks[start : start + BLOCKS_AT_ONCE], 3)
        spectra = _transform(some.flatten(3), block, sign=-1)
        products = spectra.reshape(-1, some.shape[3], into) @ values.reshape(-1, into, out)
        voxels = _inverse(products.reshape(*values.shape[:3], -1), block, steps)
        results.append(voxels.reshape(*steps, -1, out))
    # (steps, blocks, out) -> (N, out, counts x steps)
    joined = torch.cat(results, dim=3).reshape(*steps, *counts, len(x), out)
    joined = joined.permute(6, 7, 3, 0, 4, 1, 5, 2).reshape(
        len(x), out, *(count * step for count, step in zip(counts, steps, strict=True))
    )
    joined = joined[:, :, : wanted[0], : wanted[1], : wanted[2]]
    return joined if bias is None else joined + bias.reshape(1, -1, 1, 1, 1)


def _transform(rows: Tensor, block: Sides, sign: int) -> Tensor:
    """Return half the spectrum of real rows (a, b, c, n), padded with zeros to a block."""
    a, b, c, n = rows.shape
    waves = [_waves(side, sign)[:, :length] for side, length in zip(block, (a, b, c), strict=True)]
    # Real products for the real axis, of cosines and sines at once. (The parts of a complex matrix
    # are strided, and PyTorch multiplies a batch by a strided matrix one by one.)
    wave = torch.view_as_real(waves[2][: block[2] // 2 + 1]).mT.flatten(0, 1)
    parts = (wave @ rows).reshape(a, b, -1, 2, n)
    half = torch.view_as_complex(parts.movedim(3, -1).contiguous())
    half = waves[1] @ half.reshape(a, b, -1)
    half = waves[0] @ half.reshape(a, -1)
    return half.reshape(block[0], block[1], -1, n)


def _inverse(half: Tensor, block: Sides, wanted: list[int]) -> Tensor:
    """Return the first wanted voxels (a, b, c, n) of the block that has a half spectrum."""
    frequencies, n = half.shape[2:]
    half = _waves(block[0], 1)[: wanted[0]] @ half.reshape(block[0], -1)
    half = _waves(block[1], 1)[: wanted[1]] @ half.reshape(wanted[0], block[1], -1)
    # The other half is the conjugate of all but the first and, of an even side, the last.
    twice = torch.full((frequencies, 1), 2.0 / math.prod(block))
    twice[0] /= 2
    if block[2] % 2 == 0:
        twice[-1] /= 2
    # Of the product with exp(i a) the real part: with cos a of the real, -sin a of the other part.
    wave = torch.view_as_real(_waves(block[2], -1)[: wanted[2], :frequencies]) * twice
    parts = torch.view_as_real(half.reshape(wanted[0], wanted[1], frequencies, n))
    return wave.flatten(1) @ parts.movedim(-1, 3).flatten(2, 3)


def _waves(side: int, sign: int) -> Tensor:
    """Return exp(sign 2 pi i m n / side) for m, n below the side."""
    index = torch.arange(side, dtype=torch.float64)
    angle = (torch.outer(index, index) % side) * (sign * 2 * math.pi / side)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
