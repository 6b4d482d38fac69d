"""Losses against NumPy and against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mrtoct.training.losses import (
    adversarial_discriminator,
    adversarial_generator,
    bone_weight,
    forward_difference,
    gdl,
    gdl_absolute,
    gdl_l1,
    least_square_discriminator,
    least_square_generator,
    mae,
    mse,
)

Loss = Callable[..., Tensor]
SHAPES = [(2, 1, 5, 7), (2, 1, 3, 5, 4)]
DISTANCES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "gdl": lambda a, b: (a - b) ** 2,
    "gdl_absolute": lambda a, b: (abs(a) - abs(b)) ** 2,
    "gdl_l1": lambda a, b: abs(a - b),
}
LOSSES: dict[str, Loss] = {
    "mae": mae, "mse": mse, "gdl": gdl, "gdl_absolute": gdl_absolute, "gdl_l1": gdl_l1
}  # fmt: skip

PREDICTION = torch.tensor([[[[3.0, 4.0], [5.0, 4.0]]]])
TARGET = torch.tensor([[[[1.0, 4.0], [5.0, 2.0]]]])


def gradient(image: np.ndarray, axis: int) -> np.ndarray:
    """x[i + 1] - x[i] one voxel after the other, 0 at the last index."""
    out = np.zeros_like(image)
    moved, from_ = np.moveaxis(out, axis, 0), np.moveaxis(image, axis, 0)
    for i in range(len(from_) - 1):
        moved[i] = from_[i + 1] - from_[i]
    return out


def reference(name: str, x: np.ndarray, y: np.ndarray, w: np.ndarray, reduction: str) -> float:
    if name in ("mae", "mse"):
        maps = [abs(x - y) if name == "mae" else (x - y) ** 2]
    else:
        axes = range(2, x.ndim)
        maps = [DISTANCES[name](gradient(x, a), gradient(y, a)) for a in axes]
    if reduction == "sum":
        return float(sum((m * w).sum() for m in maps))
    return float(sum((m * w).sum() / w.sum() for m in maps))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LOSSES)
def test_numpy_agrees(name: str, shape: tuple[int, ...], weighted: bool, reduction: str) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, *shape))
    w = rng.uniform(0, 3, shape) if weighted else np.ones(shape)
    weight = torch.from_numpy(w) if weighted else None
    value = LOSSES[name](torch.from_numpy(x), torch.from_numpy(y), weight, reduction)
    assert value.shape == ()
    assert value.item() == pytest.approx(reference(name, x, y, w, reduction), rel=1e-10)


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("mae", 2 + 0 + 0 + 2),
        ("mse", 4 + 0 + 0 + 4),
        # Right: 1 - 3 and -1 - -3; down: 2 - 4 and 0 - -2; the last column and row count 0.
        ("gdl", (4 + 4) + (4 + 4)),
        ("gdl_absolute", (4 + 4) + (4 + 4)),
        ("gdl_l1", (2 + 2) + (2 + 2)),
    ],
)
def test_by_hand(name: str, total: float) -> None:
    assert LOSSES[name](PREDICTION, TARGET, reduction="sum").item() == total
    assert LOSSES[name](PREDICTION, TARGET).item() == total / 4


def test_variants_differ_where_a_gradient_changes_sign() -> None:
    rising, falling = torch.tensor([[[[0.0, 3.0]]]]), torch.tensor([[[[3.0, 0.0]]]])
    assert gdl(rising, falling, reduction="sum").item() == 36
    assert gdl_absolute(rising, falling, reduction="sum").item() == 0
    assert gdl_l1(rising, falling, reduction="sum").item() == 6


def test_a_weight_of_zero_hides_a_voxel_and_the_mean_is_over_the_others() -> None:
    weight = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    assert mae(PREDICTION, TARGET, weight).item() == pytest.approx(2 / 3)
    assert mse(PREDICTION, TARGET, 5 * weight).item() == pytest.approx(4 / 3)
    assert mae(PREDICTION, TARGET, 5 * weight, "sum").item() == 10


@pytest.mark.parametrize("name", LOSSES)
def test_no_weight_at_all_is_no_nan(name: str) -> None:
    x = PREDICTION.clone().requires_grad_()
    value = LOSSES[name](x, TARGET, torch.zeros_like(TARGET))
    value.backward()
    assert value.item() == 0
    assert x.grad is not None and not x.grad.any()


@pytest.mark.parametrize("axis", [2, 3, 4])
def test_the_last_forward_difference_is_zero(axis: int) -> None:
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 2, 3, 4, 5)))
    difference = forward_difference(image, axis)
    np.testing.assert_allclose(difference.numpy(), gradient(image.numpy(), axis))
    assert not difference.select(axis, -1).any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_flow(name: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    x, y = (torch.from_numpy(a) for a in rng.normal(size=(2, *shape)))
    w = torch.from_numpy(rng.uniform(0.1, 1, shape))
    assert torch.autograd.gradcheck(lambda p: LOSSES[name](p, y, w), x.requires_grad_())
    assert torch.autograd.gradcheck(lambda p: LOSSES[name](p, y, w, "sum"), x)


@pytest.mark.parametrize("shape", [(2, 1, 3, 5), (3, 1, 2, 4, 3)])
def test_adversarial_losses_are_their_formulas(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    r, f = 3 * rng.normal(size=(2, *shape))
    real, fake = torch.from_numpy(r), torch.from_numpy(f)
    d_real, d_fake = 1 / (1 + np.exp(-r)), 1 / (1 + np.exp(-f))
    expected = {
        adversarial_generator: -np.log(d_fake).mean(),
        least_square_generator: ((f - 1) ** 2).mean() / 2,
    }
    for loss, value in expected.items():
        assert loss(fake).shape == ()
        assert loss(fake).item() == pytest.approx(value, rel=1e-12)
    assert adversarial_discriminator(real, fake).item() == pytest.approx(
        -(np.log(d_real).mean() + np.log(1 - d_fake).mean()) / 2, rel=1e-12
    )
    assert least_square_discriminator(real, fake).item() == pytest.approx(
        (((r - 1) ** 2).mean() + (f**2).mean()) / 2, rel=1e-12
    )


def test_adversarial_losses_by_hand() -> None:
    zero, sure = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 100.0)
    half = torch.full((1, 1, 2, 2), 0.5)
    # A guess: a probability of one half each.
    assert adversarial_generator(zero).item() == pytest.approx(np.log(2))
    assert adversarial_discriminator(zero, zero).item() == pytest.approx(np.log(2))
    assert least_square_discriminator(half, half).item() == 0.25
    assert least_square_generator(half).item() == 0.125
    # Sure and right, sure and wrong: no overflow in the logarithm.
    assert adversarial_discriminator(sure, -sure).item() == pytest.approx(0, abs=1e-30)
    assert adversarial_discriminator(-sure, sure).item() == 100
    assert adversarial_generator(-sure).item() == 100
    assert least_square_discriminator(torch.ones(1), torch.zeros(1)).item() == 0
    assert least_square_generator(torch.tensor([3.0, 1.0])).item() == 1


def test_a_generator_that_is_found_out_still_learns() -> None:
    """The gradient of log(1 - D(fake)) would be the sigmoid of -9: 1e-4."""
    fake = torch.full((1, 1, 2, 2), -9.0, requires_grad=True)
    adversarial_generator(fake).backward()
    assert fake.grad is not None
    np.testing.assert_allclose(fake.grad.numpy(), -1 / 4, rtol=1e-3)


def test_a_discriminator_learns_to_raise_real_and_lower_fake() -> None:
    for loss in (adversarial_discriminator, least_square_discriminator):
        real, fake = (torch.full((1, 1, 2, 3), 0.3, requires_grad=True) for _ in range(2))
        loss(real, fake).backward()
        assert real.grad is not None and fake.grad is not None
        assert (real.grad < 0).all() and (fake.grad > 0).all()


def test_bone_counts_more_and_only_inside() -> None:
    target = torch.tensor([[[[0.1, 0.4, 0.5, 0.4]]]])
    inside = torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]])
    weight = bone_weight(target, inside, bone_above=0.3, boost=2.0)
    assert weight.tolist() == [[[[1.0, 3.0, 3.0, 0.0]]]]
    prediction = torch.tensor([[[[0.2, 0.6, 0.5, 9.0]]]])
    # (1 x 0.1 + 3 x 0.2 + 3 x 0) / (1 + 3 + 3)
    assert mae(prediction, target, weight).item() == pytest.approx(0.1)
    assert bone_weight(target, inside, 0.3, 0.0).equal(inside)
