"""Streamed evaluation gives the numbers of one pass, and holds only a few planes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mrtoct.models import streaming
from mrtoct.models.context_gan import ContextGenerator, ContextGeneratorConfig
from mrtoct.models.streaming import folded, streamed


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
    out = streamed(network, mr, planes)
    assert out.shape == (1, 1, depth - 16, 5, 3)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=0)


def test_a_linear_output_too() -> None:
    network = trained_like(width=2, output="linear")
    mr = torch.rand(1, 1, 30, 18, 18)
    with torch.no_grad():
        torch.testing.assert_close(streamed(network, mr, 4), network(mr), atol=1e-5, rtol=1e-5)


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

    def noting(stage: streaming._Stage, x: Tensor) -> Tensor | None:
        out = push(stage, x)
        assert stage.kept is not None
        held.append(stage.kept.untyped_storage().nbytes() // stage.kept[:, :, 0].nbytes)
        held.append(0 if out is None else out.shape[2])
        return out

    monkeypatch.setattr(streaming._Stage, "push", noting)
    largest = []
    for depth in (60, 180):
        held.clear()
        streamed(network, torch.rand(1, 1, depth, 17, 17), planes=8)
        largest.append(max(held))
    assert largest[0] == largest[1] <= 8 + 8


def test_bfloat16_where_asked_for() -> None:
    network = trained_like(width=4)
    mr = torch.rand(1, 1, 24, 20, 20)
    with torch.no_grad():
        plain = network(mr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = streamed(network, mr)
    assert out.dtype == torch.float32
    assert 0 < (out - plain).abs().mean() < 0.1 * plain.std()
