"""Streamed evaluation gives the numbers of one pass, and holds only a few planes."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mrtoct.networks import streaming
from mrtoct.networks.context_gan import ContextGenerator, ContextGeneratorConfig
from mrtoct.networks.fourier import spectrum_of
from mrtoct.networks.streaming import StreamedGenerator, folded


def trained_like(**settings: object) -> ContextGenerator:
    """A generator whose batch norms are not the identity and whose output spreads."""
    torch.manual_seed(5)
    network = ContextGenerator(ContextGeneratorConfig(**settings))  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.05, 0.3)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    return network.eval()


@pytest.mark.parametrize("planes", [1, 3, 16, 100])
@pytest.mark.parametrize("depth", [17, 45])
def test_the_numbers_of_one_pass(planes: int, depth: int) -> None:
    network = trained_like(width=5, in_channels=2)
    mr = torch.rand(1, 2, depth, 21, 19)
    with torch.no_grad():
        expected = network(mr)
    assert expected.std() > 0.01
    out = StreamedGenerator(network, planes * 21 * 19)(mr)
    assert out.shape == (1, 1, depth - 16, 5, 3)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=0)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), count=st.integers(1, 2), portion=st.integers(1, 20_000))
def test_a_part_of_it_is_the_same_part_of_one_pass(
    data: st.DataObject, count: int, portion: int
) -> None:
    network = trained_like(width=5)
    size = [data.draw(st.integers(1, 30)) for _ in range(3)]
    box = []
    for n in size:
        start = data.draw(st.integers(0, n - 1))
        box.append(slice(start, data.draw(st.integers(start + 1, n))))
    mr = torch.rand(count, 1, *(n + 16 for n in size))
    with torch.no_grad():
        expected = network(mr)[(..., *box)]
    out = StreamedGenerator(network, portion)(mr, box)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=0)


def test_of_a_halo_each_layer_computes_only_what_is_needed() -> None:
    layers = folded(trained_like(width=1))
    box, shares = streaming._shares(layers, (100, 68, 68), (slice(26, 58), *[slice(10, 42)] * 2))
    # 32 voxels and 18 around them, then less by each kernel; no padding within the volume.
    assert box == [slice(16, 84), slice(0, 68), slice(0, 68)]
    assert [share.size[0] for share in shares] == [68, 60, 58, 56, 54, 46, 44, 42, 36, 34]
    assert all(share.size == (share.size[0],) * 3 for share in shares)
    assert {share.pads for share in shares} == {((0, 0),) * 3}
    # The corner of a volume: the layers' own zeros lie there and nowhere else.
    box, shares = streaming._shares(layers, (68, 68, 68), [slice(0, 20)] * 3)
    assert box == [slice(0, 46)] * 3
    pads = [share.pads[0] for share in shares]
    assert pads == [(layer.padding, 0) for layer in layers]


def test_an_mr_that_is_too_small_is_named() -> None:
    with pytest.raises(ValueError, match=r"MR of \[20, 16, 40\] voxels is too small"):
        StreamedGenerator(trained_like(width=1))(torch.rand(1, 1, 20, 16, 40))


def test_spectra_are_kept_for_tiles_of_the_same_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Mock(wraps=spectrum_of)
    monkeypatch.setattr(streaming, "spectrum_of", made)
    streamed = StreamedGenerator(trained_like(width=5))
    for _ in range(3):
        streamed(torch.rand(1, 1, 60, 40, 40), [slice(10, 30)] * 3)
    assert made.call_count == 2  # of the 9^3 and of the 7^3 kernels


def test_a_linear_output_too() -> None:
    network = trained_like(width=2, output="linear")
    mr = torch.rand(1, 1, 30, 18, 18)
    with torch.no_grad():
        torch.testing.assert_close(
            StreamedGenerator(network, 4 * 18 * 18)(mr), network(mr), atol=1e-5, rtol=1e-5
        )


def test_folding_leaves_the_network_as_it_was() -> None:
    network = trained_like(width=2)
    before = {name: t.clone() for name, t in network.state_dict().items()}
    layers = folded(network)
    assert [layer.kernel for layer in layers] == [9, 3, 3, 3, 9, 3, 3, 7, 3, 3]
    assert [layer.relu for layer in layers] == [True] * 9 + [False]
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_memory_does_not_grow_with_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained_like(width=1)
    held: list[int] = []
    push = streaming._Stage.push

    def noting(stage: streaming._Stage, x: Tensor, last: bool) -> Tensor:
        out = push(stage, x, last)
        for tensor in (stage.kept, out):
            assert tensor is not None
            if tensor.shape[2]:
                held.append(tensor.untyped_storage().nbytes() * tensor.shape[2] // tensor.nbytes)
        return out

    monkeypatch.setattr(streaming._Stage, "push", noting)
    largest = []
    for depth in (60, 180):
        held.clear()
        StreamedGenerator(network, 8 * 17 * 17)(torch.rand(1, 1, depth, 17, 17))
        largest.append(max(held))
    assert largest[0] == largest[1] <= 8 + 8


def test_bfloat16_where_asked_for() -> None:
    network = trained_like(width=4)
    mr = torch.rand(1, 1, 24, 20, 20)
    with torch.no_grad():
        plain = network(mr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = StreamedGenerator(network)(mr)
    assert out.dtype == torch.float32
    assert 0 < (out - plain).abs().mean() < 0.1 * plain.std()
