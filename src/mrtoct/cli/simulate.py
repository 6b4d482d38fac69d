"""mrtoct simulate: pairs of MR and CT from label maps and CT heads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Overwrite, Workers, processors
from mrtoct.cli.terminal import command, say, watching
from mrtoct.simulation.pairs import write_pairs
from mrtoct.simulation.sources import find_sources
from mrtoct.wording import counted


class Contrast(StrEnum):
    """What the MR is weighted by."""

    any = "any"
    t1 = "t1"
    mprage = "mprage"
    t2 = "t2"
    pd = "pd"
    flair = "flair"
    t1_contrast = "t1-contrast"
    gre = "gre"


def simulate(
    sources: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCES",
            help="A label map, a CT head, a folder of label maps, a folder with labels/ and ct/ "
            "inside, or a cohort made by mrtoct phantom.",
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the cohort.")],
    subjects: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=9999,
            help="Total number of heads, distributed over the sources.",
            show_default="one per source",
        ),
    ] = None,
    contrast: Annotated[
        Contrast,
        typer.Option(help="any: a random sequence or random signals for each head."),
    ] = Contrast.any,
    effects: Annotated[
        str,
        typer.Option(
            metavar="all|plain|NAME,NAME",
            help="all: with the same probabilities as in training. plain: none. Names separated "
            "by commas, such as bias,ghost: these in every head and no others.",
        ),
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same heads.")] = 1,
    workers: Workers = processors(),
    overwrite: Overwrite = False,
) -> None:
    """Simulate MR of any contrast and CT from real anatomies: a cohort of aligned pairs.

    Label maps give heads with random variations of shape, sinuses, skull and brain, each with a CT
    in HU; a CT head is deformed and keeps its HU. Each subject's folder holds mr.nii.gz and
    ct.nii.gz on one grid of 1 mm, and in truth/ the tissues, which no later step reads.
    """
    total = subjects or len(find_sources(sources))
    with watching("simulate") as watcher:
        write_pairs(
            sources,
            out,
            subjects=total,
            contrast=contrast.value,
            effects=effects,
            seed=seed,
            workers=workers,
            overwrite=overwrite,
            watcher=watcher,
        )
    say(f"{counted(total, 'subject')} in {out}; next: {command('prepare', out, 'STORE')}")
