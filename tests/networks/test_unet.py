"""The u-net against Table 2 of the paper, read from the running modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.unet import UNet, UNetConfig

# Kernel, stride, input channels (after concatenation), output channels, side at 384 x 384.
TABLE_2 = [
    ("Conv2d", 4, 2, 1, 64, 192),
    ("Conv2d", 4, 2, 64, 128, 96),
    ("Conv2d", 4, 2, 128, 256, 48),
    ("Conv2d", 4, 2, 256, 512, 24),
    ("Conv2d", 4, 2, 512, 512, 12),
    ("ConvTranspose2d", 4, 2, 512, 512, 24),
    ("ConvTranspose2d", 4, 2, 1024, 512, 48),
    ("ConvTranspose2d", 4, 2, 768, 256, 96),
    ("ConvTranspose2d", 4, 2, 384, 128, 192),
    ("ConvTranspose2d", 4, 2, 192, 64, 384),
    ("Conv2d", 3, 1, 64, 1, 384),
]


@pytest.fixture(scope="module")
def standard() -> UNet:
    torch.manual_seed(0)
    return UNet()


@pytest.fixture
def small() -> UNet:
    torch.manual_seed(1)
    return UNet(UNetConfig(width=4, dropout=0.5))


def convolutions(network: nn.Module) -> Iterator[nn.Conv2d | nn.ConvTranspose2d]:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            yield module


def order_of(network: UNet, image: Tensor) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Run once; return every leaf module in the order of its call, its input and its output."""
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []
    hooks = [
        m.register_forward_hook(lambda m, i, o: calls.append((m, i[0].clone(), o.clone())))
        for m in network.modules()
        if not list(m.children())
    ]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return calls


def test_every_layer_is_table_2(standard: UNet) -> None:
    standard.eval()
    calls = order_of(standard, torch.rand(1, 1, 384, 384))
    seen = [
        (type(m).__name__, *m.kernel_size, *m.stride, i.shape[1], *o.shape[1:])
        for m, i, o in calls
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    assert seen == [(n, k, k, s, s, i, c, side, side) for n, k, s, i, c, side in TABLE_2]
    names = [type(m).__name__ for m, _, _ in calls]
    down = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    up = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    with_dropout = ["ConvTranspose2d", "BatchNorm2d", "Dropout", "ReLU"]
    assert names == [
        "Conv2d", "LeakyReLU", *down * 4, *with_dropout * 2, *up * 3, "Conv2d"
    ]  # fmt: skip
    assert {m.negative_slope for m, _, _ in calls if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert {m.p for m, _, _ in calls if isinstance(m, nn.Dropout)} == {0.5}


def test_the_standard_width_has_23_67_million_parameters(standard: UNet) -> None:
    count = sum(p.numel() for p in standard.parameters())
    weights = sum(k * k * i * c for _, k, _, i, c, _ in TABLE_2)
    norms = 2 * (128 + 256 + 512 + 512 + 512 + 512 + 256 + 128 + 64)
    assert count == weights + norms + 64 + 1  # biases of the first and the last layer
    assert 23.66e6 <= count <= 23.68e6


def test_weights_are_xavier_uniform_and_biases_zero(standard: UNet) -> None:
    for module in convolutions(standard):
        area = module.kernel_size[0] * module.kernel_size[1]
        bound = (6 / (area * (module.in_channels + module.out_channels))) ** 0.5
        weight = module.weight.detach()
        assert weight.abs().max() <= bound
        if weight.numel() > 1000:
            assert weight.abs().max() > 0.98 * bound
            assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
        assert module.bias is None or not module.bias.detach().any()


@pytest.mark.parametrize("level", range(4))
def test_each_encoder_block_feeds_the_decoder_block_of_its_size(small: UNet, level: int) -> None:
    """[dec1, enc4], [dec2, enc3], [dec3, enc2], [dec4, enc1]: by value, not by shape alone."""
    small.eval()
    image = torch.rand(2, 1, 64, 96)
    outputs: list[Tensor] = []
    inputs: list[Tensor] = []
    for block in small.encoder:
        block.register_forward_hook(lambda m, i, o: outputs.append(o.clone()))
    for block in small.decoder:
        block.register_forward_hook(lambda m, i, o: (inputs.append(i[0].clone()), None)[1])
    decoded: list[Tensor] = []
    for block in small.decoder:
        block.register_forward_hook(lambda m, i, o: decoded.append(o.clone()))
    with torch.no_grad():
        small(image)
    into = inputs[4 - level]  # dec1 follows the first decoder block, and so on
    own = decoded[3 - level]
    assert torch.equal(into, torch.cat([own, outputs[level]], dim=1))


def test_batch_norm_learns_from_the_batch_only_in_training(small: UNet) -> None:
    norm = next(m for m in small.modules() if isinstance(m, nn.BatchNorm2d))
    image = torch.rand(3, 1, 32, 32)
    small.eval()
    with torch.no_grad():
        small(image)
    assert not norm.running_mean.any()
    small.train()
    into: list[Tensor] = []
    norm.register_forward_hook(lambda m, i, o: into.append(i[0].detach()))
    small(image)
    torch.testing.assert_close(norm.running_mean, 0.1 * into[0].mean(dim=(0, 2, 3)))


def test_dropout_drops_in_the_first_two_decoder_blocks_in_training_alone() -> None:
    torch.manual_seed(2)
    network = UNet(UNetConfig(width=16)).train()
    calls = order_of(network, torch.rand(4, 1, 64, 64))
    dropouts = [(i, o) for m, i, o in calls if isinstance(m, nn.Dropout)]
    assert len(dropouts) == 2
    for before, after in dropouts:
        dropped = (after == 0) & (before != 0)
        assert dropped.float().mean().item() == pytest.approx(0.5, abs=0.03)
        torch.testing.assert_close(after[~dropped], 2 * before[~dropped])
    network.eval()
    for module, before, after in order_of(network, torch.rand(4, 1, 64, 64)):
        assert not isinstance(module, nn.Dropout) or torch.equal(before, after)


def test_the_last_layer_stays_float32_under_autocast(small: UNet) -> None:
    small.eval()
    image = torch.rand(1, 1, 64, 64)
    seen: dict[str, torch.dtype] = {}
    small.encoder[1].register_forward_hook(lambda m, i, o: seen.update(encoder=o.dtype))
    small.last.register_forward_hook(lambda m, i, o: seen.update(last=o.dtype))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out = small(image)
    assert seen == {"encoder": torch.bfloat16, "last": torch.float32}
    assert out.dtype == torch.float32
    # More distinct values than bfloat16 has between 0.25 and 1.
    assert out.unique().numel() > 300
    with torch.no_grad():
        torch.testing.assert_close(out, small(image), atol=0.02, rtol=0)


def test_a_linear_output_is_the_logit_of_a_sigmoid_one() -> None:
    sigmoid, linear = UNet(UNetConfig(width=3)), UNet(UNetConfig(width=3, output="linear"))
    linear.load_state_dict(sigmoid.state_dict())
    image = torch.randn(2, 1, 32, 64)
    with torch.no_grad():
        a, b = sigmoid.eval()(image), linear.eval()(image)
    torch.testing.assert_close(a, 1 / (1 + torch.exp(-b)))
    assert b.min() < 0  # nothing is clipped in the network


@pytest.mark.parametrize(("width", "depth"), [(3, 3), (5, 4), (2, 6)])
def test_width_and_depth(width: int, depth: int) -> None:
    config = UNetConfig(width=width, depth=depth)
    assert config.channels == [width * f for f in (1, 2, 4, 8, 8, 8)[:depth]]
    assert config.divisor == 2**depth
    side = 2 * config.divisor
    network = UNet(config).eval()
    sides = [
        o.shape[-1]
        for m, _, o in order_of(network, torch.rand(1, 1, side, side))
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]
    down = [side // 2 ** (n + 1) for n in range(depth)]
    assert sides == [*down, *down[-2::-1], side, side]


def test_every_parameter_gets_a_gradient(small: UNet) -> None:
    small.train()
    small(torch.rand(2, 1, 64, 64)).square().mean().backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        ({"depth": 2}, "2"),
        ({"width": 0}, "0"),
        ({"in_channels": -1}, "-1"),
        ({"dropout": 1.0}, "1.0"),
        ({"dropout": -0.1}, "-0.1"),
        ({"dropout": float("nan")}, "nan"),
        ({"output": "tanh"}, "tanh"),
    ],
)
def test_impossible_sizes_are_named(wrong: dict[str, object], got: str) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} .* got .*{got}"):
        UNetConfig(**wrong)  # type: ignore[arg-type]
