"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.hardware.processes import processors as processors

FILES = ".nii.gz, .nii, .nrrd, .nhdr, .mha or .mhd"
"""Endings of the volumes that are read and written; a test holds them to mrtoct.io.files, which is
not imported here because help must not wait for it."""

Sct = Annotated[
    Path, typer.Argument(metavar="SCT", help=f"A synthetic CT in HU: {FILES}, or a DICOM folder.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]
Workers = Annotated[
    int,
    typer.Option(
        min=1, help="Number of parallel processes.", show_default="one per processor core"
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Distribute the work over the Dask cluster of this scheduler, such as "
        "tcp://host:8786, instead of processes on this machine. All its machines need the same "
        "version of mrtoct and the same file paths.",
        show_default=False,
    ),
]


def model_names() -> list[str]:
    """Return what a shell can complete a model to; a folder it completes by itself."""
    from mrtoct.translation.pretrained.shipped import known_names

    return known_names()


def recipes_at_hand() -> list[str]:
    """Return what a shell can complete a recipe to."""
    from mrtoct.training.recipe_file import recipe_names

    return recipe_names()


Model = Annotated[
    str,
    typer.Option(
        metavar="NAME|BUNDLE",
        help="A shipped (head) or fetched model (see mrtoct models), or a folder with "
        "bundle.json, such as RUN/best; a folder with a model's name is written ./head. Several, "
        "A,B,C, form an ensemble: the result is their mean, and their differences add to the "
        "deviation.",
        autocompletion=model_names,
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or cuda:N. auto uses a GPU if there is one.")
]


def listed(given: Sequence[str]) -> tuple[str, ...]:
    r"""Return the entries of a list: commas part them, and \, is a comma within one.

    An option that is given several times adds to its list: click would drop all but the last.
    """
    entries = (
        entry.replace(r"\,", ",").strip() for text in given for entry in re.split(r"(?<!\\),", text)
    )
    return tuple(dict.fromkeys(entry for entry in entries if entry))
