"""The patch discriminator against Table 3 of the paper, read from the running modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.training.losses import (
    adversarial_discriminator,
    adversarial_generator,
    least_square_discriminator,
    least_square_generator,
)

# Kernel, stride, input channels, output channels, side at 384 x 384.
TABLE_3 = [
    (4, 2, 2, 64, 192),
    (4, 2, 64, 128, 96),
    (4, 2, 128, 256, 48),
    (4, 2, 256, 512, 24),
    (4, 1, 512, 1, 24),
]


def test_every_layer_is_table_3() -> None:
    network = PatchDiscriminator()
    seen: list[tuple[int, ...]] = []
    names: list[str] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        names.append(type(module).__name__)
        if isinstance(module, nn.Conv2d):
            assert module.kernel_size[0] == module.kernel_size[1]
            assert out.shape[2] == out.shape[3]
            row = (module.kernel_size[0], module.stride[0], inputs[0].shape[1], *out.shape[1:3])
            seen.append(row)

    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(note)
    with torch.no_grad():
        scores = network(torch.rand(1, 1, 384, 384), torch.rand(1, 1, 384, 384))
    assert seen == TABLE_3
    assert names == ["Conv2d", "LeakyReLU"] * 4 + ["Conv2d"]
    assert scores.shape == (1, 1, 24, 24)
    weights = sum(k * k * i * o + o for k, _, i, o, _ in TABLE_3)
    assert sum(p.numel() for p in network.parameters()) == weights == 2_763_713


def test_scores_are_not_squashed() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(PatchDiscriminatorConfig(width=4))
    scores = network(30 * torch.randn(2, 1, 64, 64), 30 * torch.randn(2, 1, 64, 64))
    assert scores.min() < 0 and scores.max() > 1


def test_a_score_sees_its_own_place_in_both_images() -> None:
    """A window of 94 pixels, 8 pixels past the middle of the 16 that the score stands for."""
    torch.manual_seed(0)
    network = PatchDiscriminator(PatchDiscriminatorConfig(width=2))
    mr, ct = (torch.rand(1, 1, 256, 256).requires_grad_() for _ in range(2))
    network(mr, ct)[0, 0, 8, 6].backward()
    for image in (mr, ct):
        assert image.grad is not None
        for axis, place in ((2, 8), (3, 6)):
            touched = image.grad[0, 0].abs().sum(dim=3 - axis).nonzero().flatten()
            assert touched[-1] - touched[0] + 1 == 94
            # The even last kernel sees one step of 16 pixels more after than before: half of it.
            assert (touched[0] + touched[-1]) / 2 == 16 * place + 7.5 + 8


def test_several_mr_channels_and_other_sizes() -> None:
    network = PatchDiscriminator(PatchDiscriminatorConfig(in_channels=4, width=3, depth=3))
    assert network.config.channels == [3, 6, 12]
    assert network.config.divisor == 8
    assert network(torch.rand(2, 3, 40, 64), torch.rand(2, 1, 40, 64)).shape == (2, 1, 5, 8)


def test_it_may_see_the_ct_alone() -> None:
    network = PatchDiscriminator(PatchDiscriminatorConfig(in_channels=1, width=3, depth=3))
    assert network(torch.rand(2, 1, 40, 64)).shape == (2, 1, 5, 8)


@pytest.mark.parametrize("kind", ["standard", "least square"])
def test_each_loss_moves_its_own_player_only(kind: str) -> None:
    standard = kind == "standard"
    generator_loss = adversarial_generator if standard else least_square_generator
    discriminator_loss = adversarial_discriminator if standard else least_square_discriminator
    torch.manual_seed(1)
    generator = UNet(UNetConfig(width=2, depth=3))
    discriminator = PatchDiscriminator(PatchDiscriminatorConfig(width=3))
    mr, ct = torch.rand(2, 2, 1, 32, 32)

    fake = generator(mr)
    discriminator_loss(discriminator(mr, ct), discriminator(mr, fake.detach())).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in discriminator.parameters())

    discriminator.zero_grad(set_to_none=True)
    discriminator.requires_grad_(False)
    generator_loss(discriminator(mr, fake)).backward()
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in generator.parameters())


@pytest.mark.parametrize(
    ("wrong", "got"), [({"in_channels": 0}, "0"), ({"width": 0}, "0"), ({"depth": -1}, "-1")]
)
def test_impossible_sizes_are_named(wrong: dict[str, int], got: str) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must .* got {got}"):
        PatchDiscriminatorConfig(**wrong)
