"""The `mrtoct` command: its parts, and how errors are shown."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from mrtoct.cli import demo, evaluate, phantom, prepare, report, train, translate
from mrtoct.errors import MrtoctError

app = typer.Typer(
    name="mrtoct",
    help=(
        "Synthetic CT in Hounsfield units from head MRI.\n\n"
        "Start with **mrtoct demo**: the whole way on made-up heads, in minutes. With "
        "your own MR/CT pairs the same steps are prepare, train, translate, evaluate, report.\n\n"
        "Research software, not a medical device."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(demo.demo)
app.command("phantom")(phantom.phantom)
app.command("prepare")(prepare.prepare)
app.command("train")(train.train)
app.command("translate")(translate.translate)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(report.report)


def _print_version(wanted: bool) -> None:
    if wanted:
        from mrtoct import __version__

        typer.echo(f"mrtoct {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and leave."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors a user can mend are one sentence on stderr, exit status 1."""
    try:
        app()
    except MrtoctError as error:
        sys.exit(f"mrtoct: {error}")
    except OSError as error:
        # What libraries raise when the disk is full or a file may not be read.
        where = f" ({error.filename})" if error.filename else ""
        sys.exit(f"mrtoct: {error.strerror or error}{where}")
    except MemoryError:
        sys.exit("mrtoct: not enough memory")
    except KeyboardInterrupt:
        print("mrtoct: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
