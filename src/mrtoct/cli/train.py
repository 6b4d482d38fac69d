"""mrtoct train: a store and a recipe into a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Device, Overwrite, listed, model_names, recipes_at_hand
from mrtoct.cli.terminal import command, say, warn, watching
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
            help="A store made by mrtoct prepare; for a recipe that simulates, a folder of label "
            "maps and CT heads.",
        ),
    ],
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of this training.")],
    recipe: Annotated[
        str,
        typer.Option(
            autocompletion=recipes_at_hand,
            help="What to train: a built-in recipe (finetune, any-contrast, demo, unet, "
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
            help="Start from the weights of a shipped model (head) or of this bundle; from "
            "RUN/last, also the discriminator's.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training.")
    ] = False,
    keep_doubtful: Annotated[
        bool,
        typer.Option("--keep-doubtful", help="Also use subjects whose registration is doubtful."),
    ] = False,
    track: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Also log the curves to mlflow, wandb or both, configured by their own settings; "
            "RUN/tensorboard is always written.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    device: Device = "auto",
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on this machine that share each batch: one per GPU, or this many on "
            "the CPU. The result is that of one process. Default: as started by torchrun or "
            "Slurm, else 1.",
            show_default=False,
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            "--num-nodes",
            min=1,
            help="Machines that train together, each running this command, with MASTER_ADDR and "
            "NODE_RANK in its environment. Default: as started by torchrun or Slurm, else 1.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on a prepared store.

    RUN gets best/ (the bundle to translate with), last/ (to resume from), curves.csv and run.json.
    The recipe splits subjects into training, validation and test, always by patient; those with a
    doubtful registration are left out unless --keep-doubtful is given. An interrupted training
    continues with --resume and ends with the same weights as an uninterrupted one.

    With --devices 4 four processes train together, each on a quarter of every batch; torchrun and
    srun can also start them, on one machine or several that share the folders of STORE and RUN.

    Use --from head --recipe finetune to fine-tune the shipped model on a few pairs of your own.
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
        f"best bundle in {best}; next: {command('report', run_folder)}, or "
        f"{command('translate', 'MR', 'SCT', '--model', best)}"
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
        warn(f"left out because of a doubtful registration: {', '.join(distrusted)}")
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
