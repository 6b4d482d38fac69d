"""mrtoct recipes: what can be trained by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Overwrite, recipes_at_hand
from mrtoct.cli.terminal import command, say
from mrtoct.errors import FileError
from mrtoct.io.atomic import write_text
from mrtoct.training.recipe_file import load_recipe, recipe_names


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Print this recipe's file.",
            show_default=False,
            autocompletion=recipes_at_hand,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write it to this file instead, to edit it: .toml.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """List the built-in recipes, or show one as a start for your own.

    A recipe defines a training in one file: data, network, losses, optimizer, length.
    """
    if name is None:
        if out is not None:
            raise FileError("--out writes one recipe: give its name")
        width = max(map(len, recipe_names()))
        for one in recipe_names():
            typer.echo(f"{one:<{width}}  {load_recipe(one).description}")
        return
    recipe = load_recipe(name)  # or it says which there are
    text = (resources.files("mrtoct") / "recipes" / f"{recipe.name}.toml").read_text("utf-8")
    if out is None:
        typer.echo(text.rstrip())
        return
    if out.suffix.lower() != ".toml":
        raise FileError(f"{out}: a recipe's name ends in .toml")
    write_text(out, text, overwrite=overwrite)
    say(f"{out}: edit it; next: {command('train', 'STORE', 'RUN', '--recipe', out)}")
