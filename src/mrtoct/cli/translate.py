"""mrtoct translate: an MR volume, or each of a folder, into a synthetic CT."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from mrtoct.cli.heads_table import Row, plain, row_of, show
from mrtoct.cli.many_heads import translate_heads
from mrtoct.cli.one_head import Manner, Outputs, read_head, require_outputs, translate_head
from mrtoct.cli.options import FILES, Device, Model, Overwrite, Scheduler, listed
from mrtoct.cli.terminal import command, console, say, tell
from mrtoct.cli.translation import load_translator, models_named
from mrtoct.cli.unmeasured import say_unmeasured
from mrtoct.datasets.heads import studies_in
from mrtoct.errors import CohortError, FileError
from mrtoct.io.dicom.read import Uneven
from mrtoct.io.files import VOLUME_ENDINGS
from mrtoct.io.json_text import json_text
from mrtoct.io.records import own_folder
from mrtoct.io.rire.image import is_modality_folder
from mrtoct.io.scan import Scan


def translate(
    mr: Annotated[
        Path,
        typer.Argument(
            metavar="MR",
            help=f"Head MR: {FILES}, or a folder of DICOM files; or a folder of several heads: "
            "volumes, subjects' folders, DICOM studies, or a BIDS data set.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="SCT",
            help="Synthetic CT to write, in any of these formats; a folder if MR holds several "
            "heads.",
        ),
    ],
    model: Model = "head",
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Also write a page, FILE.html: MR, synthetic CT and deviation in a viewer, "
            "warnings about the MR, and the model's intended use. For a folder of heads, one page "
            "each into FOLDER.",
            show_default=False,
        ),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDERf",
            help=f"Also write the synthetic CT's standard deviation in HU, on its grid: {FILES}. "
            "For a folder of heads, one each into FOLDER, which may be SCT.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse an MR that differs from the training data; by default it is translated "
            "with a warning.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Translate even if the input is not a head MR, such as a CT, which is otherwise "
            "refused.",
        ),
    ] = False,
    bias_correct: Annotated[
        bool | None,
        typer.Option(
            "--bias-correct/--no-bias-correct",
            help="Correct the MR's bias field (N4) before the translation, or not. By default it "
            "is corrected if the model needs it, which is reported in a note.",
            show_default=False,
        ),
    ] = None,
    series: Annotated[
        str | None,
        typer.Option(
            help="Which MR of a DICOM folder: its number, UID, or part of its description; see "
            "'mrtoct series'.",
            show_default=False,
        ),
    ] = None,
    contrast: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="For a folder of heads with several MR each: which one to translate, in order of "
            "preference, as BIDS suffixes such as T2w,FLAIR, or as CHANNEL of mr_CHANNEL. "
            "Default: the model's channel; else T1w, T2w, PDw, FLAIR; mr, mr_T1.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    format: Annotated[
        Literal["file", "dicom"],
        typer.Option(
            help="file: the format is that of SCT's ending. dicom: SCT is a folder for a CT series "
            "in the study and frame of reference of MR, which must be DICOM."
        ),
    ] = "file",
    slices: Annotated[
        Literal["transverse", "source"],
        typer.Option(
            help="For --format dicom. transverse: resample other slice orientations, as most "
            "planning systems need. source: always use the MR's own grid."
        ),
    ] = "transverse",
    structures: Annotated[
        bool,
        typer.Option(
            "--structures",
            help="With --format dicom: body, bone, air and brain as an RT structure set on the new "
            "series, structures.dcm in its folder, as 'mrtoct structures' draws them.",
        ),
    ] = False,
    uneven: Annotated[
        Uneven,
        typer.Option(
            help="For a DICOM MR with missing or unevenly spaced slices. resample: interpolate it, "
            "and the synthetic CT, to even slices."
        ),
    ] = "refuse",
    further: Annotated[
        list[str],
        typer.Option(
            "--with",
            metavar="CHANNEL=FILE,...",
            help="Further MR channels, for a bundle that needs several: --with "
            "T2=t2.nii.gz,PD=pd.nii.gz, or T2=STUDY#5 for a series of a DICOM folder. They are "
            "registered to MR, which is the first channel.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    aligned: Annotated[
        bool,
        typer.Option(
            "--aligned", help="The MR channels are already aligned: skip their registration."
        ),
    ] = False,
    device: Device = "auto",
    scheduler: Scheduler = None,
    overwrite: Overwrite = False,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: heads, a list with one entry each."),
    ] = False,
) -> None:
    """Translate a head MR, or a folder of them, into synthetic CTs.

    The shipped model takes a head MR of any contrast; --model names another, such as your own, or
    several as an ensemble. The MR may have any orientation, spacing and slice thickness. The output
    is on exactly its grid: int16 HU, -1024 outside the head. Warnings report anything unusual about
    the MR, or unlike the model's training data; anything that is not a head MR is refused. For
    research only.

    If MR is a folder and SCT is not a file name, every head in MR is translated: each volume,
    subject's folder or DICOM study into SCT/NAME_sct.nii.gz, or each session of a BIDS data set
    into a data set of derivatives. Failures are listed and the rest is completed; existing results
    are kept when the command is run again. The exit status is 1 if any failed.
    """
    manner = Manner(
        model=model,
        strict=strict,
        force=force,
        aligned=aligned,
        bias_correct=bias_correct,
        uneven=uneven,
        dicom=format == "dicom",
        slices=slices,
        structures=structures,
    )
    if structures and not manner.dicom:
        raise FileError(
            f"{output} would be a file; structures refer to a DICOM series: add --format dicom, "
            "for which MR must be one, too"
        )
    outputs = Outputs(output, uncertainty, page)
    if _is_of_many(mr, outputs, dicom=manner.dicom):
        if further:
            raise CohortError(
                f"--with is for a single head, and {mr} is a folder of heads, whose channels are "
                "found by name, mr_CHANNEL or in BIDS"
            )
        rows = translate_heads(
            mr,
            outputs,
            manner,
            series=series,
            contrasts=listed(contrast),
            device=device,
            overwrite=overwrite,
            scheduler=scheduler,
        )
        if json:
            typer.echo(json_text(plain(rows)))
        else:
            show(rows)
        if any(row.came == "failed" for row in rows):
            raise typer.Exit(1)
        return
    if contrast:
        raise CohortError("--contrast is for a folder of heads; for one head, name the MR itself")
    if scheduler is not None:
        raise CohortError("--scheduler is for a folder of heads; one head is translated locally")
    scan, others = Scan(mr, series), _named(listed(further))
    row = _translate_one(scan, others, outputs, manner, device, overwrite=overwrite)
    if json:
        typer.echo(json_text(plain([row])))


def _is_of_many(mr: Path, outputs: Outputs, *, dicom: bool) -> bool:
    """Tell whether a folder of heads was named; FileError where one output is named for it.

    A file to write is of one head, a folder of those in MR. For CT series both are folders: then
    there are many heads where there are many DICOM studies.
    """
    if not mr.is_dir() or is_modality_folder(mr) or mr.name.lower().endswith(VOLUME_ENDINGS):
        return False
    if dicom:
        return len(studies_in(mr, outputs.paths)) > 1
    if not outputs.sct.name.lower().endswith(VOLUME_ENDINGS):
        return True
    if own := own_folder(mr):
        raise FileError(f"{mr} is {own}, not a scan; to use it as a model give --model")
    if not studies_in(mr, outputs.paths):
        raise FileError(
            f"{mr} holds no DICOM files, and {outputs.sct} is a single file; for a folder of heads "
            "name a folder to write to"
        )
    return False


def _translate_one(
    scan: Scan,
    others: Mapping[str, Scan],
    outputs: Outputs,
    manner: Manner,
    device: str,
    *,
    overwrite: bool,
) -> Row:
    """Translate one head, say what was written, and return what came of it."""
    started = time.monotonic()
    # Before the work, not after it: what could not be written anyway.
    require_outputs(outputs, dicom=manner.dicom, overwrite=overwrite)
    bundles = models_named(manner.model)
    with console.status("reading") as stage:
        name = scan.path.resolve().name
        head = read_head(scan, others, manner, name=name)
        translator = load_translator(bundles, device, deviation=outputs.deviation is not None)
        made = translate_head(
            translator, head, outputs, manner, overwrite=overwrite, tell=tell, stage=stage.update
        )
    sct, deviation = made.sct, made.deviation
    say(f"{outputs.sct}: {sct.grid}, {sct.voxels.min()} to {sct.voxels.max()} HU")
    say_unmeasured(outputs.sct, sct)
    if outputs.deviation is not None and deviation is not None:
        median = np.median(deviation.voxels[deviation.voxels > 0])
        say(f"{outputs.deviation}: standard deviation, median in the head {median:.0f} HU")
    if outputs.page is not None:
        say(f"{outputs.page}: open it in a browser")
    else:
        say(f"next: {command('view', scan.path, outputs.sct)}")
    return row_of(name, made, outputs, time.monotonic() - started)


def _named(further: tuple[str, ...]) -> dict[str, Scan]:
    """Return the scans of further channels by name."""
    scans: dict[str, Scan] = {}
    for item in further:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise CohortError(f"--with takes CHANNEL=FILE, such as T2=t2.nii.gz; got {item!r}")
        if name in scans:
            raise CohortError(f"--with names the MR channel {name} twice")
        folder, mark, series = path.rpartition("#")
        in_folder = mark and Path(folder).is_dir()
        scans[name] = Scan(Path(folder), series) if in_folder else Scan(Path(path))
    return scans
