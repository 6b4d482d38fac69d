"""mrtoct register: how a CT and an MR of one head lie to each other, as a whole and by region."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure

from mrtoct.cli.options import Device, Overwrite
from mrtoct.cli.regions import region_lines, write_whole_field
from mrtoct.cli.terminal import about, command, console, say, warn
from mrtoct.cli.unmeasured import say_unmeasured
from mrtoct.errors import FileError
from mrtoct.hardware.devices import device_named
from mrtoct.io.atomic import new_file, require_absent
from mrtoct.io.displacement import require_field_name
from mrtoct.io.files import read_volume, require_volume_absent, write_volume
from mrtoct.io.json_text import json_text
from mrtoct.io.rire.transform import Heading, write_rire_transform
from mrtoct.io.transforms import ENDINGS, read_transform, write_transform
from mrtoct.registration.assess import Assessment, assess_registration
from mrtoct.registration.deform import Deformed, DeformSettings, deform
from mrtoct.registration.deformation import carry
from mrtoct.registration.motion import MotionSettings, measure_motion
from mrtoct.registration.pyramid import body, box_around
from mrtoct.registration.register import Registration, RegistrationSettings
from mrtoct.registration.register import register as register_pair
from mrtoct.registration.search import distance
from mrtoct.registration.with_simpleitk import register_simpleitk
from mrtoct.report.registration import registration_figure
from mrtoct.resample import resample
from mrtoct.volume import Array, Volume

VOLUME_HELP = "a NIfTI or MetaImage file, or a folder of DICOM or RIRE"


def register(
    ct: Annotated[Path, typer.Argument(metavar="CT", help=f"CT in HU: {VOLUME_HELP}.")],
    mr: Annotated[Path, typer.Argument(metavar="MR", help=f"MR of the same head: {VOLUME_HELP}.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="TFM", help="Write the transform here: ITK text, .tfm or .txt."),
    ] = None,
    rire: Annotated[
        Path | None, typer.Option(metavar="TXT", help="Also write it in RIRE's submission format.")
    ] = None,
    resampled: Annotated[
        Path | None, typer.Option(metavar="VOLUME", help="Write the MR on the CT's grid.")
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG", help="Draw a checkerboard of both, and the CT's bone contours on the MR."
        ),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(metavar="TFM", help="Start from this transform (CT to MR points)."),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(metavar="TFM", help="Verify this transform (CT to MR points) instead."),
    ] = None,
    second_engine: Annotated[
        bool,
        typer.Option(
            "--second-engine", help="Cross-check with SimpleITK: how far does it move the result?"
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    deformed: Annotated[
        bool,
        typer.Option(
            "--deform",
            help="Align jaw and neck by a smooth deformation if they moved; the skull stays rigid.",
        ),
    ] = False,
    field: Annotated[
        Path | None,
        typer.Option(
            metavar="NIFTI",
            help="Write transform and deformation as a displacement field for ITK, ANTs, Slicer.",
        ),
    ] = None,
    device: Device = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Find the rigid transform that maps points of the CT to points of the MR.

    It is the transform for resampling the MR to the CT's grid; 3D Slicer, ANTs and SimpleITK read
    the file. The verdict comes from the data alone: good or doubtful, with the reason. A doubtful
    result is still written, with a warning on stderr and exit status 0: check every result with
    --picture before using it. Skull, face and jaw, and neck get a verdict each: good, moved, or not
    known.
    """
    # Before the work, not after it: what could not be written anyway.
    if out is None and check is None:
        raise FileError("give --out TRANSFORM.tfm for the result, or --check TRANSFORM.tfm")
    if check is not None and (out is not None or initial is not None):
        raise FileError("--check verifies a given transform: it excludes --out and --initial")
    if out is not None and out.suffix.lower() not in ENDINGS:
        raise FileError(f"{out}: a transform's name ends in {' or '.join(ENDINGS)}")
    if picture is not None and picture.suffix.lower() != ".png":
        raise FileError(f"{picture}: a picture's name ends in .png")
    if field is not None:
        if not deformed:
            raise FileError("--field contains a deformation: it needs --deform")
        require_field_name(field)
    outputs = [path for path in (out, rire, resampled, picture, field) if path is not None]
    for path in outputs:
        require_absent(path, overwrite=overwrite)
    if resampled is not None:
        require_volume_absent(resampled, overwrite=overwrite)
    given = initial or check
    start = read_transform(given, rigid=True) if given else None
    fixed, moving = read_volume(ct, "HU"), read_volume(mr, "a.u.")

    settings = RegistrationSettings(device=str(device_named(device)))

    result: Registration | Assessment
    with console.status("registering"), about(ct):
        if check is not None and start is not None:
            result = assess_registration(fixed, moving, start, settings)
        else:
            result = register_pair(fixed, moving, settings, start)
        transform = result.transform
        regional = MotionSettings(device=settings.device)
        motion = measure_motion(fixed, moving, transform, regional)
        if motion.doubt and result.verdict == "good":
            result = replace(result, verdict="doubtful", reason=motion.doubt)
        carried: Deformed | None = None
        if deformed:
            carried = deform(fixed, moving, transform, motion, DeformSettings(motion=regional))
        record = _record(result) | {"regions": motion.record()}
        if carried is not None:
            record["deformation"] = carried.record()
        if second_engine:
            opinion = register_simpleitk(fixed, moving, initial=transform)
            record["second_engine_mm"] = _apart(fixed, transform, opinion)

    if out is not None:
        write_transform(out, transform, overwrite=overwrite)
    if rire is not None:
        write_rire_transform(
            rire,
            transform,
            fixed.grid,
            moving.grid,
            _heading(mr),
            overwrite=overwrite,
        )
    to_mr = transform
    if carried is not None and carried.deformation is not None:
        moving = carry(moving, fixed.grid, transform, carried.deformation)
        to_mr = np.eye(4)
    if resampled is not None:
        on_ct = resample(moving, fixed.grid, fill=0.0, transform=to_mr)
        write_volume(resampled, on_ct, overwrite=overwrite)
    if picture is not None:
        figure = _figure(fixed, moving, to_mr, f"{result.verdict}: {result.reason}")
        with new_file(picture, overwrite=overwrite) as part:
            figure.savefig(part, dpi=90)
    if field is not None and carried is not None:
        if carried.deformation is None:
            outputs.remove(field)
        else:
            write_whole_field(
                field, carried.deformation, transform, fixed.grid, overwrite=overwrite
            )

    if json:
        typer.echo(json_text(record))
    else:
        typer.echo(f"{result.verdict}: {result.reason}")
        typer.echo("\n".join(region_lines(motion.motions)))
        if carried is not None and carried.deformation is not None:
            typer.echo(f"deformed: {carried.reason}; remaining:")
            typer.echo("\n".join(region_lines(carried.motions)))
        if second_engine:
            typer.echo(
                f"SimpleITK, started there, moves the result by {record['second_engine_mm']:.1f} mm"
            )
    for path in outputs:
        say(f"{path} written")
    if out is not None:
        say(f"next: {command('view', ct, mr, '--transform', out)}")
    if resampled is not None:
        say_unmeasured(resampled, on_ct)
    if carried is not None and carried.deformation is None:
        warn(f"warning: not deformed: {carried.reason}; the rigid transform stays")
    if result.verdict != "good":
        warn("warning: the registration is doubtful; look at it (--picture) before using it")


def _heading(mr: Path) -> Heading:
    """Say which of RIRE's scans the MR is as far as its path tells; an empty line says nothing."""
    kind = re.search(r"mr_(T1|T2|PD|MP-RAGE)(_rectified)?", str(mr))
    patient = re.search(r"(?:patient|training)_(\d{3})", str(mr))
    return Heading(
        method="mutual information, mrtoct",
        patient=patient[1] if patient else "",
        target=kind[0] if kind else "",
    )


def _record(result: Registration | Assessment) -> dict[str, Any]:
    """Return what a program wants to know; numbers that do not exist become null."""
    record: dict[str, Any] = {}
    for field in fields(result):
        value = getattr(result, field.name)
        if field.name == "found":
            value = _record(value)
        elif field.name == "transform":
            value = value.tolist()
        elif isinstance(value, float) and not math.isfinite(value):
            value = None
        record[field.name] = value
    return record


def _apart(ct: Volume, first: Array, second: Array) -> float:
    """Return the mean distance in mm between two maps of the body's points."""
    mask = body(ct)
    return distance(first, second, mask.grid.to_world(np.argwhere(mask.voxels)))


def _figure(ct: Volume, mr: Volume, transform: Array, title: str) -> Figure:
    """Draw the body and a little air around it."""
    box = ct.grid.cropped(box_around(body(ct), ct.grid, 8.0))
    return registration_figure(ct, mr, transform, box, title)
