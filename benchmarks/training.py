"""Training steps per second of every model, against the same network in a plain float32 loop.

    python benchmarks/training.py                       the paper's sizes, batch 2 (minutes)
    python benchmarks/training.py --scale small         the sizes of the study on a CPU
    python benchmarks/training.py --only unet-mae,modern

The plain loop is what a tutorial shows: the same network with PyTorch's own convolutions, float32,
the default memory layout, the same loss, Adam. Ours is the step of `mrtoct train` with what it
chooses on this machine; the modern one's moving average of the weights is work that the plain loop
does not have. Both run in turn, A B A B, on the same batch, and medians are compared: on a shared
machine only the ratio means something.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from comparison import compare, with_plain_convolutions
from mrtoct.hardware.devices import bfloat16_pays, device_named
from mrtoct.networks.context_gan import (
    ContextDiscriminator,
    ContextDiscriminatorConfig,
)
from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.sampling.slices import Batch
from mrtoct.study.budget import SCALES
from mrtoct.training import losses
from mrtoct.training.adversarial import JUDGED, Adversarial
from mrtoct.training.distance import distance_loss, middle, within
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.regression import Regression
from mrtoct.training.setting import set_up

RECIPES = {
    "unet-mae": "paper-unet-mae",
    "unet-mae-gdl": "paper-unet-mae-gdl",
    "pix2pix": "paper-pix2pix",
    "context-gan": "paper-context-gan",
    "modern": "modern",
}

Step = Callable[[], object]


def networks(recipe: Recipe) -> tuple[nn.Module, nn.Module | None]:
    """Return the generator and, if the recipe has one, the discriminator."""
    torch.manual_seed(1)
    against = recipe.adversarial
    if recipe.model.sees == "patches":
        judge = against and ContextDiscriminator(ContextDiscriminatorConfig(width=against.width))
        return recipe.model.build(), judge
    seen = 2 * recipe.data.neighbours + 1
    network = replace(recipe.model, in_channels=seen).build()
    judge = against and PatchDiscriminator(
        PatchDiscriminatorConfig(in_channels=seen + 1, width=against.width)
    )
    return network, judge


def random_batch(recipe: Recipe) -> Batch:
    """Return noise of the shapes that the recipe trains on, all of it inside the head."""
    generator = torch.Generator().manual_seed(1)
    if recipe.model.sees == "patches":
        inner = (recipe.patches.size,) * 3
        outer = tuple(n + 2 * recipe.patches.margin for n in inner)
        seen = 1
    else:
        i, j = recipe.data.size
        inner = outer = (j, i)
        seen = 2 * recipe.data.neighbours + 1
    count = recipe.training.batch
    mr = torch.rand((count, seen, *outer), generator=generator)
    ct = torch.rand((count, 1, *inner), generator=generator)
    ones = torch.ones_like(ct)
    return Batch(mr, ct, ones, ones, ones)


def ours(recipe: Recipe, batch: Batch, device: torch.device) -> Step:
    """Return the step of mrtoct train."""
    fabric, layout = set_up(recipe.training.precision, recipe.model.width)
    network, judge = networks(recipe)
    if recipe.model.sees == "patches":
        layout = torch.contiguous_format
    network.to(device, memory_format=layout)  # type: ignore[call-overload]
    shown = batch.to(device, layout)
    if judge is None:
        regression = Regression(network, recipe, fabric)
        return lambda: regression.step(shown)
    assert recipe.adversarial is not None
    assert isinstance(judge, (PatchDiscriminator, ContextDiscriminator))
    judge.to(device, memory_format=layout)  # type: ignore[call-overload]
    adversarial = Adversarial(network, judge, recipe, recipe.adversarial, fabric)
    return lambda: adversarial.step(shown)


def plain(recipe: Recipe, batch: Batch, device: torch.device) -> Step:
    """Return the step of a tutorial's loop."""
    network, judge = networks(recipe)
    if recipe.model.sees == "patches":
        network = with_plain_convolutions(network)
    network.to(device)
    shown = batch.to(device, torch.contiguous_format)
    adam = torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def regression() -> None:
        adam.zero_grad()
        distance_loss(recipe, within(network(shown.mr), shown.ct), shown).backward()
        adam.step()

    if judge is None:
        return regression
    judge = copy.deepcopy(judge).to(device)
    its_adam = torch.optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    against = recipe.adversarial
    assert against is not None

    def scores(ct: Tensor) -> Tensor:
        seen = isinstance(judge, PatchDiscriminator)
        found: Tensor = judge(shown.mr, ct) if seen else judge(middle(ct, (JUDGED,) * 3))
        return found

    def players() -> None:
        made = within(network(shown.mr), shown.ct)
        its_adam.zero_grad()
        real, fake = scores(shown.ct), scores(made.detach())
        standard = against.loss == "standard"
        (
            losses.adversarial_discriminator(real, fake)
            if standard
            else losses.least_square_discriminator(real, fake)
        ).backward()
        its_adam.step()
        adam.zero_grad()
        fake = scores(made)
        deceived = (
            losses.adversarial_generator(fake) if standard else losses.least_square_generator(fake)
        )
        (distance_loss(recipe, made, shown) + against.weight * deceived).backward()
        adam.step()

    return players


def sized(recipe: Recipe, scale: str, batch: int) -> Recipe:
    """Return a recipe at the paper's sizes, or at those of the study on a CPU."""
    values = recipe.model_dump()
    values["training"]["batch"] = batch
    if scale == "small":
        small = SCALES["cpu"][recipe.model.kind]
        values["model"]["width"] = small.width
        values["patches"]["size"] = small.patch
        values["data"]["size"] = (96, 128)
        if recipe.adversarial is not None:
            values["adversarial"]["width"] = small.width
    return Recipe.model_validate(values)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=("paper", "small"), default="paper")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(RECIPES), help=f"of {', '.join(RECIPES)}")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = device_named("auto")
    table = Table(
        title=f"training, batch {arguments.batch}, {device.type}, {arguments.threads} threads, "
        f"bfloat16 {'used' if bfloat16_pays(device) else 'not used (no hardware for it)'}"
    )
    for column in ("", "width", "input", "plain loop, steps/s", "mrtoct, steps/s", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    for name in arguments.only.split(","):
        recipe = sized(load_recipe(RECIPES[name]), arguments.scale, arguments.batch)
        batch = random_batch(recipe)
        a, b = compare(
            plain(recipe, batch, device), ours(recipe, batch, device), arguments.rounds, device
        )
        table.add_row(
            name,
            str(recipe.model.width),
            " x ".join(map(str, batch.mr.shape[1:])),
            f"{1 / a:.3g}",
            f"{1 / b:.3g}",
            f"{a / b:.2f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
