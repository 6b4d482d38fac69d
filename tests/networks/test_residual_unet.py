"""The residual u-net: what it is made of, and that it needs no batch."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from mrtoct.networks.residual_unet import ResidualUNet, ResidualUNetConfig, normalisation


@pytest.fixture(params=["instance", "group"])
def small(request: pytest.FixtureRequest) -> ResidualUNet:
    torch.manual_seed(1)
    return ResidualUNet(ResidualUNetConfig(in_channels=3, width=4, depth=2, norm=request.param))


def expected_parameters(config: ResidualUNetConfig) -> int:
    def block(before: int, after: int) -> int:
        adapt = before * after if before != after else 0
        return 9 * before * after + 9 * after * after + 4 * after + adapt

    def layer(before: int, after: int) -> int:
        return 9 * before * after + after

    c = config.channels
    count = layer(config.in_channels, c[0]) + block(c[0], c[0])
    for before, after in pairwise(c):
        count += layer(before, after) + block(after, after)
        count += layer(after, before) + block(2 * before, before)
    return count + c[0] * config.out_channels + config.out_channels


@pytest.mark.parametrize(
    "config",
    [
        ResidualUNetConfig(),
        ResidualUNetConfig(in_channels=2, width=5, depth=1, norm="group"),
        ResidualUNetConfig(in_channels=7, out_channels=2, width=3, depth=5),
    ],
)
def test_parameters_by_their_layers(config: ResidualUNetConfig) -> None:
    network = ResidualUNet(config)
    assert sum(p.numel() for p in network.parameters()) == expected_parameters(config)
    assert not any(isinstance(m, nn.ConvTranspose2d) for m in network.modules())


def test_shapes_on_the_way() -> None:
    config = ResidualUNetConfig(in_channels=6, width=2, depth=4)
    assert config.channels == [2, 4, 8, 16, 16]
    network = ResidualUNet(config)
    seen: list[tuple[int, ...]] = []
    for block in [*network.encoder, *(d["block"] for d in network.decoder)]:  # type: ignore[index]
        block.register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape[1:])))
    with torch.no_grad():
        out = network(torch.rand(2, 6, 48, 64))
    down = [(4, 24, 32), (8, 12, 16), (16, 6, 8), (16, 3, 4)]
    assert seen == [*down, *down[-2::-1], (2, 48, 64)]
    assert out.shape == (2, 1, 48, 64)
    assert out.min() > 0 and out.max() < 1


def test_an_image_does_not_depend_on_its_batch(small: ResidualUNet) -> None:
    images = torch.rand(3, 3, 16, 20)
    with torch.no_grad():
        together = small(images)
        for mode in (True, False):
            small.train(mode)
            for n in range(3):
                torch.testing.assert_close(small(images[n : n + 1]), together[n : n + 1])


def test_a_block_starts_from_its_input() -> None:
    """Without its change a block of equal channels is a leaky ReLU of what it was given."""
    network = ResidualUNet(ResidualUNetConfig(width=4, depth=1))
    block = network.first[1]
    nn.init.zeros_(block.change[-1].weight)  # type: ignore[union-attr, arg-type, index]
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(block(x), torch.where(x > 0, x, 0.01 * x))


def test_every_parameter_gets_a_gradient(small: ResidualUNet) -> None:
    small(torch.rand(2, 3, 16, 16)).square().mean().backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        # A bias before a norm of single channels only shifts what the norm centres again.
        assert parameter.grad.any() or name.endswith("bias"), name


@pytest.mark.parametrize("where", [0, 1, 2])
def test_every_slice_is_seen(small: ResidualUNet, where: int) -> None:
    images = torch.rand(1, 3, 16, 16)
    changed = images.clone()
    changed[:, where] += 0.1 * torch.rand(16, 16)
    with torch.no_grad():
        assert (small(images) - small(changed)).abs().max() > 1e-5


def test_group_norm_averages_eight_channels() -> None:
    torch.manual_seed(2)
    x = torch.randn(2, 16, 3, 5)
    grouped = normalisation(16, "group")(x).detach()
    groups = x.reshape(2, 2, 8 * 15)
    expected = (groups - groups.mean(2, keepdim=True)) / groups.std(2, keepdim=True, correction=0)
    torch.testing.assert_close(grouped, expected.reshape(x.shape), atol=1e-4, rtol=0)
    whole = normalisation(6, "group")(x[:, :6]).detach()  # not a multiple of eight: all together
    assert whole[0].mean().abs() < 1e-6
    assert whole[0].std(correction=0).item() == pytest.approx(1, abs=1e-3)


def test_a_few_steps_teach_it_a_map(small: ResidualUNet) -> None:
    """Bright in the middle slice is dark in the CT; a neighbour alone could not say."""
    generator = torch.Generator().manual_seed(3)
    adam = torch.optim.Adam(small.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        mr = torch.rand(4, 3, 16, 16, generator=generator)
        loss = (small(mr) - (1 - mr[:, 1:2])).abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.5 * losses[0]
    assert sum(losses[-5:]) / 5 < 0.15  # 0.25 is the best constant


def test_the_last_layer_stays_float32_under_autocast(small: ResidualUNet) -> None:
    image: Tensor = torch.rand(1, 3, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out = small(image)
    assert out.dtype == torch.float32
    with torch.no_grad():
        torch.testing.assert_close(out, small(image), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        ({"in_channels": 0}, "0"),
        ({"width": 0}, "0"),
        ({"depth": 0}, "0"),
        ({"norm": "batch"}, "'batch'"),
        ({"stem": "third"}, "'third'"),
        ({"widest": 0}, "0"),
        ({"output": "relu"}, "'relu'"),
    ],
)
def test_impossible_sizes_are_named(wrong: dict[str, object], got: str) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must .* got {got}"):
        ResidualUNetConfig(**wrong)  # type: ignore[arg-type]


def test_a_stem_of_half_resolution() -> None:
    """Blocks see half the sides, channels stop growing at widest, each pixel is drawn again."""
    torch.manual_seed(5)
    config = ResidualUNetConfig(in_channels=3, width=4, depth=2, stem="half", widest=2)
    assert config.channels == [4, 8, 8]
    assert config.divisor == 8
    network = ResidualUNet(config)
    seen: list[tuple[int, ...]] = []
    for block in [network.first, *network.encoder]:
        block.register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape[1:])))
    image = torch.rand(2, 3, 24, 16)
    out = network(image)
    assert seen == [(4, 12, 8), (8, 6, 4), (8, 3, 2)]
    assert out.shape == (2, 1, 24, 16)
    out.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    # Each of the four pixels of a block has its own say in the CT: nothing is thrown away.
    for i, j in ((4, 4), (4, 5), (5, 4), (5, 5)):
        changed = image.clone()
        changed[:, :, i, j] += 1
        assert (network(changed) - out).abs().max() > 1e-6


def test_a_configuration_of_before_is_one_of_full_resolution() -> None:
    """Bundles and recipes that say nothing of a stem keep their network."""
    told = {"width": 4, "depth": 2, "norm": "instance", "kind": "residual_unet"}
    config = TypeAdapter(ResidualUNetConfig).validate_python(told)
    assert (config.stem, config.widest, config.divisor) == ("full", 8, 4)
    assert ResidualUNet(config).refine is None
