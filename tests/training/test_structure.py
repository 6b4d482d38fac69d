"""Structure and histogram losses against loops over pixels and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from mrtoct.training.structure import (
    CT_FLOOR,
    STEPS,
    descriptor,
    histogram_loss,
    structure_loss,
)


def images(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 1, 13, 10, generator=torch.Generator().manual_seed(seed))


def test_the_descriptor_is_heinrichs() -> None:
    """Inside, away from the borders, from NumPy's roll and SciPy's mean filter."""
    image = images()[:1]
    array = image[0, 0].numpy()
    moves = [(s * i, s * j) for i, j in STEPS for s in (1, -1)]
    unlike = np.stack(
        [
            ndimage.uniform_filter((np.roll(array, (-i, -j), (0, 1)) - array) ** 2, 3)
            for i, j in moves
        ]
    )
    expected = np.exp(-unlike / unlike.mean(axis=0))
    found = descriptor(image, 1e-6)[0].numpy()
    np.testing.assert_allclose(found[:, 3:-3, 3:-3], expected[:, 3:-3, 3:-3], rtol=1e-4)


def test_structure_knows_neither_brightness_nor_the_sign_of_contrast() -> None:
    mr, head = images(), torch.ones(2, 1, 13, 10)
    for alike in (mr, 1 - mr, 0.2 + 0.3 * mr):
        assert structure_loss(alike, mr, head).item() == pytest.approx(0, abs=1e-5)
    assert structure_loss(images(1), mr, head) > 0.1


def test_structure_counts_in_the_head_alone() -> None:
    mr, head = images(), torch.zeros(2, 1, 13, 10)
    head[..., :4] = 1
    made = mr.clone()
    made[..., 8:] = images(1)[..., 8:]
    assert structure_loss(made, mr, head).item() == pytest.approx(0, abs=1e-6)
    assert structure_loss(made, mr, 1 - head) > 0.01
    assert structure_loss(made, mr, torch.zeros_like(head)) == 0


def test_a_flat_neighbourhood_is_like_itself() -> None:
    assert descriptor(torch.full((1, 1, 6, 6), 0.3), CT_FLOOR).min() == 1


def test_the_histogram_loss_is_the_wasserstein_distance() -> None:
    made, real = images(), images(1) ** 2
    everywhere = torch.ones_like(made)
    expected = stats.wasserstein_distance(made.flatten().numpy(), real.flatten().numpy())
    found = histogram_loss(made, everywhere, real, everywhere)
    assert found.item() == pytest.approx(expected, rel=0.02)


def test_the_histogram_knows_no_places_and_only_the_head() -> None:
    made = images()
    shuffled = made.flatten()[torch.randperm(made.numel())].reshape(made.shape)
    everywhere = torch.ones_like(made)
    assert histogram_loss(made, everywhere, shuffled, everywhere) == 0
    inside = torch.zeros_like(made)
    inside[..., :5] = 1
    changed = torch.where(inside > 0, made, torch.tensor(9.0))
    assert histogram_loss(changed, inside, made, inside) == 0
    assert histogram_loss(made, 0 * inside, made, inside) == 0


def test_both_have_gradients() -> None:
    made, mr = images().requires_grad_(), images(1)
    everywhere = torch.ones_like(mr)
    loss = structure_loss(made, mr, everywhere) + histogram_loss(made, everywhere, mr, everywhere)
    loss.backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None and made.grad.isfinite().all() and made.grad.any()
