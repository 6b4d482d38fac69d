"""Recipes: the built-in ones, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mrtoct.errors import FileError, RecipeError
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.training.recipe import FocusSection, Recipe, total_steps
from mrtoct.training.recipe_file import load_recipe, parse_recipe, recipe_names

STEPS = "[training]\nsteps = 10\n"


def problem(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "mine.toml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("mine.toml")
    return message


@pytest.mark.parametrize("name", recipe_names())
def test_built_in_recipes_are_whole(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description.endswith(".")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_the_built_in_recipes() -> None:
    assert recipe_names() == [
        "any-contrast",
        "any-contrast-start",
        "demo",
        "finetune",
        "modern",
        "paper-context-gan",
        "paper-pix2pix",
        "paper-pix2pix-boost",
        "paper-unet-mae",
        "paper-unet-mae-gdl",
        "residual-3d",
        "unet",
        "unpaired",
    ]


@pytest.mark.parametrize(
    ("name", "steps", "terms"),
    [
        ("paper-unet-mae", 20542, [("mae", 1.0, "mean")]),
        ("paper-unet-mae-gdl", 19388, [("mae", 1.0, "mean"), ("gdl", 1e-7, "sum")]),
        ("paper-pix2pix", 37832, [("mae", 1.0, "mean")]),
        ("paper-pix2pix-boost", 51911 - 37832, [("mae", 1.0, "mean")]),
    ],
)
def test_the_papers_recipes_are_table_6_and_section_4_1(
    name: str, steps: int, terms: list[tuple[str, float, str]]
) -> None:
    recipe = load_recipe(name)
    optimizer, training = recipe.optimizer, recipe.training
    assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2) == (2e-4, 0.5, 0.999)
    assert optimizer.schedule == "constant"
    assert (training.steps, training.batch, training.minutes) == (steps, 16, None)
    assert [(t.term, t.weight, t.reduction) for t in recipe.loss] == terms
    assert recipe.data.spacing == (0.65, 0.65, 0.65)
    assert recipe.data.size == (384, 384)
    assert (recipe.model.width, recipe.model.depth, recipe.model.dropout) == (64, 5, 0.5)
    assert not recipe.augmentation.moves
    assert recipe.augmentation.gain == recipe.augmentation.gamma == 0
    assert round(17 * recipe.split.validation) == 4
    assert recipe.split.test == 0


def test_the_papers_adversaries_are_section_3_4() -> None:
    for name in ("paper-pix2pix", "paper-pix2pix-boost"):
        against = load_recipe(name).adversarial
        assert against is not None
        assert (against.loss, against.weight, against.width) == ("least_square", 0.01, 64)
    boost = load_recipe("paper-pix2pix-boost")
    assert boost.focus.brain > 0
    assert boost.focus.brain_sigma == pytest.approx(3 * 0.65)
    assert load_recipe("paper-pix2pix").focus == FocusSection()
    nie = load_recipe("paper-context-gan")
    assert nie.model == ContextGeneratorConfig()
    assert (nie.auto_context.iterations, nie.patches.size) == (3, 16)
    assert nie.adversarial is not None
    assert total_steps(nie) == 20000 * (3 + 2 * 4)


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[trainning]\nsteps = 10\n", "trainning", "training"),
        (STEPS + "vaildate_every = 3\n", "training.vaildate_every", "validate_every"),
        (STEPS + "[data]\nspacin = [1, 1, 1]\n", "data.spacin", "spacing"),
        (STEPS + "[data.hu_window]\nlo = -1000\n", "data.hu_window.lo", "low"),
        (STEPS + "[data.mr_scaling]\nceilng = 2\n", "data.mr_scaling.ceilng", "ceiling"),
        (STEPS + "[model]\nwidht = 8\n", "model.widht", "width"),
        (STEPS + '[model]\nkind = "context"\nwidht = 8\n', "model.widht", "width"),
        (STEPS + "[adversarial]\nwieght = 8\n", "adversarial.wieght", "weight"),
        (STEPS + '[[loss]]\nterm = "mae"\nwieght = 3\n', "loss.0.wieght", "weight"),
        (STEPS + "[optimizer]\nlr_schedule = 1\n", "optimizer.lr_schedule", "schedule"),
        (STEPS + "[augmentation]\nrotate = 3\n", "augmentation.rotate", "rotation"),
        (STEPS + "[split]\nvalidaton = 0.1\n", "split.validaton", "validation"),
    ],
)
def test_a_misspelt_key_names_the_nearest_right_one(text: str, key: str, near: str) -> None:
    assert problem(text) == f"mine.toml: unknown key {key!r}; did you mean {near!r}?"


def test_an_outlandish_key_gets_no_suggestion() -> None:
    assert problem(STEPS + "[model]\nzzz = 1\n") == "mine.toml: unknown key 'model.zzz'"


@pytest.mark.parametrize(
    ("text", "where", "received"),
    [
        ("[training]\nsteps = 0\n", "training.steps", "0"),
        ("[training]\nsteps = 1.5\n", "training.steps", "1.5"),
        (STEPS + "batch = -2\n", "training.batch", "-2"),
        (STEPS + "minutes = 0\n", "training.minutes", "0"),
        (STEPS + "minutes = inf\n", "training.minutes", "inf"),
        (STEPS + 'precision = "half"\n', "training.precision", "'half'"),
        (STEPS + "[optimizer]\nlearning_rate = nan\n", "optimizer.learning_rate", "nan"),
        (STEPS + "[optimizer]\nlearning_rate = inf\n", "optimizer.learning_rate", "inf"),
        (STEPS + "[optimizer]\nbeta1 = 1.0\n", "optimizer.beta1", "1.0"),
        (STEPS + '[[loss]]\nterm = "l1"\n', "loss.0.term", "'l1'"),
        (STEPS + '[[loss]]\nterm = "mae"\nweight = 0\n', "loss.0.weight", "0"),
        (STEPS + "[data]\nspacing = [1, 1, 0]\n", "data.spacing", "[1.0, 1.0, 0.0]"),
        (STEPS + "[data]\nsize = [100, 96]\n", "data.size", "[100, 96]"),
        (STEPS + "[data]\nsize = [0, 32]\n", "data.size", "[0, 32]"),
        (STEPS + "[data]\nsize = [-32, 32]\n", "data.size", "[-32, 32]"),
        (STEPS + "[data]\nsize = [48, 40]\n[model]\ndepth = 4\n", "data.size", "[48, 40]"),
        (STEPS + "[data.hu_window]\nlow = 3\nhigh = 2\n", "data.hu_window", "3.0 to 2.0"),
        (STEPS + "[data.hu_window]\nhigh = inf\n", "data.hu_window.high", "inf"),
        (STEPS + "[data.mr_scaling]\nhigh_percentile = 101\n", "data.mr_scaling", "1.0 and 101.0"),
        (STEPS + "[model]\nwidth = 0\n", "model", "0"),
        (STEPS + "[model]\ndropout = 1\n", "model", "1"),
        (STEPS + '[model]\noutput = "tanh"\n', "model.output", "'tanh'"),
        (STEPS + "[model]\nin_channels = 2\n", "model.in_channels", "2"),
        (STEPS + '[data]\nplanes = ["axial"]\n', "data.planes", "'axial'"),
        (STEPS + "[data]\nplanes = []\n", "planes must be some of transverse, coronal", "[]"),
        (
            STEPS + '[data]\nplanes = ["coronal", "coronal"]\n',
            "planes must be some of transverse, coronal",
            "['coronal', 'coronal']",
        ),
        (
            STEPS + '[data]\nspacing = [1, 1, 3]\nplanes = ["transverse", "coronal"]\n',
            "planes other than transverse need the same spacing",
            "[1.0, 1.0, 3.0] mm",
        ),
        (
            STEPS + '[model]\nkind = "context"\n[patches]\nsize = 8\n[adversarial]\n',
            "patches.size must be at least 9 against a discriminator",
            "8",
        ),
        (STEPS + "[augmentation]\nrotation = -3\n", "augmentation", "-3"),
        (STEPS + "[augmentation]\nscale = 1.5\n", "augmentation", "1.5"),
        (STEPS + "[split]\nvalidation = 1.0\n", "split.validation", "1.0"),
        (STEPS + "[split]\nvalidation = 0.6\ntest = 0.5\n", "split", "0.6 and 0.5"),
    ],
)
def test_an_impossible_value_is_named_with_what_was_received(
    text: str, where: str, received: str
) -> None:
    message = problem(text)
    assert where in message
    assert f"got {received}" in message


def test_what_is_missing_is_named() -> None:
    assert problem("") == "mine.toml: 'training' is missing"
    assert problem("[training]\n") == "mine.toml: 'training.steps' is missing"
    assert problem(STEPS + "[[loss]]\nweight = 1\n") == "mine.toml: 'loss.0.term' is missing"


def test_a_loss_in_single_brackets_is_told_of_double_ones() -> None:
    assert "[[loss]]" in problem(STEPS + '[loss]\nterm = "mae"\n')


def test_invalid_toml_is_one_line_with_its_place() -> None:
    message = problem("[training]\nsteps = \n")
    assert "not valid TOML" in message
    assert "line 2" in message


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "night run.toml"
    path.write_text(STEPS + '[data]\nsize = [64, 96]\n[[loss]]\nterm = "mse"\n')
    recipe = load_recipe(path)
    assert recipe.name == "night run"
    assert recipe.data.size == (64, 96)
    assert [t.term for t in recipe.loss] == ["mse"]
    assert load_recipe(str(path)) == recipe


def test_an_absent_or_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match=r"bytes\.toml is not a readable text file"):
        load_recipe(tmp_path / "bytes.toml")


def test_an_unknown_name_lists_the_recipes() -> None:
    with pytest.raises(RecipeError, match=r"'paper-unet' \(did you mean 'paper-unet-mae'\?\)"):
        load_recipe("paper-unet")
    with pytest.raises(
        RecipeError,
        match="built-in: any-contrast, any-contrast-start, demo, finetune, modern, paper-",
    ):
        load_recipe("qqq")
