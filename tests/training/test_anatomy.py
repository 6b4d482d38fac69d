"""The anatomical loss, against its features by hand; the network behind it, taught for a moment."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from layered_head import BIG, layered_head
from mrtoct.errors import CohortError, FileError, RecipeError
from mrtoct.io.files import write_volume
from mrtoct.networks.segmenter import CLASSES, Segmenter
from mrtoct.phantom.tissues import Tissue
from mrtoct.sampling.slices import Batch
from mrtoct.training import anatomy as anatomy_module
from mrtoct.training.anatomy import anatomy
from mrtoct.training.deep_supervision import halved, supervised_loss
from mrtoct.training.distance import require_terms
from mrtoct.training.losses import LOSSES
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.segmentation import CLASS_OF, segmentation_loss, teach
from mrtoct.volume import Grid, Volume


@pytest.fixture
def segmenter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """A network of random weights in the place of the one that comes with the package."""
    torch.manual_seed(8)
    network = Segmenter().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    safetensors.torch.save_file(network.state_dict(), tmp_path / "weights.safetensors")
    monkeypatch.setattr(anatomy_module, "WEIGHTS", tmp_path / "weights.safetensors")
    return network


def two(shape: tuple[int, int, int] = (8, 12, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    prediction, target = torch.rand((2, 2, 1, *shape), generator=generator)
    return prediction, target


def by_hand(
    network: Segmenter, prediction: torch.Tensor, target: torch.Tensor, weight: np.ndarray
) -> list[np.ndarray]:
    """Of each resolution, weight times relative difference, and the weights, (N, I, J, K) each."""
    found = []
    with torch.no_grad():
        pairs = zip(network.features(prediction), network.features(target), strict=True)
        for level, (ours, theirs) in enumerate(pairs):
            a, b = ours.double().numpy(), theirs.double().numpy()
            n, side = len(a), 2**level
            i, j, k = a.shape[2:]
            coarse = weight.reshape(n, i, side, j, side, k, side).mean(axis=(2, 4, 6))
            found.append((coarse * np.abs(a - b).mean(axis=1) / np.abs(b).mean(), coarse))
    return found


def test_the_loss_is_the_relative_difference_of_features(segmenter: Segmenter) -> None:
    prediction, target = two()
    weight = np.random.default_rng(2).random((2, 8, 12, 4))
    wanted = by_hand(segmenter, prediction, target, weight)
    told = anatomy(prediction, target, torch.from_numpy(weight)[:, None].float())
    assert float(told) == pytest.approx(
        np.mean([values.sum() / w.sum() for values, w in wanted]), rel=1e-4
    )
    told = anatomy(prediction, target, torch.from_numpy(weight)[:, None].float(), "sum")
    assert float(told) == pytest.approx(
        np.mean([values.sum() * 8**n for n, (values, _) in enumerate(wanted)]), rel=1e-4
    )
    wanted = by_hand(segmenter, prediction, target, np.ones((2, 8, 12, 4)))
    assert float(anatomy(prediction, target)) == pytest.approx(
        np.mean([values.mean() for values, _ in wanted]), rel=1e-4
    )
    assert float(anatomy(target, target)) == 0
    assert LOSSES["anatomy"] is anatomy


def test_odd_sides_are_filled_with_air_that_does_not_count(segmenter: Segmenter) -> None:
    prediction, target = two((5, 8, 7))
    padded = [torch.nn.functional.pad(t, (0, 1, 0, 0, 0, 3)) for t in (prediction, target)]
    weight = torch.nn.functional.pad(torch.ones_like(target), (0, 1, 0, 0, 0, 3))
    torch.testing.assert_close(anatomy(prediction, target), anatomy(*padded, weight))


def test_a_ct_can_follow_its_gradient_and_the_network_stays(segmenter: Segmenter) -> None:
    start, target = two()
    made = start.clone().requires_grad_()
    before = anatomy(made, target)
    before.backward()
    assert made.grad is not None
    with torch.no_grad():
        better = start - 0.01 * made.grad / made.grad.abs().max()
        assert anatomy(better, target) < before
    kept = anatomy_module.segmenter_on(anatomy_module.WEIGHTS, torch.device("cpu"))
    assert all(p.grad is None for p in kept.parameters())


def a_recipe(**sections: object) -> Recipe:
    base = load_recipe("residual-3d").model_dump(mode="json")
    terms = [{"term": "mae"}, {"term": "anatomy", "weight": 0.5}]
    return Recipe.model_validate({**base, "loss": terms, **sections})


def test_of_several_resolutions_the_finest_alone_is_looked_at(segmenter: Segmenter) -> None:
    prediction, target = two()
    ones = torch.ones_like(target)
    batch = Batch(target, target, ones, ones, torch.zeros_like(ones))
    recipe = a_recipe(focus={})
    coarse = torch.nn.functional.avg_pool3d(prediction, 2) + 0.1
    error = (coarse - halved(batch).ct).abs().mean()
    wanted = (prediction - target).abs().mean() + anatomy(prediction, target) / 2 + error / 2
    torch.testing.assert_close(supervised_loss(recipe, [prediction, coarse], batch), wanted / 1.5)


def test_what_it_needs_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="needs a 3-D network"):
        a_recipe(model={"kind": "unet"}, data={}, patches={}, optimizer={})
    with pytest.raises(ValueError, match="the HU window -1024 to 3071, got -1000 to 2000"):
        a_recipe(data={"hu_window": {"low": -1000, "high": 2000}})
    monkeypatch.setattr(anatomy_module, "WEIGHTS", tmp_path / "none.safetensors")
    with pytest.raises(RecipeError, match=r"missing \(.*none.safetensors\); make them with python"):
        require_terms(a_recipe())
    require_terms(load_recipe("residual-3d"))  # which does without
    monkeypatch.setattr(anatomy_module, "WEIGHTS", tmp_path / "odd.safetensors")
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "odd.safetensors")
    with pytest.raises(RecipeError, match="holds no weights of a segmentation network"):
        require_terms(a_recipe())


def test_every_tissue_has_its_class() -> None:
    names = {tissue: CLASSES[CLASS_OF[tissue]] for tissue in Tissue}
    assert names[Tissue.AIR] == "outside"
    assert names[Tissue.INNER_AIR] == "air"
    assert names[Tissue.DIPLOE] == names[Tissue.ENAMEL] == "bone"
    assert names[Tissue.CSF] == names[Tissue.WHITE_MATTER] == "brain"
    assert names[Tissue.FAT] == "fat"
    assert names[Tissue.MUSCLE] == names[Tissue.SKIN] == names[Tissue.VITREOUS] == "soft tissue"


def test_the_loss_of_the_segmentation_by_hand() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn((1, len(CLASSES), 2, 3, 2), generator=generator)
    labels = torch.tensor([0, 2, 2, 5, 0, 2, 0, 0, 5, 5, 2, 2]).reshape(1, 2, 3, 2)
    p = np.exp(scores[0].double().numpy().reshape(len(CLASSES), -1))
    p /= p.sum(axis=0)
    truth = labels.numpy().ravel()
    entropy = -np.log(p[truth, np.arange(12)]).mean()
    dice = [2 * p[c, truth == c].sum() / (p[c].sum() + (truth == c).sum()) for c in (0, 2, 5)]
    told = float(segmentation_loss(scores, labels))
    assert told == pytest.approx(entropy + 1 - np.mean(dice), rel=1e-5)


def test_it_is_taught_on_simulated_cts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = layered_head(BIG)
    i, j, k = voxels.shape
    sources, out = tmp_path / "sources", tmp_path / "weights.safetensors"
    write_volume(sources / "one.nii.gz", Volume(voxels, Grid((i, j, k), np.eye(4)), "label"))
    monkeypatch.setattr("mrtoct.training.segmentation.VARIANTS", 4)
    monkeypatch.setattr("mrtoct.training.segmentation.SIZE", (32, 32, 32))
    dice = teach(sources, out, steps=40, device="cpu")
    assert list(dice) == list(CLASSES)
    assert dice["outside"] > 0.8
    assert dice["bone"] > 0.4
    assert not any(math.isnan(v) or v > 1 for name, v in dice.items() if name in ("bone", "brain"))
    stored = safetensors.torch.load_file(out)
    assert {t.dtype for t in stored.values()} == {torch.float16}
    assert out.stat().st_size < 2e6
    monkeypatch.setattr(anatomy_module, "WEIGHTS", out)
    prediction, target = two()
    assert 0 < float(anatomy(prediction, target)) < 10
    with pytest.raises(FileError, match="exists"):
        teach(sources, out, steps=1, device="cpu")
    (tmp_path / "cts").mkdir()
    ct = Volume(np.where(voxels > 0, 40, -1024).astype(np.int16), Grid((i, j, k), np.eye(4)), "HU")
    write_volume(tmp_path / "cts" / "ct" / "a.nii.gz", ct)
    with pytest.raises(CohortError, match="holds no label maps"):
        teach(tmp_path / "cts", tmp_path / "b.safetensors", steps=1)
