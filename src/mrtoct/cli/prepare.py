"""mrtoct prepare: raw pairs into a training store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Workers, listed, processors
from mrtoct.cli.terminal import say, watching
from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import Listing
from mrtoct.errors import CohortError
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.store import Manifest
from mrtoct.prepare.subject import Moved, PrepareSettings
from mrtoct.training.recipe_file import load_recipe


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder of SUBJECT/mr.* and SUBJECT/ct.*, a RIRE or SynthRAD folder, or a table "
            "(.csv, .tsv).",
        ),
    ],
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE", help="Folder of the training store, new or to be brought up to date."
        ),
    ],
    recipe: Annotated[
        str,
        typer.Option(
            help="Recipe to prepare for, which sets voxel spacing and MR scaling: a built-in "
            "name (see mrtoct train) or a .toml file."
        ),
    ] = "unet",
    channels: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="MR channels to use, the one to register to the CT first, such as T1,T2,PD. "
            "Default: the recipe's; else mr or T1; else the only one there is.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    deform: Annotated[
        bool,
        typer.Option(
            "--deform", help="Carry jaw and neck smoothly where they moved; the skull stays."
        ),
    ] = False,
    keep_moved: Annotated[
        bool,
        typer.Option(
            "--keep-moved", help="Learn from jaw and neck that moved, too, and score them."
        ),
    ] = False,
    workers: Workers = processors(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Redo a store that was made with other settings.")
    ] = False,
) -> None:
    """Register, mask, clean and resample MR/CT pairs into a store that trains fast.

    SOURCE/SUBJECT/ holds mr and ct, each as .nii.gz, .nii, .mha or .mhd; the CT in HU. The MR is
    registered rigidly to the CT by mutual information, unless a known transform lies beside them
    as ct_to_mr.tfm (ITK, CT points to MR points). Table and background become air. End slices
    that the MR does not cover are left out, with the reason in STORE/SUBJECT/subject.json, and so
    are face and jaw, and the neck, where they moved against the skull between the scans.

    Subjects that fail are reported and skipped. Run again, only what changed is redone, and
    subjects that left SOURCE leave STORE, too.
    """
    if deform and keep_moved:
        raise CohortError("--deform carries what moved, --keep-moved leaves it as it is: give one")
    moved: Moved = "deform" if deform else "keep" if keep_moved else "leave out"
    run(source, store, recipe, listed(channels), workers, overwrite, moved)


def run(
    source: Path,
    store: Path,
    recipe: str,
    channels: tuple[str, ...],
    workers: int,
    overwrite: bool,
    moved: Moved = "leave out",
) -> Manifest:
    """Prepare with a progress bar and say what came of it."""
    data = load_recipe(recipe).data
    listing = list_subjects(source)
    settings = PrepareSettings(
        spacing=data.spacing,
        channels=channels or data.channels or usual_channels(listing),
        moved=moved,
    )
    with watching("prepare") as watcher:
        manifest = prepare_cohort(
            listing,
            store,
            settings,
            workers=workers,
            overwrite=overwrite,
            watcher=watcher,
        )
    failed = f", {len(manifest.failed)} failed and skipped" if manifest.failed else ""
    say(f"{len(manifest.subjects)} subjects ready in {store}{failed}")
    if manifest.distrusted:
        say(
            f"{len(manifest.distrusted)} of them with a doubtful registration: training leaves "
            "them out unless told to keep them"
        )
    return manifest


def usual_channels(listing: Listing) -> tuple[str, ...]:
    """Return the MR channel to take where none is named; CohortError if that is not clear."""
    shared = listing.channels
    for name in ("mr", "T1"):
        if name in shared:
            return (name,)
    if len(shared) == 1:
        return (shared[0],)
    found = ", ".join(shared) if shared else "none that every subject has"
    raise CohortError(f"name the MR channels to use with --channels; there are: {found}")
