"""mrtoct evaluate: synthetic CTs against the real ones."""

from __future__ import annotations

import csv as csv_module
import io
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from mrtoct.cli.options import Device, Overwrite, Scheduler, Workers, listed, processors
from mrtoct.cli.terminal import command, say, warn, watching
from mrtoct.errors import CohortError, ValueRangeError
from mrtoct.io.atomic import require_absent, write_text
from mrtoct.io.json_text import json_text
from mrtoct.judging.judge import Terms
from mrtoct.judging.judgement import Judgement, chosen
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.judging.named import Request, judge_cohort, judge_pair, single
from mrtoct.judging.roles import some
from mrtoct.judging.summary import summarise_levels
from mrtoct.report import evaluation_tables as tables_of
from mrtoct.report.tables import subject_table


def evaluate(
    sct: Annotated[
        Path,
        typer.Argument(
            metavar="SCT",
            help="Synthetic CT in HU; or a folder of them, from any tool; or a bundle such as "
            "RUN/best.",
        ),
    ],
    ct: Annotated[
        Path,
        typer.Argument(
            metavar="CT",
            help="Real CT in HU on the same grid; or a folder of them; or a store made by mrtoct "
            "prepare, which a bundle needs.",
        ),
    ],
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Where to compare (above 0), on the same grid; or a folder of masks. Default: the "
            "head on the CT, or the store's mask."
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Also compare SCT with this on the same subjects: another synthetic CT, folder "
            "or bundle.",
            metavar="OTHER",
        ),
    ] = None,
    synthrad: Annotated[
        Literal["2023", "2025", "both"],
        typer.Option(help="Year of the SynthRAD challenge's metrics to show."),
    ] = "both",
    subjects: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Only these subjects of a cohort. Default: all that the bundle was not trained "
            "on.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    tiles: Annotated[
        str,
        typer.Option(
            help="Measure seams between tiles of this size in voxels: 32, or 32,32,16, or "
            "32@4,0,7 if a tile begins at voxel 4,0,7.",
            show_default=False,
        ),
    ] = "",
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Evaluate volumes whose values cannot be HU, which are otherwise refused.",
        ),
    ] = False,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Resample a synthetic CT or mask on another grid, otherwise refused, to the CT's "
            "grid. Voxels beyond it count as not measured.",
        ),
    ] = False,
    structures: Annotated[
        bool,
        typer.Option(
            "--structures",
            help="Also give the Dice of bone, brain, fat and soft tissue as segmented by a small "
            "network in both CTs. Takes about 20 seconds per subject.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Write one row per subject and method.", metavar="FILE")
    ] = None,
    workers: Workers = processors(),
    scheduler: Scheduler = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Compare synthetic CTs with real CTs, in HU inside a mask.

    Mean absolute error, bias, overlap and surface distance of bone, the SynthRAD challenge's
    metrics and the paper's own; for a cohort with intervals, by level of the head, and in paired
    comparisons.

    In a folder, a subject's volume is SUBJECT/sct.nii.gz, SUBJECT_sct.nii.gz or
    SUBJECT.nii.gz (or .nii, .mha, .mhd), and so on with ct and mask. A bundle is evaluated on the
    subjects of a store that it was not trained on, together with two baselines: water, and the best
    map from MR value to HU.

    Volumes on different grids are an error, unless --resample is given, and so are values that
    cannot be HU. Errors inside different masks are not comparable: the mask is part of the output.
    Voxels not measured in the synthetic or the real CT are left out, and the output says how many
    and how that changes the error. The exit status is 1 if a subject could not be
    evaluated.
    """
    if csv is not None:
        require_absent(csv, overwrite=overwrite)  # before the work, not after it
    if structures:
        from mrtoct.training.anatomy import (
            require_segmenter,  # torch, for which others need not wait
        )

        require_segmenter()
    request = Request(
        sct,
        ct,
        mask,
        against,
        listed(subjects),
        Terms(tile_grid(tiles) if tiles else None, force, resample, structures),
        synthrad,
        workers,
        device,
        scheduler,
    )
    pair = single(request)
    if pair and scheduler is not None:
        raise CohortError(f"--scheduler is for a cohort; {sct} and {ct} are one pair")
    with watching("evaluate") as watcher:
        result = judge_pair(request) if pair else judge_cohort(request, watcher)
    for note in result.notes:
        warn(f"warning: {note}")
    for lack, names in result.unmatched.items():
        warn(f"left out, {lack}: {some(names)}")
    for name, reason in result.failed.items():
        warn(f"failed and left out: {name}: {reason}")
    if csv is not None:
        write_csv(csv, result, overwrite=overwrite)
        say(f"{csv}: one row per subject and method")
    if json:
        one = pair and against is None
        plain = chosen(result.of(str(sct))[0].to_json(), synthrad) if one else result.to_json()
        typer.echo(json_text(plain))
    elif pair:
        show_pair(result)
        say(f"next: {command('view', sct, '--against', ct)}")
    else:
        show_cohort(result, rival=against is not None)
    if result.failed:
        raise typer.Exit(1)


def tile_grid(text: str) -> TileGrid:
    """Read SIZE, I,J,K or either with @I,J,K behind it; ValueRangeError for anything else."""
    size, at, origin = text.partition("@")
    try:
        sides = [int(n) for n in size.split(",")]
        first = [int(n) for n in origin.split(",")] if at else [0, 0, 0]
        i, j, k = sides * 3 if len(sides) == 1 else sides
        a, b, c = first
    except ValueError:
        raise ValueRangeError(
            f"--tiles takes 32, or 32,32,16, or 32@4,0,7, in voxels; got {text!r}"
        ) from None
    return TileGrid((i, j, k), (a, b, c))


def write_csv(path: Path, result: Judgement, *, overwrite: bool) -> None:
    """Write the rows of an evaluation, whole or not at all."""
    text = io.StringIO()
    csv_module.writer(text, lineterminator="\n").writerows(result.rows())
    write_text(path, text.getvalue(), overwrite=overwrite)


def show_pair(result: Judgement) -> None:
    """Print every metric of one subject, and where in the head the errors are."""
    console = Console()
    short = tables_of.labels(result.methods)
    evaluations = {escape(short[m]): result.of(m)[0] for m in result.methods}
    for line in filter(None, (result.described, result.left_out)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(subject_table(evaluations, metrics=result.metrics))
    levels = {short[m]: summarise_levels(result.of(m)) for m in result.methods}
    console.print(tables_of.levels_table(levels))
    if result.uncounted:
        console.print(result.uncounted, markup=False, highlight=False)


def show_cohort(result: Judgement, *, rival: bool) -> None:
    """Print the cohort's means, the comparison with a rival, each subject and each level."""
    console = Console()
    metrics, short = result.metrics, tables_of.labels(result.methods)
    figures = {short[m]: [result.summary(m, metric) for metric in metrics] for m in result.methods}
    for line in filter(None, (result.described, result.left_out)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(tables_of.cohort_table(metrics, figures))
    first = result.methods[0]
    if rival:
        second = result.methods[1]
        paired = [result.paired(second, metric) for metric in metrics]
        title = f"{short[first]} minus {short[second]}, subject by subject"
        console.print(tables_of.paired_table(metrics, paired, title))
    each = {s.subject: (s.role, s.evaluations[first]) for s in result.subjects}
    console.print(tables_of.subjects_table(each, metrics, short[first]))
    levels = {short[m]: summarise_levels(result.of(m)) for m in result.methods}
    console.print(tables_of.levels_table(levels))
    if result.uncounted:
        console.print(result.uncounted, markup=False, highlight=False)
