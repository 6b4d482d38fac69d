"""mrtoct translate: an MR volume into a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from mrtoct.cli.one_head import Manner, Outputs, read_head, require_outputs, translate_head
from mrtoct.cli.options import Device, Model, Overwrite, listed
from mrtoct.cli.terminal import about, console, say
from mrtoct.errors import CohortError, FileError
from mrtoct.io.scan import Scan
from mrtoct.translation.pretrained.shipped import find_bundle
from mrtoct.translation.translator import Translator


def translate(
    mr: Annotated[
        Path,
        typer.Argument(
            metavar="MR", help="Head MR: .nii.gz, .nii, .mha, .mhd or a folder of DICOM files."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="SCT", help="Synthetic CT to write, of any of these kinds.")
    ],
    model: Model = "head",
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a page, FILE.html: MR, synthetic CT and deviation in a viewer, what "
            "is odd about the MR, and what the model is for.",
            show_default=False,
        ),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the synthetic CT's standard deviation in HU, voxel by voxel on "
            "its grid: .nii.gz, .nii, .mha or .mhd.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse an MR that is unlike what the model was trained on, before the work; "
            "otherwise it is translated with a warning.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Translate what is no head MR, too, such as a CT, which is refused otherwise.",
        ),
    ] = False,
    series: Annotated[
        str | None,
        typer.Option(
            help="Which MR of a DICOM folder: its number, UID, or part of its description; see "
            "'mrtoct series'.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        Literal["file", "dicom"],
        typer.Option(
            help="file: the kind that SCT's ending names. dicom: a folder SCT with a CT series in "
            "the study and frame of reference of MR, which must be DICOM."
        ),
    ] = "file",
    slices: Annotated[
        Literal["transverse", "source"],
        typer.Option(
            help="Of --format dicom. transverse: an MR of other slices is resampled, as most "
            "planning systems need. source: always on the MR's own grid."
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
    further: Annotated[
        list[str],
        typer.Option(
            "--with",
            metavar="CHANNEL=FILE,...",
            help="Further MR channels, for a bundle that wants several: --with "
            "T2=t2.nii.gz,PD=pd.nii.gz, or T2=STUDY#5 for a series of a DICOM folder. They are "
            "registered to MR, which is the first channel.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    aligned: Annotated[
        bool,
        typer.Option("--aligned", help="The MR channels are aligned already: register none."),
    ] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Translate a head MR into a synthetic CT.

    The model that comes with mrtoct takes a head MR of any contrast; --model takes another, such
    as one of your own training. The MR may have any orientation, spacing and slice thickness. The
    output lies on exactly its grid: int16 HU, -1024 where the head is not. What is odd about the
    MR, or unlike what the model was trained on, is said in a warning; what is no head MR at all is
    refused. For research only.
    """
    # Before the work, not after it: what could not be written anyway.
    outputs = Outputs(output, uncertainty, page)
    manner = Manner(model, strict, force, aligned, format == "dicom", slices, structures)
    if structures and not manner.dicom:
        raise FileError(
            f"{output} would be a file; structures refer to a DICOM series: add --format dicom, "
            "for which MR must be one, too"
        )
    require_outputs(outputs, dicom=manner.dicom, overwrite=overwrite)
    bundle = find_bundle(model)
    others = _named(listed(further))
    with console.status("reading") as stage:
        head = read_head(Scan(mr, series), others, dicom=manner.dicom)
        translator = Translator.load(bundle, device)
        if uncertainty is not None:
            with about(bundle):
                translator.deviation_model()  # or it raises, before the work
        made = translate_head(
            translator, head, outputs, manner, overwrite=overwrite, tell=say, stage=stage.update
        )
    say(f"{output}: {made.sct.grid}, {made.sct.voxels.min()} to {made.sct.voxels.max()} HU")
    if uncertainty is not None and made.deviation is not None:
        median = np.median(made.deviation.voxels[made.deviation.voxels > 0])
        say(f"{uncertainty}: standard deviation, median in the head {median:.0f} HU")
    if page is not None:
        say(f"{page}: open it in a browser")


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
