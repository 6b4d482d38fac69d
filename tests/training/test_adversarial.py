"""Two players in turns: each step improves the right one, and a run can be stopped."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mrtoct.errors import BundleError
from mrtoct.hardware.progress import Update
from mrtoct.networks.context_gan import ContextDiscriminator, ContextDiscriminatorConfig
from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.sampling.slices import Batch
from mrtoct.training.adversarial import JUDGED, Adversarial
from mrtoct.training.curves import CurvePoint, read_curves, signs_of_collapse
from mrtoct.training.setting import set_up
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle
from recipes import tiny_recipe

PLAYERS = {"adversarial": {"width": 4, "weight": 0.05}}


def batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    mr = torch.rand(2, 1, 32, 32, generator=generator)
    ct = (mr > 0.5).float()
    one = torch.ones_like(ct)
    return Batch(mr, ct, one, one, torch.zeros_like(ct))


def players(seed: int = 0, **sections: object) -> tuple[UNet, PatchDiscriminator, Adversarial]:
    torch.manual_seed(seed)
    recipe = tiny_recipe(**{**PLAYERS, **sections})  # type: ignore[arg-type]
    generator = UNet(UNetConfig(width=4, depth=3, dropout=0.0))
    discriminator = PatchDiscriminator(PatchDiscriminatorConfig(width=4))
    fabric, _ = set_up("float32", 4)
    assert recipe.adversarial is not None
    return (
        generator,
        discriminator,
        Adversarial(generator, discriminator, recipe, recipe.adversarial, fabric),
    )


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def test_what_is_left_out_is_shown_to_no_player() -> None:
    """Metal in the real CT that is not covered changes neither network."""
    one = batch()
    covered = torch.ones_like(one.ct)
    covered[..., 8:16, 8:16] = 0
    metal = torch.where(covered > 0, one.ct, torch.tensor(3.0))
    figures = []
    for ct in (one.ct, metal):
        *_, learner = players()
        figures.append(learner.step(replace(one, ct=ct, covered=covered)))
    assert figures[0] == figures[1]
    *_, learner = players()
    assert (
        learner.step(replace(one, ct=metal))["discriminator_loss"]
        != (figures[0]["discriminator_loss"])
    )


@pytest.mark.parametrize("loss", ["standard", "least_square"])
def test_a_step_is_the_two_updates_written_out(loss: str) -> None:
    """The same numbers from an independent step with autograd by hand."""
    kind = {"adversarial": {"width": 4, "weight": 0.05, "loss": loss}}
    generator, discriminator, learner = players(**kind)
    ours, its, _ = players(**kind)
    one = batch()
    figures = learner.step(one)

    ours.train()
    made = ours(one.mr)
    real, fake = its(one.mr, one.ct), its(one.mr, made.detach())
    if loss == "standard":
        d_loss = -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean()) / 2
    else:
        d_loss = ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2
    assert figures["discriminator_loss"].item() == pytest.approx(d_loss.item(), rel=1e-5)
    # The first step of Adam moves every weight by the learning rate against its gradient's sign.
    rate = 2e-3
    gradients = torch.autograd.grad(d_loss, list(its.parameters()))
    for p, g in zip(its.parameters(), gradients, strict=True):
        p.data -= rate * g / (g.abs() + 1e-8)
    torch.testing.assert_close(weights(discriminator), weights(its), rtol=0, atol=2e-5)

    fake = its(one.mr, made)
    if loss == "standard":
        g_loss = -torch.sigmoid(fake).log().mean()
    else:
        g_loss = ((fake - 1) ** 2).mean() / 2
    distance = (made - one.ct).abs().mean()
    assert figures["adversarial_loss"].item() == pytest.approx(g_loss.item(), rel=1e-3)
    assert figures["train_loss"].item() == pytest.approx(distance.item(), rel=1e-5)
    gradients = torch.autograd.grad(distance + 0.05 * g_loss, list(ours.parameters()))
    for p, g in zip(ours.parameters(), gradients, strict=True):
        p.data -= rate * g / (g.abs() + 1e-8)
    close = (weights(generator) - weights(ours)).abs() < 1e-4
    assert close.float().mean() > 0.98  # signs of the smallest gradients are rounding


def test_each_player_gets_its_own_gradient_alone() -> None:
    generator, discriminator, learner = players()
    learner.step(batch())
    before = [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]
    assert before
    assert all(p.requires_grad for p in discriminator.parameters())
    _, fresh, again = players()
    again.step(batch())
    for a, b in zip(fresh.parameters(), discriminator.parameters(), strict=True):
        # What the generator's turn sends through the discriminator does not stay there.
        torch.testing.assert_close(a.grad, b.grad)
    assert all(p.grad is not None for p in generator.parameters())


def test_a_discriminator_in_3d_sees_the_middle_of_a_large_patch() -> None:
    torch.manual_seed(0)
    recipe = tiny_recipe(**PLAYERS)  # type: ignore[arg-type]
    assert recipe.adversarial is not None
    discriminator = ContextDiscriminator(ContextDiscriminatorConfig(width=2, dense=8))
    shapes = []
    discriminator.register_forward_pre_hook(lambda _, shown: shapes.append(shown[0].shape[2:]))
    generator = torch.nn.Conv3d(1, 1, kernel_size=3)
    fabric, _ = set_up("float32", 2)
    learner = Adversarial(generator, discriminator, recipe, recipe.adversarial, fabric)
    mr = torch.rand(2, 1, 22, 22, 22)
    ct = mr[:, :, 1:-1, 1:-1, 1:-1]
    one = torch.ones_like(ct)
    learner.step(Batch(mr, ct, one, one, torch.zeros_like(ct)))
    assert shapes == [(JUDGED,) * 3] * 3
    gradient = generator.weight.grad
    assert gradient is not None and gradient.abs().sum() > 0


def test_both_losses_fall_where_they_can() -> None:
    *_, learner = players(adversarial={"width": 8, "weight": 1e-6})
    first = [learner.step(batch(n)) for n in range(5)]
    for n in range(60):
        last = learner.step(batch(n))
    mean = np.mean([f["train_loss"].item() for f in first])
    assert last["train_loss"].item() < 0.8 * mean
    # Against a generator that does not care, the discriminator wins.
    assert last["discriminator_loss"] < first[0]["discriminator_loss"]
    assert last["score_real"] > last["score_fake"] + 0.2


def test_a_killed_run_resumes_to_the_same_weights(tiny_store: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(**PLAYERS, training={"average": 0.9})

    def kill(update: Update) -> None:
        if update.done == 5:
            raise KeyboardInterrupt

    train(tiny_store, tmp_path / "whole", recipe)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_store, tmp_path / "killed", recipe, watcher=kill)
    train(tiny_store, tmp_path / "killed", recipe, resume=True)
    for name in ("weights", "networks", "optimizer"):
        file = f"last/{name}.safetensors"
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()
    points = read_curves(tmp_path / "killed")
    assert points[-1].step == 6
    for name in ("adversarial_loss", "discriminator_loss", "score_real", "score_fake"):
        assert all(isinstance(getattr(p, name), float) for p in points)


def test_the_average_is_kept_and_differs_from_the_generator(
    tiny_store: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(tiny_store, run, tiny_recipe(training={"average": 0.5, "steps": 4}))
    plain = tmp_path / "plain"
    train(tiny_store, plain, tiny_recipe(training={"steps": 4}))
    average, network = (read_bundle(r / "last")[1] for r in (run, plain))
    import safetensors.torch

    raw = safetensors.torch.load_file(run / "last" / "networks.safetensors")
    assert torch.equal(raw["generator.last.weight"], network.last.weight)  # the same steps
    assert not torch.equal(average.last.weight, network.last.weight)


def test_a_start_takes_over_both_players(tiny_store: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(**PLAYERS)
    train(tiny_store, tmp_path / "first", recipe)
    still = tiny_recipe(
        **PLAYERS, optimizer={"learning_rate": 1e-12}, training={"steps": 1}, focus={"brain": 5}
    )
    last = tmp_path / "first" / "last"
    train(tiny_store, tmp_path / "second", still, start=last)
    for name in ("weights.safetensors", "networks.safetensors"):
        import safetensors.torch

        a, b = (safetensors.torch.load_file(f / name) for f in (last, tmp_path / "second" / "last"))
        for key, tensor in a.items():
            if "running" not in key and "num_batches" not in key:
                torch.testing.assert_close(b[key], tensor, atol=1e-6, rtol=0)
    made = read_bundle(tmp_path / "second" / "last")[0].provenance["start_sha256"]
    assert made == hashlib.sha256((last / "weights.safetensors").read_bytes()).hexdigest()
    with pytest.raises(BundleError, match="is not a bundle"):
        train(tiny_store, tmp_path / "none", still, start=tmp_path)
    assert not (tmp_path / "none").exists()
    wider = tiny_recipe(model={"width": 8})
    with pytest.raises(BundleError, match="cannot be the start for this recipe"):
        train(tiny_store, tmp_path / "third", wider, start=last)


def test_signs_of_collapse() -> None:
    def points(real: list[float], fake: list[float], mae: list[float]) -> list[CurvePoint]:
        return [
            CurvePoint(n, 0.0, 0.0, 0.0, m, 0.0, 0.0, r, f)
            for n, (r, f, m) in enumerate(zip(real, fake, mae, strict=True))
        ]

    fine = points([0.6] * 4, [0.4] * 4, [90, 80, 75, 76])
    assert signs_of_collapse(fine) == []
    assert signs_of_collapse(fine[:2]) == []
    (won,) = signs_of_collapse(points([0.99] * 4, [0.01] * 4, [90, 80, 75, 76]))
    assert "is always right" in won
    (lost,) = signs_of_collapse(points([0.5] * 4, [0.5] * 4, [90, 80, 75, 76]))
    assert "no longer distinguishes" in lost
    (rose,) = signs_of_collapse(points([0.6] * 4, [0.4] * 4, [60, 120, 130, 140]))
    assert "rose from 60 to 140 HU" in rose
    assert signs_of_collapse([CurvePoint(n, 0, 0, 0, 60.0) for n in range(4)]) == []
