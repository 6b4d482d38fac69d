"""mrtoct reproduce: the paper's study on any prepared cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mrtoct.cli.options import Device, Overwrite, listed
from mrtoct.cli.terminal import say, watching
from mrtoct.study.answers import in_a_sentence, paper_questions, warnings
from mrtoct.study.budget import parse_budget
from mrtoct.study.reproduce import Settings
from mrtoct.study.reproduce import reproduce as run
from mrtoct.study.tables import TERMINAL, details


def reproduce(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="A store made by mrtoct prepare.")],
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of the study.")],
    budget: Annotated[
        str | None,
        typer.Option(
            help="Scale everything down to this total training time: 90s, 20m, 2h.",
            show_default="the paper's scale, days on a GPU",
        ),
    ] = None,
    only: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Only these: unet-mae, unet-mae-gdl, pix2pix, pix2pix-boost, "
            "context-gan, modern. The others keep their share of the budget for a later call.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    folds: Annotated[
        int | None,
        typer.Option(
            help="Cross-validation: every subject is evaluated once.",
            show_default="one split like the paper's, 4 of 17 for validation",
        ),
    ] = None,
    cohort: Annotated[
        str, typer.Option(help="Name of the cohort.", show_default="STORE's name")
    ] = "",
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Run the paper's experiments on a prepared store and compare them.

    Trains and evaluates the u-net with MAE and with MAE + GDL (section 4.1), pix2pix (4.2), its
    fine-tuning on the brain (4.3), the 3-D GAN with 1, 2 and 3 auto-context iterations, and the
    modern recipe, together with two baselines. STUDY gets study.html, study.md, study.json and
    figures: the paper's tables with our numbers, intervals over subjects, paired tests, learning
    curves. Run it again to continue an interrupted study; finished parts are kept.
    """
    settings = Settings(parse_budget(budget) if budget is not None else None, folds)
    with watching("study") as watcher:
        results = run(
            store,
            study,
            settings=settings,
            only=listed(only),
            cohort=cohort,
            overwrite=overwrite,
            device=device,
            watcher=watcher,
        )
    if results.plan.left_out:
        say(f"left out because of a doubtful registration: {', '.join(results.plan.left_out)}")
    shown = details(results, TERMINAL)
    table = Table(title=shown.title, title_justify="left")
    for column in shown.columns:
        first = column == shown.columns[0]
        table.add_column(column, justify="left" if first else "right", no_wrap=first)
    for row in shown.rows:
        table.add_row(*(cell.partition("\n")[0] for cell in row))
    Console().print(table)
    for each in paper_questions(results):
        say(in_a_sentence(each[0]))
    for warning in warnings(results):
        say(f"note: {warning}")
    say(f"page: {study / 'study.html'}; tables: {study / 'study.md'}; figures: {study / 'figures'}")
