"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from mrtoct.hardware.processes import processors as processors

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Processes that work at once.", show_default="one per processor core"),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Spread the work over the Dask cluster of this scheduler, such as tcp://host:8786, "
        "and not over processes of this machine. All its machines must have the same mrtoct and "
        "see the files under the same paths.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        metavar="NAME|BUNDLE",
        help="A model that comes with mrtoct (head), or a folder with bundle.json, such as "
        "RUN/best; a folder that has a model's name is written ./head.",
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda or cuda:N. auto takes a GPU where there is one.")
]


def listed(given: Sequence[str]) -> tuple[str, ...]:
    r"""Return the entries of a list: commas part them, and \, is a comma within one.

    An option that is given several times adds to its list: click would drop all but the last.
    """
    entries = (
        entry.replace(r"\,", ",").strip() for text in given for entry in re.split(r"(?<!\\),", text)
    )
    return tuple(dict.fromkeys(entry for entry in entries if entry))
