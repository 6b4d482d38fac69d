"""The context-aware GAN against Tables 4 and 5 of the paper, read from the running modules."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.context_gan import (
    HALO,
    MARGIN,
    ContextDiscriminator,
    ContextDiscriminatorConfig,
    ContextGenerator,
    ContextGeneratorConfig,
)
from mrtoct.networks.fourier import FourierConv3d
from mrtoct.training.losses import (
    adversarial_discriminator,
    adversarial_generator,
    least_square_discriminator,
    least_square_generator,
)

# Kernel, input channels, output channels, side of the output of a 32^3 patch.
TABLE_4 = [
    (9, 1, 32, 24),
    (3, 32, 32, 24),
    (3, 32, 32, 24),
    (3, 32, 32, 24),
    (9, 32, 64, 16),
    (3, 64, 64, 16),
    (3, 64, 32, 16),
    (7, 32, 32, 16),
    (3, 32, 32, 16),
    (3, 32, 1, 16),
]
# The same of a 16^3 patch, before the maximum of each of the four blocks, then the dense layers.
TABLE_5 = [
    (5, 1, 32, 16),
    (5, 32, 64, 14),
    (5, 64, 128, 12),
    (5, 128, 256, 10),
    (1, 256, 512, 8),
    (1, 512, 128, 8),
    (1, 128, 1, 8),
]


def layers_of(network: nn.Module, patch: Tensor) -> tuple[list[tuple[int, ...]], list[str]]:
    rows: list[tuple[int, ...]] = []
    names: list[str] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        names.append("Conv3d" if isinstance(module, nn.Conv3d) else type(module).__name__)
        if isinstance(module, nn.Conv3d):
            assert len({*module.kernel_size}) == len({*out.shape[2:]}) == 1
            assert module.stride == (1, 1, 1)
            rows.append((module.kernel_size[0], *module.weight.shape[1::-1], out.shape[2]))

    hooks = [m.register_forward_hook(note) for m in network.modules() if not list(m.children())]
    with torch.no_grad():
        network(patch)
    for hook in hooks:
        hook.remove()
    return rows, names


def small_generator(**settings: object) -> ContextGenerator:
    torch.manual_seed(3)
    network = ContextGenerator(ContextGeneratorConfig(**{"width": 2, **settings}))  # type: ignore[arg-type]
    return network.eval()


def test_the_generator_is_table_4() -> None:
    network = ContextGenerator().eval()
    rows, names = layers_of(network, torch.rand(1, 1, 32, 32, 32))
    assert rows == TABLE_4
    assert names == ["Conv3d", "BatchNorm3d", "ReLU"] * 9 + ["Conv3d"]
    weights = sum(k**3 * i * o for k, i, o, _ in TABLE_4)
    norms = 2 * sum(o for _, _, o, _ in TABLE_4[:-1])
    count = sum(p.numel() for p in network.parameters())
    assert count == weights + norms + 1  # the bias of the last layer
    assert round(count / 1e6, 2) == 2.15


def test_the_discriminator_is_table_5_with_four_blocks() -> None:
    network = ContextDiscriminator().eval()
    rows, names = layers_of(network, torch.rand(1, 1, 16, 16, 16))
    assert rows == TABLE_5
    block = ["Conv3d", "BatchNorm3d", "ReLU", "MaxPool3d"]
    assert names == block * 4 + ["Conv3d", "ReLU", "Conv3d", "ReLU", "Conv3d"]
    with torch.no_grad():
        assert network(torch.rand(1, 1, 16, 16, 16)).shape == (1, 1, 8, 8, 8)
    weights = sum(k**3 * i * o for k, i, o, _ in TABLE_5)
    norms, biases = 2 * (32 + 64 + 128 + 256), 512 + 128 + 1
    count = sum(p.numel() for p in network.parameters())
    assert count == weights + norms + biases == 5_578_337


def test_the_receptive_field_is_37_voxels_about_the_voxel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FourierConv3d, "slides", lambda self, learns: True)  # exact zeros
    torch.manual_seed(0)
    network = ContextGenerator(ContextGeneratorConfig(width=1, output="linear")).eval()
    # With positive weights no ReLU switches a path off.
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data.abs_()
    mr = torch.rand(1, 1, 41, 41, 41, requires_grad=True)
    network(mr)[0, 0, 12, 13, 11].backward()
    assert mr.grad is not None
    field = mr.grad[0, 0].abs() > 0
    for axis, place in enumerate((12, 13, 11)):
        others = tuple(a for a in range(3) if a != axis)
        touched = field.sum(dim=others).nonzero().flatten()
        assert touched[0] == place + MARGIN - HALO
        assert touched[-1] == place + MARGIN + HALO


def test_a_patch_with_the_halo_gives_the_numbers_of_the_whole_and_a_32_patch_does_not() -> None:
    network = small_generator()
    whole = torch.rand(1, 1, 60, 56, 58)
    at, size = (19, 20, 21), 4
    with torch.no_grad():
        expected = network(whole)[0, 0]
        expected = expected[tuple(slice(a - MARGIN, a - MARGIN + size) for a in at)]

        def around(margin: int) -> Tensor:
            box = tuple(slice(max(a - margin, 0), a + size + margin) for a in at)
            out = network(whole[0, 0][box][None, None])[0, 0]
            middle = tuple(slice((n - size) // 2, (n - size) // 2 + size) for n in out.shape)
            return out[middle]

        torch.testing.assert_close(around(HALO), expected, atol=1e-6, rtol=0)
        assert (around(MARGIN) - expected).abs().max() > 1e-4
        assert (around(HALO - 1) - expected).abs().max() > 1e-6


def test_in_channels_and_output() -> None:
    network = small_generator(in_channels=3)
    assert network(torch.rand(2, 3, 19, 22, 17)).shape == (2, 1, 3, 6, 1)
    sigmoid, linear = small_generator(), small_generator(output="linear")
    linear.load_state_dict(sigmoid.state_dict())
    mr = torch.rand(1, 1, 18, 18, 18)
    with torch.no_grad():
        torch.testing.assert_close(sigmoid(mr), 1 / (1 + torch.exp(-linear(mr))))


def test_the_last_layers_stay_float32_under_autocast() -> None:
    generator = small_generator(width=8)
    discriminator = ContextDiscriminator(ContextDiscriminatorConfig(width=2, dense=8)).eval()
    mr = torch.rand(1, 1, 24, 24, 24)
    with torch.no_grad():
        plain = generator(mr)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ct = generator(mr)
            assert discriminator(ct.repeat(1, 1, 2, 2, 2)).dtype == torch.float32
    assert ct.dtype == torch.float32
    torch.testing.assert_close(ct, plain, atol=0.02, rtol=0)


@pytest.mark.parametrize("kind", ["standard", "least square"])
def test_each_loss_moves_its_own_player_only(kind: str) -> None:
    standard = kind == "standard"
    generator_loss = adversarial_generator if standard else least_square_generator
    discriminator_loss = adversarial_discriminator if standard else least_square_discriminator
    generator = small_generator().train()
    discriminator = ContextDiscriminator(ContextDiscriminatorConfig(width=4, dense=16))
    mr, ct = torch.rand(3, 1, 26, 26, 26), torch.rand(3, 1, 10, 10, 10)

    fake = generator(mr)
    discriminator_loss(discriminator(ct), discriminator(fake.detach())).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in discriminator.parameters())

    discriminator.zero_grad(set_to_none=True)
    discriminator.requires_grad_(False)
    generator_loss(discriminator(fake)).backward()
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.grad is not None and p.grad.any() for p in generator.parameters())


def test_weights_are_xavier_uniform() -> None:
    for network in (ContextGenerator(), ContextDiscriminator()):
        for module in network.modules():
            if not isinstance(module, nn.Conv3d):
                continue
            volume = module.kernel_size[0] ** 3
            bound = (6 / (volume * (module.in_channels + module.out_channels))) ** 0.5
            weight = module.weight.detach()
            assert weight.abs().max() <= bound
            if weight.numel() > 1000:
                assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
            assert module.bias is None or not module.bias.detach().any()


@pytest.mark.parametrize(
    ("config", "wrong", "got"),
    [
        (ContextGeneratorConfig, {"in_channels": 0}, "0"),
        (ContextGeneratorConfig, {"width": -2}, "-2"),
        (ContextGeneratorConfig, {"output": "tanh"}, "'tanh'"),
        (ContextDiscriminatorConfig, {"width": 0}, "0"),
        (ContextDiscriminatorConfig, {"dense": 3}, "3"),
    ],
)
def test_impossible_sizes_are_named(config: type, wrong: dict[str, object], got: str) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must .* got {got}"):
        config(**wrong)
