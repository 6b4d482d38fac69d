"""mrtoct train: a store and a recipe into a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Device, Overwrite, listed, model_names, recipes_at_hand
from mrtoct.cli.terminal import say, warn, watching
from mrtoct.prepare.store import read_manifest
from mrtoct.training.place import leads_here
from mrtoct.training.recipe import Recipe
from mrtoct.training.recipe_file import load_recipe
from mrtoct.training.simulated import train_from_simulation
from mrtoct.training.train import train as train_on_store
from mrtoct.translation.pretrained.shipped import find_bundle


def train(
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE",
            help="A store made by mrtoct prepare; of a recipe that simulates, a folder of label "
            "maps and CT heads.",
        ),
    ],
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of this training.")],
    recipe: Annotated[
        str,
        typer.Option(
            autocompletion=recipes_at_hand,
            help="What to train and how: a built-in recipe (finetune, any-contrast, demo, unet, "
            "modern, paper-unet-mae, paper-unet-mae-gdl, paper-pix2pix, paper-pix2pix-boost, "
            "paper-context-gan, unpaired) or a .toml file.",
        ),
    ],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME|BUNDLE",
            autocompletion=model_names,
            help="Begin with the weights of a shipped model (head) or of this bundle; from "
            "RUN/last the discriminator's, too.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a stopped training was.")
    ] = False,
    keep_doubtful: Annotated[
        bool,
        typer.Option("--keep-doubtful", help="Also use subjects whose registration is doubtful."),
    ] = False,
    track: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Also send the curves to mlflow, wandb or both, as their own settings say; "
            "RUN/tensorboard is written always.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    device: Device = "auto",
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes of this machine that share each batch: one a GPU, or as many on the "
            "CPU. They learn what one would. Default: as torchrun or Slurm started, else 1.",
            show_default=False,
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            "--num-nodes",
            min=1,
            help="Machines that train together, each by this command, with MASTER_ADDR and "
            "NODE_RANK in its environment. Default: as torchrun or Slurm started, else 1.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on a prepared store.

    RUN gets best/ (the bundle to translate with), last/ (to resume from), curves.csv and run.json.
    Subjects are split into training, validation and test by the recipe, whole patients always;
    those whose registration is doubtful are left out unless --keep-doubtful asks for them. A
    training that was stopped goes on with --resume and ends with the same weights as if it had not
    been.

    With --devices 4 four processes train together, each on a quarter of every batch; torchrun and
    srun may start them, too, on one machine or several that share STORE's and RUN's folders.

    With --from head --recipe finetune the shipped model learns from a few pairs of one's own.
    """
    begin = None if start is None else find_bundle(start)
    wanted = load_recipe(recipe)
    if keep_doubtful:
        split = wanted.split.model_copy(update={"keep_doubtful": True})
        wanted = wanted.model_copy(update={"split": split})
    best = run(
        store,
        run_folder,
        wanted,
        start=begin,
        resume=resume,
        trackers=listed(track),
        device=device,
        devices=devices,
        nodes=nodes,
        overwrite=overwrite,
    )
    if not leads_here():
        return
    say(
        f"best bundle in {best}; next: mrtoct report {run_folder}, or "
        f"mrtoct translate MR SCT --model {best}"
    )


def run(
    store: Path,
    run_folder: Path,
    recipe: Recipe,
    *,
    start: Path | None = None,
    resume: bool = False,
    trackers: tuple[str, ...] = (),
    device: str = "auto",
    devices: int | None = None,
    nodes: int | None = None,
    overwrite: bool = False,
) -> Path:
    """Train with a progress bar; return the best bundle's folder."""
    distrusted = {} if recipe.simulation else read_manifest(store).distrusted
    if leads_here() and distrusted and not recipe.split.keep_doubtful:
        warn(f"left out, their registration is doubtful: {', '.join(distrusted)}")
    train_recipe = train_from_simulation if recipe.simulation else train_on_store
    with watching("train") as watcher:
        return train_recipe(
            store,
            run_folder,
            recipe,
            start=start,
            resume=resume,
            overwrite=overwrite,
            device=device,
            watcher=watcher,
            trackers=trackers,
            devices=devices,
            nodes=nodes,
        )
