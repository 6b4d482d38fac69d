"""mrtoct report: judge a run on its held-out subjects and make the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mrtoct.cli.options import Device, Overwrite
from mrtoct.cli.terminal import command, say, warn, watching
from mrtoct.errors import CohortError, FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.json_text import json_text
from mrtoct.judging.judgement import Judgement
from mrtoct.judging.roles import ADJECTIVES, may_speak
from mrtoct.judging.run import EVALUATION, judge_run
from mrtoct.judging.store import roles_in
from mrtoct.report.of_run import contents_of_run
from mrtoct.report.page import write_page
from mrtoct.report.publication import CAPTIONS, require_no_figures, write_figures
from mrtoct.report.tables import method_table
from mrtoct.training.run import read_run


def report(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run made by mrtoct train.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write.", show_default="RUN/report.html")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Also write publication figures here: PNG, PDF, captions."
        ),
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="The store's new location, if it was moved.")
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, as 'mrtoct evaluate' does.")
    ] = False,
) -> None:
    """Translate and evaluate a run's held-out subjects and show them on one page.

    The page is a single HTML file that needs no network: MR, synthetic CT, CT and their difference
    in three planes, metrics compared with two baselines (water in the head; the best map from MR
    value to HU), curves, registration and dropped slices. The synthetic CTs and all metrics are
    saved in RUN/evaluation, replacing those of an earlier report.

    --figures adds figures in a
    journal's column widths: panels in three planes for every subject, an overview with a row for
    each, bias curve, error by tissue and by level of the head, all CT in one window. An existing
    page of RUN is then kept.
    """
    page: Path | None = out or run_folder / "report.html"
    if figures is not None and out is None and not overwrite and page and page.is_file():
        page = None
    result = run(run_folder, page, store, overwrite, figures, device=device)
    if json:
        typer.echo(json_text(result.to_json()))
    else:
        show(result)
    say(f"next: {command('translate', 'MR', 'SCT', '--model', run_folder / 'best')}")


def show(result: Judgement) -> None:
    """Print a table of all methods."""
    role = ADJECTIVES[result.subjects[0].role]
    Console().print(
        method_table(
            {method: result.of(method) for method in result.methods},
            title=f"evaluated on {role} subjects; mean ± standard deviation",
        )
    )


def run(
    run_folder: Path,
    page: Path | None,
    store: Path | None,
    overwrite: bool,
    figures: Path | None = None,
    *,
    device: str,
) -> Judgement:
    """Judge with a progress bar, write the page and the figures asked for."""
    # Before the work, not after it: what could not be read or written anyway.
    if page is not None:
        if page.is_dir():
            raise FileError(f"{page} is a folder; a file name is needed")
        require_absent(page, overwrite=overwrite)
    record = read_run(run_folder)
    if store is None and not record.store.is_dir():
        raise CohortError(
            f"{record.store}, the store of {run_folder}, does not exist; give its new location "
            "with --store"
        )
    judged = may_speak(roles_in(record.split))
    if figures is not None:
        require_no_figures(figures, judged, overwrite=overwrite)
    with watching("evaluate") as watcher:
        result = judge_run(run_folder, store=store, device=device, watcher=watcher)
    for name, reason in result.failed.items():
        warn(f"failed and left out: {name}: {reason}")
    contents = contents_of_run(run_folder, result, store=store)
    if page is not None:
        write_page(page, contents, overwrite=overwrite)
    if figures is not None:
        say("drawing figures")
        write_figures(figures, contents.subjects, overwrite=overwrite)
    if figures is not None:
        say(f"figures: {figures}; captions: {figures / CAPTIONS}")
    kept = " (existing, kept)" if page is None else ""
    say(
        f"page: {page or run_folder / 'report.html'}{kept}; "
        f"synthetic CTs and metrics: {run_folder / EVALUATION}"
    )
    return result
