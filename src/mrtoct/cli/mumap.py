"""mrtoct mumap: the attenuation map of a PET/MR scan with the head of a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct._version import __version__
from mrtoct.cli.calibrated import curve_for
from mrtoct.cli.options import FILES, Overwrite
from mrtoct.cli.terminal import about, command, console, say
from mrtoct.errors import FileError
from mrtoct.io import interfile
from mrtoct.io.atomic import require_absent
from mrtoct.io.dicom import find_series
from mrtoct.io.dicom.umap import read_umap, write_umap
from mrtoct.io.files import NIFTI_ENDINGS, read_volume, write_volume
from mrtoct.properties.mumap import replace_head
from mrtoct.properties.quantity import QUANTITIES


def mumap(
    sct: Annotated[
        Path,
        typer.Argument(
            metavar="SCT",
            help=f"A synthetic CT in HU, in the coordinates of the PET/MR scan: {FILES}, or a "
            "DICOM folder.",
        ),
    ],
    umap: Annotated[
        Path,
        typer.Argument(
            metavar="UMAP", help="The scanner's attenuation map: a folder of DICOM files."
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="NIfTI (.nii.gz, .nii), Interfile for STIR (.hv), or a new folder for DICOM under "
            "the headers of UMAP.",
        ),
    ],
    series: Annotated[
        str | None,
        typer.Option(
            help="Which series of UMAP: its number, UID, or part of its description; see 'mrtoct "
            "series'.",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TABLE",
            help="HU to 1/cm: see 'mrtoct curves mu511'; it should match the tube voltage of the "
            "model's training CTs.",
            show_default="Carney's for SCT's tube voltage if known, else for 120 kVp",
        ),
    ] = None,
    smooth: Annotated[
        float,
        typer.Option(
            metavar="MM", min=0, max=20, help="Width (FWHM) of a Gaussian over the head, mm."
        ),
    ] = 0.0,
    overwrite: Overwrite = False,
) -> None:
    """Insert the head of a synthetic CT into a PET/MR scanner's attenuation map (511 keV, 1/cm).

    The result is on the grid of UMAP. Everything away from the head, such as arms and shoulders,
    and beyond the synthetic CT is kept. DICOM keeps study, frame of reference, private groups and
    UMAP's quantisation, in a new series. Whether a scanner's own reconstruction accepts it has to
    be tried there. For research only.
    """
    quantity = QUANTITIES["mu511"]
    chosen, why = curve_for(quantity, curve, sct)
    if not umap.is_dir():
        raise FileError(
            f"{umap} is not a folder of DICOM files; the scanner's own series is needed"
        )
    is_nifti = output.name.lower().endswith(NIFTI_ENDINGS)
    if not is_nifti and output.suffix.lower() not in ("", ".hv"):
        raise FileError(f"{output} must end in .nii.gz, .nii or .hv, or be the name of a folder")
    require_absent(output, overwrite=overwrite)
    with console.status("reading") as stage:
        source = find_series(umap, "a.u.", series)
        with about(umap):
            theirs = read_umap(source)
        volume = read_volume(sct, "HU")
        stage.update("mapping")
        with about(sct):
            made = replace_head(volume, theirs, chosen, smooth_mm=smooth)
        stage.update("writing")
        told = f"{quantity.title} [{quantity.unit}], {chosen.name}"
        if is_nifti:
            write_volume(output, made.mu, overwrite=overwrite, description=told)
        elif output.suffix.lower() == ".hv":
            interfile.write(output, made.mu, units="1/cm", name=told, overwrite=overwrite)
        else:
            how = f"Head from a synthetic CT by mrtoct {__version__}, {chosen.name}; research only"
            write_umap(output, made.mu, source, description=how, overwrite=overwrite)
    say(
        f"{output}: {made.mu.grid}, {made.replaced_ml:.0f} ml of head from the synthetic CT, "
        f"{made.kept_ml:.0f} ml kept; the heads agree by {made.agreement:.0%}"
    )
    if why:
        say(f"note: {why}")
    if is_nifti:
        say(f"next: {command('view', sct, output)}")
