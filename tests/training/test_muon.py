"""Muon against what linear algebra says of it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mrtoct.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_singular_vectors_stay_and_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    u, values, vh = torch.linalg.svd(matrix, full_matrices=False)
    core = u.T @ orthogonalised(matrix) @ vh.T
    kept = torch.diagonal(core)[values > 0.1 * values[0]]
    assert float(kept.min()) > 0.6
    assert float(kept.max()) < 1.3
    assert float((core - torch.diag(torch.diagonal(core))).abs().max()) < 0.1  # bfloat16


def test_the_size_of_a_gradient_does_not_matter() -> None:
    matrix = torch.randn(5, 9, generator=torch.Generator().manual_seed(4))
    # A power of two: bfloat16 rounds both alike.
    torch.testing.assert_close(orthogonalised(1024 * matrix), orthogonalised(matrix))


def test_a_first_step_is_the_learning_rate_along_the_orthogonal_gradient() -> None:
    weight = nn.Parameter(torch.zeros(4, 2, 3, 1, 1))
    gradient = torch.randn(weight.shape, generator=torch.Generator().manual_seed(5))
    weight.grad = gradient.clone()
    Muon([weight], lr=0.5).step()
    # Momentum of one gradient points along it, whatever its length.
    expected = -0.5 * orthogonalised(gradient.reshape(4, 6)).reshape(weight.shape)
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=0.02)


def test_its_state_can_be_kept_and_taken_up_again() -> None:
    def steps(weight: nn.Parameter, muon: Muon, seeds: range) -> None:
        for seed in seeds:
            weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
            muon.step()

    through, stopped = (nn.Parameter(torch.ones(3, 4)) for _ in range(2))
    whole = Muon([through], lr=0.1)
    steps(through, whole, range(6))
    first = Muon([stopped], lr=0.1)
    steps(stopped, first, range(3))
    again = Muon([stopped], lr=0.1)
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    steps(stopped, again, range(3, 6))
    torch.testing.assert_close(stopped, through, rtol=0, atol=0)
