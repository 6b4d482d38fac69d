"""mrtoct prepare: raw pairs into a training store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mrtoct.cli.options import Workers, processors

if TYPE_CHECKING:
    from mrtoct.prepare.cohort import Progress
    from mrtoct.prepare.store import Manifest


def prepare(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of SUBJECT/mr.* and SUBJECT/ct.*")
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
    workers: Workers = processors(),
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Redo a store that was made with other settings.")
    ] = False,
) -> None:
    """Register, mask, clean and resample MR/CT pairs into a store that trains fast.

    SOURCE/SUBJECT/ holds mr and ct, each as .nii.gz, .nii, .mha or .mhd; the CT in HU. The MR is
    registered rigidly to the CT by mutual information, unless a known transform lies beside them
    as ct_to_mr.tfm (ITK, CT points to MR points). Table and background become air. End slices
    that the MR does not cover are left out, with the reason in STORE/SUBJECT/subject.json.

    Subjects that fail are reported and skipped. Run again, only what changed is redone, and
    subjects that left SOURCE leave STORE, too.
    """
    run(source, store, recipe, workers, overwrite)


def run(source: Path, store: Path, recipe: str, workers: int, overwrite: bool) -> Manifest:
    """Prepare with a progress bar and say what came of it."""
    from mrtoct.cli.terminal import progress, say
    from mrtoct.datasets.folder import list_pairs
    from mrtoct.prepare.cohort import prepare_cohort
    from mrtoct.prepare.subject import PrepareSettings
    from mrtoct.training.recipe import load_recipe

    data = load_recipe(recipe).data
    listing = list_pairs(source)
    with progress("prepare", len(listing.pairs) + len(listing.rejected)) as advance:

        def on_progress(p: Progress) -> None:
            advance(p.done, f"{p.name} {p.outcome}")
            if p.message:
                say(f"{p.name}: {p.message}")

        manifest = prepare_cohort(
            source,
            store,
            PrepareSettings(spacing=data.spacing, mr_scaling=data.mr_scaling),
            workers=workers,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    failed = f", {len(manifest.failed)} failed and skipped" if manifest.failed else ""
    say(f"{len(manifest.subjects)} subjects ready in {store}{failed}")
    return manifest
