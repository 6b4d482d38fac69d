"""mrtoct structures: body, bone, air and brain of a synthetic CT as an RT structure set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import FILES, Overwrite
from mrtoct.cli.terminal import about, console, say
from mrtoct.errors import FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.dicom import find_series
from mrtoct.io.dicom.read import grid_of, read_series
from mrtoct.io.dicom.structures import write_structures
from mrtoct.io.files import read_volume
from mrtoct.properties.structures import structures_of


def structures(
    sct: Annotated[
        Path,
        typer.Argument(
            metavar="SCTf",
            help="A synthetic CT in HU: a folder of DICOM files from 'mrtoct translate --format "
            f"dicom'; with --on also {FILES}.",
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUT", help="The structure set to write, .dcm.")
    ],
    on: Annotated[
        Path | None,
        typer.Option(
            metavar="MR",
            help="Draw on this MR series instead, a folder of DICOM files in the synthetic CT's "
            "frame of reference.",
            show_default=False,
        ),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(
            help="Which series of that folder: its number, UID, or part of its description.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Outline body, bone, air and brain of a synthetic CT for a treatment planning system.

    An RT structure set on transverse slices: EXTERNAL (one closed outline per slice), BONE, AIR and
    BRAIN, with holes as keyholes for compatibility. Unapproved and found by thresholds: check
    before use. For research only.
    """
    drawn_on = sct if on is None else on
    if not drawn_on.is_dir():
        raise FileError(
            f"{drawn_on} is not a folder of DICOM files; structures refer to a series: name one, "
            "or an MR series with --on"
        )
    require_absent(output, overwrite=overwrite)
    with console.status("reading") as stage:
        source = find_series(drawn_on, "HU" if on is None else "a.u.", series)
        volume = read_series(source, "HU") if on is None else read_volume(sct, "HU")
        stage.update("outlining")
        with about(sct):
            found = structures_of(volume, grid_of(source))
        stage.update("writing")
        with about(drawn_on):
            write_structures(output, found, source, overwrite=overwrite)
    sizes = ", ".join(
        f"{s.name} {s.mask.voxels.sum() * s.mask.grid.voxel_volume / 1000:.0f} ml" for s in found
    )
    say(f"{output}: {sizes}")
