"""mrtoct translate: an MR volume into a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from mrtoct._version import __version__
from mrtoct.cli.options import Device, Model, Overwrite, listed
from mrtoct.cli.terminal import about, console, say, spelling_of
from mrtoct.cli.translation import refuse, refuse_unusable, write_page
from mrtoct.errors import CohortError, FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.dicom import Series, find_series, planning_grid, write_ct_series
from mrtoct.io.files import ending, read_scan, write_volume
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
    bias_correct: Annotated[
        bool | None,
        typer.Option(
            "--bias-correct/--no-bias-correct",
            help="Correct the MR's bias field (N4) before it is translated, or leave it. By "
            "default it is corrected where the model needs it, which a note then says.",
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
    uneven: Annotated[
        Literal["refuse", "resample"],
        typer.Option(
            help="Of a DICOM MR whose slices are missing or unevenly apart. resample: it is "
            "interpolated onto even slices, and so is the synthetic CT."
        ),
    ] = "refuse",
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
    source = _dicom_source(mr, series) if format == "dicom" else None
    _require_outputs(output, uncertainty, page, is_file=source is None, overwrite=overwrite)
    bundle = find_bundle(model)
    with console.status("reading") as stage:
        first = read_scan(Scan(mr, series), "a.u.", uneven=uneven)
        others = {
            name: read_scan(scan, "a.u.", uneven=uneven)
            for name, scan in _named(listed(further)).items()
        }

        translator = Translator.load(bundle, device)
        if uncertainty is not None:
            with about(bundle):
                translator.deviation_model()  # or it raises, before the work
        channels = {translator.bundle.channels[0]: first, **others}

        def warn(doubt: str) -> None:
            say(f"warning: {doubt}")

        stage.update("looking")
        with about(mr):
            channels, unlike = translator.examined(channels, bias_correct=bias_correct)
        unlike = [doubt.spelt(spelling_of(translate)) for doubt in unlike]
        for doubt in unlike:
            say(f"{'note' if doubt.weight == 'note' else 'warning'}: {doubt}")
        if not force:
            refuse_unusable(unlike, mr)
        if strict:
            refuse(unlike, translator.bundle.seen is not None, mr, model)
        stage.update("translating")
        onto = first.grid
        if source is not None and slices == "transverse":
            onto = planning_grid(first.grid)
        # A page shows the deviation of a model that can estimate it.
        estimated = translator.bundle.deviation is not None and (uncertainty or page)
        deviation = None
        with about(mr):
            if estimated:
                sct, deviation = translator.translate_with_deviation(
                    channels,
                    aligned=aligned,
                    force=force,
                    bias_correct=False,
                    onto=onto,
                    on_doubt=warn,
                )
            else:
                sct = translator.translate(
                    channels,
                    aligned=aligned,
                    force=force,
                    bias_correct=False,
                    onto=onto,
                    on_doubt=warn,
                )
        stage.update("writing")
        if source is None:
            write_volume(output, sct, overwrite=overwrite)
        else:
            how = f"Synthetic CT estimated from MR by mrtoct {__version__}"
            if any(finding.kind == "bias-corrected" for finding in unlike):
                how += ", bias field corrected (N4)"
            sct = write_ct_series(
                output, sct, source, derivation=how, slices=slices, overwrite=overwrite
            )
        if uncertainty is not None and deviation is not None:
            write_volume(uncertainty, deviation, overwrite=overwrite)
        if page is not None:
            write_page(
                page,
                mr.resolve().name,
                translator.bundle,
                model,
                mr=first,
                sct=sct,
                deviation=deviation,
                findings=unlike,
                overwrite=overwrite,
            )
    say(f"{output}: {sct.grid}, {sct.voxels.min()} to {sct.voxels.max()} HU")
    if uncertainty is not None and deviation is not None:
        median = np.median(deviation.voxels[deviation.voxels > 0])
        say(f"{uncertainty}: standard deviation, median in the head {median:.0f} HU")
    if page is not None:
        say(f"{page}: open it in a browser")


def _require_outputs(
    output: Path, uncertainty: Path | None, page: Path | None, *, is_file: bool, overwrite: bool
) -> None:
    """Raise FileError where an output could not be written, or would replace another."""
    if is_file:
        ending(output)
    require_absent(output, overwrite=overwrite)
    if uncertainty is not None:
        ending(uncertainty)
        if uncertainty.absolute() == output.absolute():
            raise FileError(f"SCT and --uncertainty both name {output}; name two files")
        require_absent(uncertainty, overwrite=overwrite)
    if page is not None:
        if page.suffix.lower() not in (".html", ".htm"):
            raise FileError(f"{page} is no name of a page: it must end in .html")
        if page.is_dir():
            raise FileError(f"{page} is a folder; the name of a file is needed")
        require_absent(page, overwrite=overwrite)
    for path in (output, uncertainty, page):
        above = next((p for p in path.absolute().parents if p.exists()), None) if path else None
        if above is not None and not above.is_dir():
            raise FileError(f"{path} cannot be written: {above} is a file")


def _dicom_source(mr: Path, series: str | None) -> Series:
    """Return the MR series that a CT series is to belong to."""
    if not mr.is_dir():
        raise FileError(
            f"{mr} is no folder of DICOM files; --format dicom takes patient, study and frame "
            "of reference from the MR's own"
        )
    return find_series(mr, "a.u.", series)


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
