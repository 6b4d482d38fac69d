"""Time in words; recipes that fit it and stay comparable."""

from __future__ import annotations

import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.sampling.augment import Augmentation
from mrtoct.study.budget import parse_budget, scaled, what_was_scaled
from mrtoct.study.experiments import paper_experiments


@pytest.mark.parametrize(
    ("text", "minutes"), [("90s", 1.5), ("20m", 20), ("2h", 120), ("1h30m", 90), ("0.5m", 0.5)]
)
def test_times_are_read(text: str, minutes: float) -> None:
    assert parse_budget(text) == pytest.approx(minutes)


@pytest.mark.parametrize("text", ["20", "m", "20 m", "-5m", "0m", "", "2d", "20mm", "nan"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ValueRangeError, match="is not a time budget; give a time above 0 as 90s"):
        parse_budget(text)


def small(minutes: float, device: str = "cpu"):
    full = paper_experiments()
    return {e.name: e.recipe for e in scaled(full, minutes, (2.0, 2.0, 3.0), (97, 128), device)}


def test_all_trainings_together_take_the_time() -> None:
    recipes = small(31)
    assert sum(r.training.minutes for r in recipes.values()) == pytest.approx(31)
    assert recipes["unet-mae"].training.minutes == recipes["modern"].training.minutes
    assert recipes["pix2pix-boost"].training.minutes == pytest.approx(
        recipes["pix2pix"].training.minutes / 3
    )


def test_slices_hold_the_largest_head_and_voxels_are_the_stores() -> None:
    for recipe in small(20).values():
        assert recipe.data.size == (128, 128)
        assert recipe.data.spacing == (2.0, 2.0, 3.0)


def test_what_is_compared_differs_in_nothing_else() -> None:
    recipes = small(20)
    plain, gdl, gan = (
        recipes[n].model_dump(exclude={"name", "description"})
        for n in ("unet-mae", "unet-mae-gdl", "pix2pix")
    )
    for values in (plain, gdl, gan):
        values["training"].pop("steps")  # a limit out of reach
    assert {k for k in plain if plain[k] != gdl[k]} == {"loss"}
    assert {k for k in plain if plain[k] != gan[k]} == {"adversarial"}


def test_a_loss_that_is_a_sum_keeps_its_part_in_the_whole() -> None:
    recipe = small(20)["unet-mae-gdl"]
    pixels = recipe.training.batch * 128 * 128
    assert recipe.loss[1].weight * pixels == pytest.approx(1e-7 * 16 * 384 * 384)
    assert recipe.loss[0].weight == 1


def test_networks_are_narrow_on_a_cpu_and_the_papers_on_a_gpu() -> None:
    widths = {name: r.model.width for name, r in small(20).items()}
    assert (widths["unet-mae"], widths["context-gan"]) == (16, 8)
    widths = {name: r.model.width for name, r in small(20, "cuda").items()}
    assert (widths["unet-mae"], widths["context-gan"]) == (64, 32)


def test_on_a_cpu_the_modern_network_learns_from_mirror_images_alone() -> None:
    (full,) = (e.recipe for e in paper_experiments() if e.name == "modern")
    assert full.augmentation.flip and full.augmentation.rotation
    assert small(20)["modern"].augmentation == Augmentation(flip=True)
    assert small(20, "cuda")["modern"].augmentation == full.augmentation
    assert small(20)["unet-mae"].augmentation == Augmentation()


def test_the_notes_say_what_changed() -> None:
    full = paper_experiments()
    lines = what_was_scaled(full, scaled(full, 31, (2.0, 2.0, 3.0), (97, 128), "cpu"), 31)
    text = "\n".join(lines)
    assert "together took 31 min: unet-mae 3 min" in text
    assert "2 x 2 x 3 mm (paper: 0.65 x 0.65 x 0.65), slices 128 x 128 (paper: 384 x 384)" in text
    assert "unet-mae 16 instead of 64" in text
    assert "context-gan 8 instead of 32" in text
    assert "2 folds instead of 4" in text
    assert "Augmented by mirror images only: modern." in text
    assert "Patches are 32 voxels of CT wide (paper: 16)" in text
    assert "2 in a batch (paper: 16)" in text
