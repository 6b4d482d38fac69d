"""mrtoct compare-dose: would a plan made on a synthetic CT reach as deep as on the real one?"""

from __future__ import annotations

import csv
import json as json_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mrtoct.cli.options import Overwrite
from mrtoct.cli.terminal import about, console, say, watching
from mrtoct.errors import FileError
from mrtoct.io.atomic import new_folder, require_absent
from mrtoct.io.files import read_volume
from mrtoct.properties.curves.find import find_curve
from mrtoct.properties.quantity import QUANTITIES
from mrtoct.properties.ranges import (
    TARGET_RADIUS_MM,
    RangeComparison,
    compare_ranges,
    default_target,
)
from mrtoct.properties.wepl import ring, sphere
from mrtoct.report.ranges import range_figure
from mrtoct.volume import Volume


def compare_dose(
    sct: Annotated[
        Path,
        typer.Argument(
            metavar="SCT", help="A synthetic CT in HU: .nii.gz, .nii, .mha, .mhd or a DICOM folder."
        ),
    ],
    ct: Annotated[
        Path,
        typer.Argument(metavar="CT", help="The real CT of the same head, aligned, in HU."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|X,Y,Z",
            help="A mask, or the middle (RAS mm) of a ball of 20 mm radius.",
            show_default="a ball in the middle of the brain",
        ),
    ] = None,
    beams: Annotated[
        int, typer.Option(min=1, max=360, help="How many beams all around; two more are oblique.")
    ] = 36,
    curve: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TABLE",
            help="HU to proton stopping power: see 'mrtoct curves spr'.",
            show_default="schneider-2000",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write ranges.png, ranges.json and rays.csv to a new folder.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Compare how deep proton beams would reach in a synthetic CT and in the real one.

    For rays of beams all around and two oblique ones: the water-equivalent path length from the
    skin to the target's far side, in both CTs within the real one's body. Their difference is the
    error of range of a plan made on the synthetic CT; positive is too deep. It needs no plan, no
    machine and no dose engine. Photon doses hide a missing skull, ranges do not. For research only.
    """
    chosen = find_curve(QUANTITIES["spr"], curve)
    if out is not None:
        require_absent(out, overwrite=overwrite)
    with console.status("reading"):
        synthetic, real = read_volume(sct, "HU"), read_volume(ct, "HU")
        with about(ct):
            aimed = _target(target, real)
    directions = ring(beams)
    with watching("beams") as watcher:
        result = compare_ranges(synthetic, real, aimed, directions, chosen, watcher=watcher)
    if out is not None:
        _write(out, result, overwrite=overwrite)
        say(f"{out}: ranges.png, ranges.json, rays.csv")
    if result.missing > 0:
        say(f"note: the synthetic CT does not cover {result.missing:.1%} of the body: air is there")
    if json:
        typer.echo(json_module.dumps(result.facts(), indent=1))
    else:
        show(result)


def show(result: RangeComparison) -> None:
    """Print the errors over all rays, and of the beams that are worst."""
    table = Table("beams", "rays", "mean", "SD", "mean |.|", "95 % |.|", "mean %", "> 2 mm or 3 %")
    worst = sorted(result.by_beam.items(), key=lambda item: -item[1].mean_abs_mm)[:5]
    for name, error in [("all", result.all), *worst]:
        table.add_row(
            name,
            str(error.rays),
            f"{error.mean_mm:+.2f}",
            f"{error.sd_mm:.2f}",
            f"{error.mean_abs_mm:.2f}",
            f"{error.p95_abs_mm:.2f}",
            f"{error.mean_percent:+.2f}",
            f"{error.far:.1%}",
        )
    table.caption = "error of range, mm of water, positive too deep; below all: the five worst"
    Console().print(table)


def _target(target: str | None, real: Volume) -> Volume:

    if target is None:
        return default_target(real)
    try:
        x, y, z = map(float, target.split(","))
    except ValueError:
        if not Path(target).is_file():
            raise FileError(
                f"--target takes a mask file or a point such as 10,-20,30 (RAS mm); got {target!r}"
            ) from None
    else:
        return sphere(real, (x, y, z), TARGET_RADIUS_MM)
    mask = read_volume(Path(target), "label")
    return mask.with_voxels(mask.voxels > 0)


def _write(folder: Path, result: RangeComparison, *, overwrite: bool) -> None:

    with new_folder(folder, overwrite=overwrite) as part:
        (part / "ranges.png").write_bytes(range_figure(result))
        (part / "ranges.json").write_text(json_module.dumps(result.facts(), indent=1) + "\n")
        with (part / "rays.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(("beam", "across_mm", "up_mm", "real_mm", "synthetic_mm", "error_mm"))
            for path in result.paths:
                rays = zip(
                    path.across_mm, path.real_mm, path.synthetic_mm, path.error_mm, strict=True
                )
                for (across, up), real, synthetic, error in rays:
                    numbers = (f"{v:.3f}" for v in (across, up, real, synthetic, error))
                    table.writerow((path.beam.name, *numbers))
