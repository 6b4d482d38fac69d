"""The `mrtoct` command: the table of its commands, and how errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mrtoct.errors import MrtoctError
from mrtoct.io.paths import expanded

Function = Callable[..., None]

COMMANDS = {
    "translate": "Translate a head MR, or a folder of them, into synthetic CTs.",
    "demo": "Translate a head with the shipped model and show the result on a page.",
    "view": "Show volumes side by side in three planes and 3-D, with linked slices, windows and "
    "overlays.",
    "inspect": "Check the plausibility of a synthetic CT without a reference.",
    "convert": "Turn a synthetic CT into a map of a physical property.",
    "curves": "List the curves from HU to a property, show one, or write it for another program.",
    "ultrasound": "Write skull, density, speed and attenuation of sound for k-Plan, PRESTUS, "
    "BabelBrain, k-Wave.",
    "mumap": "Insert the head of a synthetic CT into a PET/MR scanner's attenuation map (511 keV, "
    "1/cm).",
    "structures": "Outline body, bone, air and brain of a synthetic CT for a treatment "
    "planning system.",
    "compare-dose": "Compare proton ranges, and optionally doses, in a synthetic CT and the "
    "real one.",
    "tour": "Run a complete training on phantom heads in minutes, offline, on a CPU.",
    "phantom": "Generate a cohort of head phantoms as raw scans, to try mrtoct without patient "
    "data.",
    "simulate": "Simulate MR of any contrast and CT from real anatomies: a cohort of aligned "
    "pairs.",
    "series": "List the series in a folder of DICOM files, or write one of them as a volume.",
    "check": "Check a cohort, or one pair, for problems before hours of work.",
    "register": "Find the rigid transform that maps points of the CT to points of the MR.",
    "resample": "Resample a volume to another grid.",
    "score": "Measure the error of a CT-to-MR transform against a reference, in mm.",
    "prepare": "Register, mask, clean and resample MR/CT pairs into a store that trains fast.",
    "train": "Train a network on a prepared store.",
    "evaluate": "Compare synthetic CTs with real CTs, in HU inside a mask.",
    "report": "Translate and evaluate a run's held-out subjects and show them on one page.",
    "reproduce": "Run the paper's experiments on a prepared store and compare them.",
    "fetch": "Fetch public data sets, or a model.",
    "models": "List the models available to --model by name, and their origin.",
    "export": "Write a model as ONNX, for programs that run networks without Python or torch.",
    "recipes": "List the built-in recipes, or show one as a start for your own.",
    "info": "Describe a file or folder.",
    "doctor": "Check this installation, and what makes it slow.",
}
"""Each command and its line in the overview. mrtoct.cli.NAME holds the function NAME; it is
imported when the command is called, so that the overview waits for no library."""

GROUPS = {"fetch": ("rire", "model")}
"""Commands with commands of their own: the functions in their module."""

_PANEL = "Messages"
VOICE: dict[str, tuple[Any, Any]] = {
    "quiet": (
        Annotated[
            bool,
            typer.Option("--quiet", help="Show only warnings and errors.", rich_help_panel=_PANEL),
        ],
        False,
    ),
    "verbose": (
        Annotated[
            bool,
            typer.Option("--verbose", help="Show a line for every step.", rich_help_panel=_PANEL),
        ],
        False,
    ),
    "log": (
        Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                help="Append all messages to this file, with the time.",
                show_default=False,
                rich_help_panel=_PANEL,
            ),
        ],
        None,
    ),
}
"""Options that every command has, each with its default."""

SETTINGS: dict[str, Any] = {
    "rich_markup_mode": "markdown",
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


def functions(name: str) -> dict[str, Function]:
    """Import a command's module and return its functions by full name, such as "fetch rire"."""
    word = name.replace("-", "_")
    module = import_module(f"mrtoct.cli.{word}")
    if name in GROUPS:
        return {f"{name} {inner}": getattr(module, inner) for inner in GROUPS[name]}
    return {name: getattr(module, word)}


def load(name: str) -> Any:
    """Import a command's module and return it as typer parses it."""
    group = name in GROUPS
    inner = typer.Typer(
        **SETTINGS, name=name, help=COMMANDS[name], no_args_is_help=group, add_completion=False
    )
    for full, function in functions(name).items():
        inner.command(full.split()[-1])(_in_one_sentence(function))
    if group:
        inner.callback()(lambda: None)  # keeps the inner name while there is only one
    return typer.main.get_command(inner)


class Commands(TyperGroup):
    """Commands that are imported when they are called; their lines are known before."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name of the command that is called, the command itself and what follows."""
        name, line, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else line, rest


def _in_one_sentence(command: Function) -> Function:
    """Show errors a user can mend as one sentence on stderr and exit with status 1."""

    @wraps(command)
    def run(*, quiet: bool, verbose: bool, log: Path | None, **options: Any) -> None:
        from mrtoct.cli.terminal import speaking

        try:
            with speaking(quiet, verbose, log):
                command(**options)
        except MrtoctError as error:
            from mrtoct.cli.terminal import in_words

            sys.exit(f"mrtoct: {in_words(error, command)}")
        except BrokenPipeError:
            raise  # the reader of a pipe left; click knows what to do
        except OSError as error:
            # What libraries raise when the disk is full or a file may not be read.
            where = f" ({error.filename})" if error.filename else ""
            sys.exit(f"mrtoct: {error.strerror or error}{where}")
        except MemoryError:
            sys.exit("mrtoct: not enough memory")
        except KeyboardInterrupt:
            print("mrtoct: interrupted; finished work is kept", file=sys.stderr)
            sys.exit(130)

    return _with_options(run, VOICE)


def _with_options(function: Function, further: dict[str, tuple[Any, Any]]) -> Function:
    """Let typer see further options of a function, each an annotation and a default."""
    own = signature(function, eval_str=True)
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in further.items()
    ]
    parameters = [*own.parameters.values(), *added]
    function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    function.__annotations__ |= {name: annotation for name, (annotation, _) in further.items()}
    return function


app = typer.Typer(
    **SETTINGS,
    name="mrtoct",
    cls=Commands,
    help=(
        "Synthetic CT in Hounsfield units from head MRI.\n\n"
        "Start with **mrtoct demo**, or with **mrtoct translate MR SCT** for your own head MR: a "
        "model for any contrast is included. To train one on your own MR/CT pairs, the steps are "
        "check, prepare, train, translate, evaluate, report; **mrtoct tour** shows them on phantom "
        "heads.\n\n"
        "Research software, not a medical device."
    ),
    no_args_is_help=True,
)

for _name, _line in COMMANDS.items():
    app.command(_name, help=_line)(lambda: None)  # the line alone: `load` gives the command


def _print_version(wanted: bool) -> None:
    if wanted:
        from mrtoct._version import __version__

        typer.echo(f"mrtoct {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    # Read when torch is loaded. OpenMP threads that wait for each other by spinning for long are
    # no faster on an idle machine and several times slower where another process wants a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    sys.argv[1:] = [expanded(word) for word in sys.argv[1:]]
    app()
