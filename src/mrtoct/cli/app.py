"""The `mrtoct` command: its parts, and how errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from mrtoct.cli import (
    check,
    compare_dose,
    convert,
    demo,
    evaluate,
    fetch,
    inspect,
    mumap,
    phantom,
    prepare,
    register,
    report,
    reproduce,
    score,
    series,
    simulate,
    structures,
    tour,
    train,
    translate,
    ultrasound,
    view,
)
from mrtoct.errors import MrtoctError


def _in_one_sentence(command: Callable[..., None]) -> Callable[..., None]:
    """Show errors a user can mend as one sentence on stderr and exit with status 1."""

    @wraps(command)
    def run(**options: Any) -> None:
        try:
            command(**options)
        except MrtoctError as error:
            sys.exit(f"mrtoct: {error}")
        except BrokenPipeError:
            raise  # the reader of a pipe left; click knows what to do
        except OSError as error:
            # What libraries raise when the disk is full or a file may not be read.
            where = f" ({error.filename})" if error.filename else ""
            sys.exit(f"mrtoct: {error.strerror or error}{where}")
        except MemoryError:
            sys.exit("mrtoct: not enough memory")
        except KeyboardInterrupt:
            print("mrtoct: interrupted; what was finished is kept", file=sys.stderr)
            sys.exit(130)

    return run


app = typer.Typer(
    name="mrtoct",
    help=(
        "Synthetic CT in Hounsfield units from head MRI.\n\n"
        "Start with **mrtoct demo**, or with **mrtoct translate MR SCT** for a head MR of yours: a "
        "model for any contrast comes with the package. To train one on your own MR/CT pairs the "
        "steps are check, prepare, train, translate, evaluate, report; **mrtoct tour** shows them "
        "on made-up heads.\n\n"
        "Research software, not a medical device."
    ),
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _command in (
    translate.translate,
    demo.demo,
    view.view,
    inspect.inspect,
    convert.convert,
    convert.curves,
    ultrasound.ultrasound,
    mumap.mumap,
    structures.structures,
    compare_dose.compare_dose,
    tour.tour,
    phantom.phantom,
    simulate.simulate,
    series.series,
    check.check,
    register.register,
    score.score,
    prepare.prepare,
    train.train,
    evaluate.evaluate,
    report.report,
    reproduce.reproduce,
):
    app.command()(_in_one_sentence(_command))

_fetch = typer.Typer(help="Fetch public data sets.", no_args_is_help=True)
_fetch.command()(_in_one_sentence(fetch.rire))
_fetch.callback()(lambda: None)  # keeps the data set's name in the command while there is one
app.add_typer(_fetch, name="fetch")


def _print_version(wanted: bool) -> None:
    if wanted:
        from mrtoct._version import __version__

        typer.echo(f"mrtoct {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    # Read when torch is loaded. OpenMP threads that wait for each other by spinning for long are
    # no faster on an idle machine and several times slower where another process wants a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    app()
