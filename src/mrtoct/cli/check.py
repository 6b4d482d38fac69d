"""mrtoct check: look at a cohort before preparing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mrtoct.check.cohort import CohortCheck, check_cohort
from mrtoct.check.subject import SubjectCheck
from mrtoct.cli.options import Scheduler, Workers, processors
from mrtoct.cli.terminal import command, say, watching
from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import Listing, SubjectFiles
from mrtoct.errors import FileError
from mrtoct.io.files import VOLUME_ENDINGS
from mrtoct.io.json_text import json_text
from mrtoct.io.scan import Scan


def check(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder of SUBJECT/mr.* and SUBJECT/ct.*, a RIRE, SynthRAD or BIDS folder, a "
            "table (.csv, .tsv), or the CT of one pair.",
        ),
    ],
    mr: Annotated[
        Path | None,
        typer.Argument(
            metavar="MR", help="The MR of the pair, if SOURCE is a CT.", show_default=False
        ),
    ] = None,
    workers: Workers = processors(),
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a cohort, or one pair, for problems before hours of work.

    Are all files there and readable, is the CT in HU, are MR and CT what their names say, are the
    heads complete, upright and of plausible size, are the slices in order, is the same scan in two
    subjects? Each subject is ok, doubtful (look at it) or unusable, with the reasons. Nothing is
    registered and nothing is written.

    The exit status is 0 if all subjects can be used, 1 if any cannot.
    """
    if mr is None and source.is_file() and source.name.lower().endswith(VOLUME_ENDINGS):
        raise FileError(
            f"{source} is one volume; a cohort or a pair of CT and MR is needed. To check a "
            "synthetic CT by itself, use 'mrtoct inspect'"
        )
    if scheduler is not None:  # other machines work in other folders
        source, mr = source.absolute(), mr and mr.absolute()
    listing = list_subjects(source) if mr is None else pair_listing(source, mr)
    with watching("check") as watcher:
        result = check_cohort(listing, workers=workers, scheduler=scheduler, watcher=watcher)
    if json:
        typer.echo(json_text(result.to_json()))
    else:
        show(result)
    if not result.usable:
        raise typer.Exit(1)
    if mr is None:
        say(f"next: {command('prepare', source, 'STORE')}")
    else:
        outputs = ("--out", "CT_TO_MR.tfm", "--picture", "PICTURE.png")
        say(f"next: {command('register', source, mr, *outputs)}")


def pair_listing(ct: Path, mr: Path) -> Listing:
    """Return a listing of one subject, named as the CT's file or folder."""
    name = ct.name.partition(".")[0] or ct.name
    return Listing("pair", [SubjectFiles(name, mr={"mr": Scan(mr)}, ct=Scan(ct))])


def show(result: CohortCheck) -> None:
    """Print what was found: a line on the cohort, then a table with a verdict a subject."""
    console = Console(highlight=False)
    total = len(result.subjects)
    channels = ", ".join(f"{name} ({count} of {total})" for name, count in result.channels.items())
    console.print(f"layout: {result.layout}; MR channels: {channels}", markup=False)
    table = Table(show_lines=True)
    for column in ("subject", "verdict", "scans and findings"):
        table.add_column(column, overflow="fold")
    styles = {"ok": "green", "doubtful": "yellow", "unusable": "red"}
    for subject in result.subjects:
        text = Text("\n".join(_scans(subject)), style="dim")
        for finding in subject.findings:
            style = "" if finding.weight == "note" else styles[finding.weight]
            text.append(f"\n{finding}", style=f"not dim {style}")
        verdict = Text(subject.verdict, style=styles[subject.verdict])
        table.add_row(Text(subject.name), verdict, text)
    for name, reason in result.rejected.items():
        table.add_row(Text(name), Text("unusable", style="red"), Text(reason, style="red"))
    console.print(table)
    verdicts = [s.verdict for s in result.subjects] + ["unusable"] * len(result.rejected)
    console.print(", ".join(f"{verdicts.count(v)} {v}" for v in styles if v in verdicts))


def _scans(subject: SubjectCheck) -> list[str]:
    """Return a line for each grid with the scans that lie on it."""
    on_grid: dict[str, list[str]] = {}
    for name, facts in subject.scans.items():
        size = " x ".join(map(str, facts.grid.size))
        spacing = " x ".join(f"{s:.3g}" for s in facts.grid.spacing_mm)
        on_grid.setdefault(f"{size} of {spacing} mm, {facts.grid.axes}", []).append(name)
    return [f"{', '.join(names)}: {grid}" for grid, names in on_grid.items()]
