"""Losses against NumPy and against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mrtoct.losses import forward_difference, gdl, gdl_absolute, gdl_l1, mae, mse

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
