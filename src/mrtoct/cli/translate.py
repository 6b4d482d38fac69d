"""mrtoct translate: an MR volume into a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mrtoct.cli.options import Device, Overwrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrtoct.check.finding import Finding
    from mrtoct.io.dicom import Series
    from mrtoct.io.scan import Scan


def translate(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="Folder with bundle.json, such as RUN/best.")
    ],
    input: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Head MR: .nii.gz, .nii, .mha, .mhd or a folder of DICOM files."
        ),
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Synthetic CT to write, of any of these kinds.")
    ],
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
            help="file: the kind that OUTPUT's ending names. dicom: a folder OUTPUT with a CT "
            "series in the study and frame of reference of INPUT, which must be DICOM."
        ),
    ] = "file",
    slices: Annotated[
        Literal["transverse", "source"],
        typer.Option(
            help="Of --format dicom. transverse: an MR of other slices is resampled, as most "
            "planning systems need. source: always on the MR's own grid."
        ),
    ] = "transverse",
    further: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="CHANNEL=FILE",
            help="A further MR channel, for a bundle that wants several: --with T2=t2.nii.gz, or "
            "--with T2=STUDY#5 for a series of a DICOM folder. It is registered to INPUT, which is "
            "the first channel.",
            show_default=False,
        ),
    ] = None,
    aligned: Annotated[
        bool,
        typer.Option("--aligned", help="The MR channels are aligned already: register none."),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Refuse an MR that is unlike what the bundle was trained on, before the work; "
            "otherwise it is translated with a warning.",
        ),
    ] = False,
    uncertainty: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the synthetic CT's standard deviation in HU, voxel by voxel on "
            "its grid: .nii.gz, .nii, .mha or .mhd.",
            show_default=False,
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Translate a head MR into a synthetic CT.

    INPUT is the MR of the bundle's first channel; --with adds the others. It may have any
    orientation, spacing and slice thickness. The output lies on exactly its grid: int16 HU, -1024
    where the head is not. A bundle only knows MR like the ones it was trained on: the same
    contrast, the same part of the body. What is unlike them is said in a warning.
    """
    import numpy as np

    import mrtoct
    from mrtoct.cli.terminal import about, console, say
    from mrtoct.errors import FileError
    from mrtoct.io.atomic import check_absent
    from mrtoct.io.files import ending, read_scan, write_volume
    from mrtoct.io.scan import Scan

    # Before the work, not after it: what could not be written anyway.
    source = _dicom_source(input, series) if format == "dicom" else None
    if source is None:
        ending(output)
    check_absent(output, overwrite=overwrite)
    if uncertainty is not None:
        ending(uncertainty)
        if uncertainty.absolute() == output.absolute():
            raise FileError(f"OUTPUT and --uncertainty both name {output}; name two files")
        check_absent(uncertainty, overwrite=overwrite)
    first = read_scan(Scan(input, series), "a.u.")
    others = {name: read_scan(scan, "a.u.") for name, scan in _named(further or []).items()}
    from mrtoct.translate import Translator

    translator = Translator.load(bundle, device)
    if uncertainty is not None:
        with about(bundle):
            translator.deviation_model()  # or it raises, before the work
    mr = {translator.bundle.channels[0]: first, **others}

    def warn(doubt: str) -> None:
        say(f"warning: {doubt}")

    with console.status("looking"), about(input):
        unlike = translator.doubts(mr)
    for doubt in unlike:
        warn(str(doubt))
    if strict:
        _refuse(unlike, translator.bundle.seen is not None, input, bundle)
    with console.status("translating"), about(input):
        onto = first.grid
        if source is not None and slices == "transverse":
            from mrtoct.io.dicom import planning_grid

            onto = planning_grid(first.grid)
        deviation = None
        if uncertainty is None:
            sct = translator.translate(mr, aligned=aligned, onto=onto, on_doubt=warn)
        else:
            sct, deviation = translator.translate_with_deviation(
                mr, aligned=aligned, onto=onto, on_doubt=warn
            )
    if source is None:
        write_volume(output, sct, overwrite=overwrite)
    else:
        from mrtoct.io.dicom import write_ct_series

        how = f"Synthetic CT estimated from MR by mrtoct {mrtoct.__version__}"
        sct = write_ct_series(
            output, sct, source, derivation=how, slices=slices, overwrite=overwrite
        )
    say(f"{output}: {sct.grid}, {sct.voxels.min()} to {sct.voxels.max()} HU")
    if uncertainty is not None and deviation is not None:
        write_volume(uncertainty, deviation, overwrite=overwrite)
        median = np.median(deviation.voxels[deviation.voxels > 0])
        say(f"{uncertainty}: standard deviation, median in the head {median:.0f} HU")


def _refuse(unlike: Sequence[Finding], known: bool, input: Path, bundle: Path) -> None:
    """Raise an error if a scan is unlike the training's, or if that is not known."""
    from mrtoct.errors import BundleError, ValueRangeError

    if not known:
        raise BundleError(
            f"{bundle} does not say what it was trained on (no seen.json), so --strict cannot be "
            "kept; train it anew, or leave out --strict"
        )
    if unlike:
        kinds = ", ".join(dict.fromkeys(doubt.kind for doubt in unlike))
        raise ValueRangeError(
            f"{input} is unlike the MR that {bundle} was trained on ({kinds}; see the warnings) "
            "and was not translated; leave out --strict to translate it all the same"
        )


def _dicom_source(input: Path, series: str | None) -> Series:
    """Return the MR series that a CT series is to belong to."""
    from mrtoct.errors import FileError
    from mrtoct.io.dicom import find_series

    if not input.is_dir():
        raise FileError(
            f"{input} is no folder of DICOM files; --format dicom takes patient, study and frame "
            "of reference from the MR's own"
        )
    return find_series(input, "a.u.", series)


def _named(further: list[str]) -> dict[str, Scan]:
    """Return the scans of further channels by name."""
    from mrtoct.errors import CohortError
    from mrtoct.io.scan import Scan

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
