"""A network that learns how wrong it is, against the mean error that it really makes."""

from __future__ import annotations

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from mrtoct.sampling.slices import Batch
from mrtoct.training.expected_error import THOUSAND_HU, RegressionWithError
from mrtoct.training.recipe import Recipe

HALF = 0.04
"""Half of the voxels are this far above 0.5, half below."""


class Constant(nn.Module):
    """One CT and one expected error everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor([0.45, 1.0]))

    def forward(self, mr: Tensor) -> Tensor:
        return self.values.reshape(1, 2, 1, 1, 1) * torch.ones_like(mr)


def batch(covered: Tensor | None = None) -> Batch:
    ones = torch.ones(1, 1, 4, 4, 8)
    ct = torch.full_like(ones, 0.5 + HALF)
    ct[..., ::2] = 0.5 - HALF
    ct[..., 0] = 0.9  # of few voxels, or of none that count
    covered = ones if covered is None else covered
    return Batch(mr=ones, ct=ct, covered=covered, head=ones, brain=torch.zeros_like(ones))


@pytest.fixture
def learner() -> RegressionWithError:
    recipe = Recipe.model_validate(
        {
            "name": "toy",
            "model": {"kind": "head_unet"},
            "simulation": {},
            "optimizer": {"learning_rate": 0.02, "beta1": 0.9},
            "training": {"steps": 1},
        }
    )
    return RegressionWithError(Constant(), recipe, Fabric(accelerator="cpu", devices=1))


def test_the_expected_error_becomes_the_mean_error(learner: RegressionWithError) -> None:
    covered = torch.ones(1, 1, 4, 4, 8)
    covered[..., 0] = 0
    shown = batch(covered)
    for group in learner.state.optimizers["generator"].param_groups:
        group["lr"] = 0.02
    losses = [float(learner.step(shown)["train_loss"]) for _ in range(400)]
    ct, log_error = learner.state.translator.values.tolist()  # type: ignore[operator]
    assert ct == pytest.approx(0.5, abs=HALF + 0.02)  # any value between the two is as good
    error = (torch.tensor(ct) - shown.ct).abs()[..., 1:].mean() * THOUSAND_HU
    assert log_error == pytest.approx(float(error.log()), abs=0.05)
    assert losses[-1] < losses[0]


def test_the_loss_that_is_told_is_that_of_the_ct_alone(learner: RegressionWithError) -> None:
    shown = batch()
    told = float(learner.step(shown)["train_loss"])
    assert told == pytest.approx(float((0.45 - shown.ct).abs().mean()), rel=1e-5)


def test_what_is_not_covered_counts_in_neither(learner: RegressionWithError) -> None:
    before = learner.state.translator.values.detach().clone()  # type: ignore[operator, union-attr]
    learner.step(batch(torch.zeros(1, 1, 4, 4, 8)))
    after = learner.state.translator.values.detach()  # type: ignore[operator, union-attr]
    torch.testing.assert_close(after, before)
