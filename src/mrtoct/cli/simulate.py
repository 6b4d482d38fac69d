"""mrtoct simulate: pairs of MR and CT from label maps and CT heads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Overwrite, Workers, processors
from mrtoct.cli.terminal import say, watching
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
            help="How many heads in total; the sources take turns.",
            show_default="one of each source",
        ),
    ] = None,
    contrast: Annotated[
        Contrast,
        typer.Option(help="any: a sequence or random signals, drawn anew for each head."),
    ] = Contrast.any,
    effects: Annotated[
        str,
        typer.Option(
            metavar="all|plain|NAME,NAME",
            help="all: in the shares of heads that a training has them in. plain: none. Names with "
            "commas between them, such as bias,ghost: these in every head and no others.",
        ),
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same heads.")] = 1,
    workers: Workers = processors(),
    overwrite: Overwrite = False,
) -> None:
    """Simulate MR of any contrast and CT from real anatomies: a cohort of aligned pairs.

    From label maps heads are drawn that differ in shape, sinuses, skull and brain, each with a CT
    in HU; a CT head is bent and keeps its HU. Each subject's folder holds mr.nii.gz and ct.nii.gz
    on one grid of 1 mm, and under truth/ the tissues, which no later step reads.
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
    say(f"{counted(total, 'subject')} in {out}; next: mrtoct prepare {out} STORE")
