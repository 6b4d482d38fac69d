"""mrtoct resample: a volume onto another grid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from mrtoct.cli.any_volume import read_any
from mrtoct.cli.options import Overwrite
from mrtoct.cli.terminal import about, command, console, say
from mrtoct.cli.unmeasured import say_unmeasured
from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_scan, require_volume_absent, write_volume
from mrtoct.io.scan import Scan
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.spacing import require_spacing
from mrtoct.resample import resample as onto_grid
from mrtoct.volume import Array, Grid, Unit, Volume, outside

UNITS: dict[str, Unit] = {"ct": "HU", "mr": "a.u.", "labels": "label"}


def resample(
    volume: Annotated[
        Path,
        typer.Argument(metavar="VOLUME", help="CT, MR, map or labels: a file, or DICOM."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The volume to write.")],
    like: Annotated[
        Path | None,
        typer.Option(metavar="REFERENCE", help="To the grid of this volume.", show_default=False),
    ] = None,
    spacing: Annotated[
        str,
        typer.Option(
            metavar="MM",
            help="Or to an upright grid with this voxel spacing: 1 or 1,1,3.",
            show_default=False,
        ),
    ] = "",
    transform: Annotated[
        Path | None,
        typer.Option(
            metavar="TFM",
            help="Apply an ITK transform, points of REFERENCE to points of VOLUME, such as that "
            "of 'mrtoct register CT MR --out TFM' for an MR to the CT's grid.",
            show_default=False,
        ),
    ] = None,
    inverse: Annotated[
        bool,
        typer.Option("--inverse", help="Apply the transform's inverse: a CT to the MR's grid."),
    ] = False,
    kind: Annotated[
        Literal["ct", "mr", "labels"] | None,
        typer.Option(
            help="Kind of VOLUME. Labels take the nearest value, all else is interpolated; beyond "
            "its grid CT is -1024, all else 0.",
            show_default="guessed from its values, as in mrtoct view",
        ),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(
            help="Which series of a DICOM folder; see 'mrtoct series'.", show_default=False
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Resample a volume to another grid.

    Voxels beyond its own grid were not measured and are marked in a mask beside OUT. Integers stay
    integers. If the new voxels are larger, values are averaged over them.
    """
    require_volume_absent(out, overwrite=overwrite)
    if (like is None) == (not spacing):
        raise ValueRangeError("give either --like REFERENCE or --spacing MM")
    if inverse and transform is None:
        raise ValueRangeError("--inverse needs --transform TFM")
    matrix = None if transform is None else read_transform(transform)
    if inverse and matrix is not None:
        matrix = np.linalg.inv(matrix)
    with console.status("reading") as stage:
        if kind is None:
            source = read_any(volume, series)
        else:
            source = read_scan(Scan(volume, series), UNITS[kind])
        grid = source.grid.upright(_spacing(spacing)) if like is None else read_any(like).grid
        stage.update("resampling")
        with about(volume):
            made = moved(source, grid, matrix)
        write_volume(out, made, overwrite=overwrite)
    say(f"{out}: {made.grid}")
    say_unmeasured(out, made)
    shown = (out,) if like is None else (like, out)
    say(f"next: {command('view', *shown)}")


def moved(source: Volume, grid: Grid, transform: Array | None = None) -> Volume:
    """Return a volume on another grid in its own type: labels by the nearest, all else between."""
    if source.unit == "label":
        return onto_grid(source, grid, fill=0, transform=transform, interpolation="nearest")
    made = onto_grid(source, grid, fill=outside(source.unit), transform=transform)
    kept = source.voxels.dtype
    if kept.kind not in "iu":
        return made
    info = np.iinfo(kept)
    return made.with_voxels(np.rint(made.voxels).clip(info.min, info.max).astype(kept))


def _spacing(text: str) -> tuple[float, float, float]:
    """Read one spacing or three; ValueRangeError for anything else."""
    try:
        numbers = [float(word) for word in text.split(",")]
        i, j, k = numbers * 3 if len(numbers) == 1 else numbers
        require_spacing((i, j, k))
    except ValueError as error:
        raise ValueRangeError(
            f"--spacing takes 1 or 1,1,3, in mm, each at least 0.1; got {text!r}"
        ) from error
    return i, j, k
