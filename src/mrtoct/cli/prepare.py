"""mrtoct prepare: raw pairs into a training store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mrtoct.cli.options import Scheduler, Workers, listed, processors, recipes_at_hand
from mrtoct.cli.terminal import command, say, warn, watching
from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import Listing
from mrtoct.errors import CohortError
from mrtoct.io.calibration import UNKNOWN
from mrtoct.io.json_text import json_text
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.store import Manifest
from mrtoct.prepare.subject import Moved, PrepareSettings
from mrtoct.training.recipe_file import load_recipe
from mrtoct.wording import counted


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder of SUBJECT/mr.* and SUBJECT/ct.*, a RIRE, SynthRAD or BIDS folder, or a "
            "table (.csv, .tsv).",
        ),
    ],
    store: Annotated[
        Path,
        typer.Argument(metavar="STORE", help="Folder of the training store, new or to be updated."),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            autocompletion=recipes_at_hand,
            help="Recipe to prepare for, which sets voxel spacing and MR scaling: a built-in name "
            "(see mrtoct recipes) or a .toml file.",
        ),
    ] = "unet",
    channels: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="MR channels to use, such as T1,T2,PD; the first is registered to the CT. "
            "Default: the recipe's; else mr, T1 or T1w; else the only one.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    bias_correct: Annotated[
        bool,
        typer.Option(
            "--bias-correct",
            help="Correct the bias field of every MR (N4) first. A bundle trained on the store "
            "then also corrects what it translates.",
        ),
    ] = False,
    deform: Annotated[
        bool,
        typer.Option(
            "--deform",
            help="Align jaw and neck by a smooth deformation if they moved; the skull stays rigid.",
        ),
    ] = False,
    keep_moved: Annotated[
        bool,
        typer.Option(
            "--keep-moved", help="Keep jaw and neck in training and scores even if they moved."
        ),
    ] = False,
    workers: Workers = processors(),
    scheduler: Scheduler = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a store made with other settings.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Register, mask, clean and resample MR/CT pairs into a store that trains fast.

    SOURCE/SUBJECT/ holds mr and ct, each a volume or a DICOM folder; the CT in HU. The MR is
    registered rigidly to the CT by mutual information, unless a known transform is given as
    ct_to_mr.tfm (ITK, CT points to MR points). Table and background become air. End slices that the
    MR does not cover are left out, with the reason in STORE/SUBJECT/subject.json, and so are face
    and jaw, and the neck, if they moved relative to the skull.

    Each subject's verdict is printed:
    good; doubtful, which training leaves out; or failed, with the reason. When run again, only what
    changed is redone, and subjects removed from SOURCE are removed from STORE. The exit status is 1
    if any subject failed; the others are ready.
    """
    if deform and keep_moved:
        raise CohortError(
            "--deform aligns what moved, --keep-moved keeps it as it is: give only one"
        )
    moved: Moved = "deform" if deform else "keep" if keep_moved else "leave out"
    manifest = run(
        source,
        store,
        recipe,
        listed(channels),
        workers,
        scheduler=scheduler,
        bias_correct=bias_correct,
        moved=moved,
        overwrite=overwrite,
    )
    if json:
        typer.echo(json_text(verdicts(manifest)))
    else:
        show(manifest)
    if manifest.failed:
        raise typer.Exit(1)
    say(f"next: {command('train', store, 'RUN', '--recipe', recipe)}")


def verdicts(manifest: Manifest) -> dict[str, dict[str, str]]:
    """Return by subject good, doubtful or failed, and why."""
    found = {name: {"verdict": "good", "reason": ""} for name in manifest.subjects}
    found |= {n: {"verdict": "doubtful", "reason": r} for n, r in manifest.distrusted.items()}
    found |= {n: {"verdict": "failed", "reason": r} for n, r in manifest.failed.items()}
    return dict(sorted(found.items()))


def show(manifest: Manifest) -> None:
    """Print a line for each subject."""
    styles = {"good": "green", "doubtful": "yellow", "failed": "red"}
    table = Table()
    for column in ("subject", "verdict", "why"):
        table.add_column(column, overflow="fold")
    for name, told in verdicts(manifest).items():
        style = styles[told["verdict"]]
        table.add_row(Text(name), Text(told["verdict"], style=style), Text(told["reason"]))
    Console(highlight=False).print(table)


def run(
    source: Path,
    store: Path,
    recipe: str,
    channels: tuple[str, ...],
    workers: int,
    *,
    scheduler: str | None = None,
    bias_correct: bool = False,
    moved: Moved = "leave out",
    overwrite: bool = False,
) -> Manifest:
    """Prepare with a progress bar and say what came of it."""
    data = load_recipe(recipe).data
    listing = list_subjects(source if scheduler is None else source.absolute())
    settings = PrepareSettings(
        spacing=data.spacing,
        channels=channels or data.channels or usual_channels(listing),
        bias_correct=bias_correct,
        moved=moved,
    )
    with watching("prepare") as watcher:
        manifest = prepare_cohort(
            listing,
            store,
            settings,
            workers=workers,
            scheduler=scheduler,
            overwrite=overwrite,
            watcher=watcher,
        )
    failed = f", {len(manifest.failed)} failed and skipped" if manifest.failed else ""
    ready = len(manifest.subjects)
    say(f"{counted(ready, 'subject')} ready in {store}{failed}")
    if any(calibration != UNKNOWN for calibration in manifest.cts):
        say(f"their CTs: {'; '.join(map(str, manifest.cts))}")
    if manifest.distrusted:
        warn(
            f"{len(manifest.distrusted)} of them with a doubtful registration: training leaves "
            "them out by default"
        )
    return manifest


def usual_channels(listing: Listing) -> tuple[str, ...]:
    """Return the MR channel to take where none is named; CohortError if that is not clear."""
    shared = listing.channels
    for name in ("mr", "T1", "T1w"):
        if name in shared:
            return (name,)
    if len(shared) == 1:
        return (shared[0],)
    found = ", ".join(shared) if shared else "none in all subjects"
    raise CohortError(f"choose the MR channels with --channels; available: {found}")
