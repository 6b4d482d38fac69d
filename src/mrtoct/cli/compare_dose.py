"""mrtoct compare-dose: would a plan made on a synthetic CT reach as deep as on the real one?"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from mrtoct.cli.doses import MODALITIES, angles, show_doses, write_doses
from mrtoct.cli.options import Overwrite, Sct
from mrtoct.cli.terminal import about, console, say, watching
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import new_folder, require_absent
from mrtoct.io.files import read_volume
from mrtoct.io.json_text import json_text
from mrtoct.properties.curves.find import find_curve
from mrtoct.properties.dose.compare import (
    GANTRY,
    GRID_MM,
    DoseComparison,
    compare_doses,
    planned_head,
)
from mrtoct.properties.dose.engine import Modality, Plan, require_engine
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
    sct: Sct,
    ct: Annotated[
        Path,
        typer.Argument(metavar="CT", help="The real CT of the same head, aligned, in HU."),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|X,Y,Z",
            help="A mask, or the centre (RAS mm) of a ball of 20 mm radius.",
            show_default="a ball in the middle of the brain",
        ),
    ] = None,
    beams: Annotated[
        int,
        typer.Option(
            min=1, max=360, help="Number of beams all around; two oblique ones are added."
        ),
    ] = 36,
    curve: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TABLE",
            help="HU to proton stopping power: see 'mrtoct curves spr'.",
            show_default="schneider-2000",
        ),
    ] = None,
    dose: Annotated[
        Literal["protons", "photons", "both"] | None,
        typer.Option(
            help="Also plan on the CT, compute the plan's dose on both, and compare the doses.",
            show_default=False,
        ),
    ] = None,
    gantry: Annotated[
        str | None,
        typer.Option(
            metavar="ANGLES",
            help="Gantry angles for --dose in degrees: 0 from the front, 90 from the left.",
            show_default="120,240 for protons; 60,180,300 for photons",
        ),
    ] = None,
    dose_grid: Annotated[
        float, typer.Option(min=1.5, max=5, metavar="MM", help="Spacing of the dose grid.")
    ] = GRID_MM,
    engine: Annotated[
        Path | None,
        typer.Option(
            metavar="PYTHON",
            envvar="MRTOCT_DOSE_ENGINE",
            help="The Python of an environment with pyRadPlan; --dose without it prints how to "
            "make one.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Also write figures, numbers and rays, and doses if any, to a new folder.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Compare proton ranges, and optionally doses, in a synthetic CT and the real one.

    For rays of beams from all around and two oblique ones: the water-equivalent path length from
    the skin to the target's far side, in both CTs within the real one's body. The difference is the
    range error of a plan made on the synthetic CT; positive is too deep. It needs no plan, machine
    or dose engine. Photon doses hide a missing skull, ranges do not. For research only.

    With --dose: a plan is made on the real CT and its dose computed there, on the synthetic CT, and
    on the real CT without bone, for comparison. This takes minutes, and pyRadPlan in its own
    environment.
    """
    chosen = find_curve(QUANTITIES["spr"], curve)
    beams_of = _beams_of(dose, gantry)
    python = require_engine(engine) if dose else None
    if out is not None:
        require_absent(out, overwrite=overwrite)
    with console.status("reading"):
        synthetic, real = read_volume(sct, "HU"), read_volume(ct, "HU")
        with about(ct):
            aimed = _target(target, real)
    doses = []
    if python is not None:
        with console.status("finding the body"):
            head = planned_head(synthetic, real, aimed, dose_grid)
        curves = {"protons": chosen, "photons": find_curve(QUANTITIES["red"], None)}
        with watching("doses") as watcher:
            doses = [
                compare_doses(head, Plan(kind, at), curves[kind], python, watcher=watcher)
                for kind, at in beams_of.items()
            ]
    directions = ring(beams)
    with watching("beams") as watcher:
        result = compare_ranges(synthetic, real, aimed, directions, chosen, watcher=watcher)
    if out is not None:
        files = _write(out, result, doses, overwrite=overwrite)
        say(f"{out}: {', '.join(files)}")
    if result.missing > 0:
        say(
            f"note: the synthetic CT does not cover {result.missing:.1%} of the body, which "
            "counts as air"
        )
    if json:
        told = result.facts()
        if doses:
            told["doses"] = {found.plan.modality: found.facts() for found in doses}
        typer.echo(json_text(told))
    else:
        show(result)
        if doses:
            show_doses(doses)


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


def _beams_of(dose: str | None, gantry: str | None) -> dict[Modality, tuple[float, ...]]:
    """Return gantry angles for each plan that is asked for."""
    if dose is None:
        if gantry is not None:
            raise ValueRangeError("--gantry needs --dose")
        return {}
    at = None if gantry is None else angles(gantry)
    return {kind: at or GANTRY[kind] for kind in MODALITIES[dose]}


def _write(
    folder: Path, result: RangeComparison, doses: list[DoseComparison], *, overwrite: bool
) -> list[str]:
    """Write all files at once, and return their names."""
    with new_folder(folder, overwrite=overwrite) as part:
        (part / "ranges.png").write_bytes(range_figure(result))
        (part / "ranges.json").write_text(json_text(result.facts()) + "\n")
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
        files = ["ranges.png", "ranges.json", "rays.csv"]
        return files + (write_doses(part, doses) if doses else [])
