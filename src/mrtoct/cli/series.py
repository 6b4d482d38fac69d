"""mrtoct series: what a folder of DICOM files holds, and one of its series as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mrtoct.cli.options import FILES, Overwrite
from mrtoct.cli.terminal import say
from mrtoct.errors import FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.dicom import Series, choose_series, list_series, read_series
from mrtoct.io.dicom.read import Uneven
from mrtoct.io.files import ending, write_volume
from mrtoct.io.json_text import json_text
from mrtoct.wording import counted


def series(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="DICOM files, in any order and any subfolder.")
    ],
    wanted: Annotated[
        str | None,
        typer.Option(
            "--series",
            help="Only this one: its number (or number:part), UID, or part of its description.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"Write it to this file: {FILES}.", dir_okay=False),
    ] = None,
    uneven: Annotated[
        Uneven,
        typer.Option(help="For --out, if slices are missing or unevenly spaced."),
    ] = "refuse",
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """List the series in a folder of DICOM files, or write one of them as a volume.

    A series that holds several volumes (echoes, time points, stacks) is listed in parts, such as
    5:1 and 5:2. Nothing about the patient is shown.
    """
    if out is not None:
        ending(out)
        require_absent(out, overwrite=overwrite)
    found = list_series(folder)
    if not found:
        raise FileError(f"{folder} holds no CT, MR or PET images in DICOM")
    if wanted is not None or out is not None:
        found = [choose_series(found, wanted)]
    if json:
        typer.echo(json_text([_facts(s) for s in found]))
    else:
        for one in found:
            typer.echo(described(one))
    if out is not None:
        _convert(found[0], out, uneven, overwrite=overwrite)


def _convert(chosen: Series, out: Path, uneven: Uneven, *, overwrite: bool) -> None:

    volume = read_series(chosen, "HU" if chosen.modality == "CT" else "a.u.", uneven=uneven)
    write_volume(out, volume, overwrite=overwrite)
    say(f"{out}: {volume.grid}, {volume.voxels.min():g} to {volume.voxels.max():g} {volume.unit}")


def _facts(found: Series) -> dict[str, Any]:
    rows, columns = found.frames[0].shape
    return {
        "name": found.name,
        "number": found.number,
        "part": found.part,
        "parts": found.parts,
        "uid": found.uid,
        "modality": found.modality,
        "description": found.description,
        "apart": found.apart,
        "slices": found.slices,
        "matrix": [columns, rows],
        "spacing_mm": [round(s, 4) for s in found.spacing],
        "orientation": found.orientation,
        "patient_position": found.patient_position,
        "contrast": found.contrast,
        "doubts": found.doubts,
    }


def described(found: Series) -> str:
    """Return the lines about one series: what it is, where it lies, what it may look like."""
    rows, columns = found.frames[0].shape
    spacing = " x ".join(f"{s:.4g}" for s in found.spacing)
    lies = ", ".join(filter(None, (found.orientation, found.patient_position)))
    apart = f"({found.apart})" if found.apart else ""
    lines = [
        " ".join(filter(None, (f"{found.name:<7}", found.modality, found.description, apart))),
        f"{counted(found.slices, 'slice')} of {columns} x {rows}, {spacing} mm, {lies}",
        ", ".join(f"{name} {value}" for name, value in found.contrast.items()),
        *(f"! {doubt}" for doubt in found.doubts),
    ]
    return "\n        ".join(filter(None, lines))
