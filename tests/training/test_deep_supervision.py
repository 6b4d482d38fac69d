"""Losses at several resolutions, against sums that numpy makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.residual_encoder import ResidualEncoderConfig
from mrtoct.sampling.slices import Batch
from mrtoct.training.deep_supervision import halved, is_supervised, supervised_loss
from mrtoct.training.expected_error import RegressionWithError
from mrtoct.training.recipe import Recipe

RECIPE = Recipe.model_validate(
    {
        "name": "deep",
        "model": {"kind": "residual_encoder", "width": 8, "blocks": [1, 1, 1], "supervised": 2},
        "loss": [{"term": "mae", "weight": 2.0}, {"term": "mse"}],
        "focus": {"bone": 1.5, "outside": 0.25},
        "optimizer": {"learning_rate": 3e-3, "beta1": 0.9},
        "training": {"steps": 1, "precision": "float32"},
    }
)
BONE = (250 + 1024) / 4095


def a_batch(shape: tuple[int, int, int] = (8, 4, 12)) -> Batch:
    generator = torch.Generator().manual_seed(4)
    mr, ct, covered, head = torch.rand((4, 2, 1, *shape), generator=generator)
    head = (head > 0.4).float()
    return Batch(mr, ct, (covered > 0.2).float(), head, torch.zeros_like(head))


def means(values: np.ndarray) -> np.ndarray:
    """The mean of each 2 x 2 x 2 voxels of (N, 1, I, J, K)."""
    n, c, i, j, k = values.shape
    return values.reshape(n, c, i // 2, 2, j // 2, 2, k // 2, 2).mean(axis=(3, 5, 7))


def by_hand(made: np.ndarray, ct: np.ndarray, covered: np.ndarray, head: np.ndarray) -> float:
    weight = covered * (0.25 + 0.75 * head) * np.where(ct > BONE, 2.5, 1.0)
    error = made - ct
    return float((weight * (2 * np.abs(error) + error**2)).sum() / weight.sum())


def test_the_loss_is_the_sum_over_resolutions_computed_by_hand() -> None:
    batch = a_batch()
    generator = torch.Generator().manual_seed(5)
    made = [torch.rand((2, 1, 8 // n, 4 // n, 12 // n), generator=generator) for n in (1, 2, 4)]
    seen = [t.double().numpy() for t in (batch.ct, batch.covered, batch.head)]
    wanted = []
    for level, one in enumerate(made):
        seen = [means(values) for values in seen] if level else seen
        wanted.append(by_hand(one.double().numpy(), *seen))
    loss = supervised_loss(RECIPE, made, batch)
    assert float(loss) == pytest.approx(
        (wanted[0] + wanted[1] / 2 + wanted[2] / 4) / 1.75, rel=1e-5
    )
    assert float(supervised_loss(RECIPE, made[:1], batch)) == pytest.approx(wanted[0], rel=1e-5)


def test_a_coarse_batch_holds_the_means_of_the_fine_one() -> None:
    batch, coarse = a_batch(), halved(a_batch())
    for name in ("mr", "ct", "covered", "head", "brain"):
        np.testing.assert_allclose(
            getattr(coarse, name).numpy(), means(getattr(batch, name).numpy()), rtol=1e-6
        )


def test_a_step_lowers_the_loss_at_every_resolution() -> None:
    torch.manual_seed(6)
    network = RECIPE.model.build()
    learner = RegressionWithError(network, RECIPE, Fabric(accelerator="cpu", devices=1))
    batch = a_batch()

    def losses() -> list[float]:
        with torch.no_grad():
            fine, coarse = network(batch.mr, every=True)
        return [
            float(supervised_loss(RECIPE, [made], shown))
            for made, shown in ((fine[:, :1], batch), (coarse, halved(batch)))
        ]

    before = losses()
    told = float(learner.step(batch)["train_loss"])
    assert told == pytest.approx((before[0] + before[1] / 2) / 1.5, rel=1e-4)
    for _ in range(15):
        learner.step(batch)
    after = losses()
    assert after[0] < 0.9 * before[0]
    assert after[1] < 0.9 * before[1]


def test_networks_say_whether_they_are_supervised_so() -> None:
    assert is_supervised(RECIPE.model)
    assert not is_supervised(HeadUNetConfig())
    assert not is_supervised(ResidualEncoderConfig(supervised=1))
