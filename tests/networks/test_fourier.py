"""Convolutions by spectra against PyTorch's own in float64, with their gradients."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mrtoct.networks import fourier
from mrtoct.networks.fourier import (
    BLOCKS_AT_ONCE,
    FourierConv3d,
    block_sides,
    correlate,
    spectrum_of,
)


@pytest.mark.parametrize(
    ("kernel", "padding", "shape"),
    [
        (9, 0, (24, 24, 24)),
        (9, 0, (9, 10, 37)),
        (7, 3, (16, 16, 16)),
        (7, 3, (5, 31, 20)),
        (3, 1, (6, 27, 4)),
        (5, 4, (3, 3, 3)),
    ],
)
def test_it_is_the_convolution(kernel: int, padding: int, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    layer = FourierConv3d(3, 4, kernel, padding=padding)
    x = torch.randn(2, 3, *shape)
    expected = F.conv3d(
        x.double(),
        layer.weight.double(),
        layer.bias.double(),
        padding=padding,  # type: ignore[union-attr]
    )
    with torch.no_grad():
        out = layer(x)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), expected, atol=3e-6, rtol=1e-5)


def test_many_blocks_of_any_size() -> None:
    torch.manual_seed(1)
    weight, x = torch.randn(2, 1, 3, 3, 3), torch.randn(1, 1, 17, 12, 14)
    for block in ((5, 6, 7), (4, 5, 4), (19, 14, 16), (30, 12, 15)):
        out = correlate(x, spectrum_of(weight, block))
        torch.testing.assert_close(out, F.conv3d(x, weight), atol=1e-5, rtol=1e-5)
    assert BLOCKS_AT_ONCE < 4 * 3 * 3  # more than go at once


@pytest.mark.parametrize("padding", [0, 3])
def test_gradients_are_the_convolution_s(padding: int) -> None:
    torch.manual_seed(2)
    layer = FourierConv3d(4, 3, 7, padding=padding)
    plain = nn.Conv3d(4, 3, 7, padding=padding).double()
    plain.load_state_dict(layer.state_dict())  # the same names and shapes
    x = torch.randn(2, 4, 9, 25, 8, requires_grad=True)
    x64 = x.detach().double().requires_grad_()
    layer(x).square().sum().backward()
    plain(x64).square().sum().backward()
    for ours, theirs in [
        (x, x64), (layer.weight, plain.weight), (layer.bias, plain.bias)
    ]:  # fmt: skip
        assert ours.grad is not None and theirs.grad is not None
        scale = theirs.grad.abs().max()
        torch.testing.assert_close(
            ours.grad.double() / scale, theirs.grad / scale, atol=1e-5, rtol=0
        )


def test_few_channels_slide_unless_they_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = FourierConv3d(1, 2, 7)
    x = torch.rand(1, 1, 30, 30, 30)
    made = Mock(wraps=spectrum_of)
    monkeypatch.setattr(fourier, "spectrum_of", made)
    with torch.no_grad():
        layer(x)
    assert not made.called
    layer(x)
    assert made.called
    assert FourierConv3d(5, 2, 7).slides(learns=False) is False


def test_blocks_cover_without_waste() -> None:
    assert block_sides((24, 24, 24), 9) == (24, 24, 24)
    assert block_sides((22, 40, 12), 7) == (22, 23, 12)
    for n in range(9, 90):
        side = block_sides((n, n, n), 9)[0]
        out, step = n - 8, side - 8
        blocks = -(-out // step)
        assert side <= 24
        assert 0 <= blocks * step - out < blocks


def test_an_input_smaller_than_the_kernel_is_named() -> None:
    with pytest.raises(ValueError, match=r"\[9, 8, 12\] .* smaller than the kernel 9"):
        FourierConv3d(1, 1, 9)(torch.zeros(1, 1, 9, 8, 12))
