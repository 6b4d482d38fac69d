"""mrtoct phantom: raw MR and CT scans of made-up heads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Overwrite, Workers, processors
from mrtoct.cli.terminal import command, say, watching
from mrtoct.phantom import DEMO, RIRE, TINY
from mrtoct.phantom.cohort import write_cohort
from mrtoct.wording import counted


class Format(StrEnum):
    """Folder layouts."""

    plain = "plain"
    rire = "rire"


class Preset(StrEnum):
    """Scan geometries."""

    demo = "demo"
    rire = "rire"
    tiny = "tiny"


def phantom(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder for the cohort.")],
    subjects: Annotated[int, typer.Option(min=1, max=999, help="Number of heads.")] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same heads.")] = 1,
    preset: Annotated[
        Preset,
        typer.Option(
            help="demo: CT 1x1x2 mm, MR 1.2x1.2x3 mm. rire: CT 0.65x0.65x4 mm, MR 1.25x1.25x4 mm, "
            "T1, T2 and PD. tiny: coarse, for trying things out."
        ),
    ] = Preset.demo,
    format: Annotated[
        Format,
        typer.Option(
            help="plain: phantom-001/ct.nii.gz and mr.nii.gz, or mr_T1.nii.gz and so on for "
            "several. rire: patient_001/ct/header.ascii, image.bin.Z and so on."
        ),
    ] = Format.plain,
    workers: Workers = processors(),
    overwrite: Overwrite = False,
) -> None:
    """Generate a cohort of head phantoms as raw scans, to try mrtoct without patient data.

    Each subject's folder holds a CT and MR scans on different grids: the MR is rotated and shifted
    relative to the CT, both are noisy, the CT shows table and holder. truth/ contains the tissue
    labels and the true transform, which no later step reads.
    """
    settings = {Preset.demo: DEMO, Preset.rire: RIRE, Preset.tiny: TINY}[preset]
    with watching("phantom") as watcher:
        write_cohort(
            folder,
            subjects,
            seed=seed,
            settings=settings,
            layout=format.value,
            workers=workers,
            overwrite=overwrite,
            watcher=watcher,
        )
    made = counted(subjects, "subject")
    after = command("prepare", folder, "STORE", "--recipe", "demo")
    say(f"{made} in {folder}; next: {after}")
