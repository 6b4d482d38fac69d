"""mrtoct models: which models have a name here, or are offered elsewhere."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated

import typer

from mrtoct.cli.terminal import say
from mrtoct.errors import MrtoctError
from mrtoct.translation.bundle import read_description
from mrtoct.translation.pretrained.catalogue import read_catalogue
from mrtoct.translation.pretrained.place import models_folder, origin_of
from mrtoct.translation.pretrained.shipped import NAMES, bundle_path, known_names

Row = dict[str, str]


def models(
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="List the models offered in this folder's or address's models.json instead.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """List the models available to --model by name, and their origin.

    These are the shipped models and those fetched by mrtoct fetch model. To uninstall one, remove
    its folder.
    """
    if source is not None:
        rows = [{"name": name, **asdict(o)} for name, o in read_catalogue(source).items()]
    else:
        rows = [_row(name) for name in known_names()]
    if json:
        typer.echo(json_module.dumps(rows, indent=1))
        return
    for row in rows:
        typer.echo(row["name"])
        for key, value in row.items():
            if key != "name" and value:
                typer.echo(f"  {key:<8} {value}")
    if source is None:
        say(f"fetched models are kept in {models_folder()}")


def _row(name: str) -> Row:
    """Return what is known of a model; of a damaged one, what is wrong with it."""
    try:
        folder = bundle_path(name)
        told = read_description(folder).translator.provenance
        origin = None if name in NAMES else origin_of(folder)
    except MrtoctError as error:
        return {"name": name, "damaged": str(error)}
    by_hand = "added by hand" if name not in NAMES else "shipped with mrtoct"
    return {
        "name": name,
        "version": str(told.get("version", "")),
        "use": str(told.get("intended_use", "")),
        "from": origin.address if origin else by_hand,
        "sha256": origin.sha256 if origin else "",
        "folder": str(folder),
    }
