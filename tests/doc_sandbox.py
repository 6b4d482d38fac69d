"""Runs the examples of a page one after the other, as a reader would who tries them.

What an example reads is laid there just before, unless an example above has made it. What it makes
is removed before, because the lines of an example may be alternatives. Everything is as small as
it gets, which takes these substitutions:

- a recipe is read and checked as it is, and then gets a few weights, 8 mm voxels and two steps;
- pairs are registered at 8 and 4 mm only, each once for all pages, and stored at 8 mm;
- numbers of subjects and processes, and time budgets become small (`shortened`);
- phantoms of every preset are coarse, the tour has three heads, the study three of small_study's;
- the shipped model is one of its kind with random weights;
- RIRE is three subjects on a loopback server, whose licence is accepted;
- a page is served to nobody, as if Ctrl-C came at once;
- installing is left out: the tests' own environment is what would be installed.
"""

from __future__ import annotations

import ast
import hashlib
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from doc_examples import ROOT, Block, commands, mrtoct_arguments, parse
from doc_kit import COARSE, PATIENTS, Kit
from mrtoct.io.as_volume import VolumeLike, as_volume
from mrtoct.phantom import TINY
from mrtoct.registration.register import Registration, RegistrationSettings, register
from mrtoct.registration.search import LEVELS
from mrtoct.registration.starts import StartSettings
from mrtoct.volume import Array
from small_study import small_experiments

MADE = {
    "prepare": "store",
    "train": "run_folder",
    "phantom": "folder",
    "reproduce": "study",
    "translate": "output",
    "convert": "output",
    "ultrasound": "folder",
    "mumap": "output",
    "structures": "output",
}
"""The parameter of a command that names what it makes."""
MADE_BY_OPTION = ("out", "csv", "picture", "rire", "resampled", "figures", "uncertainty", "page")
CALLS = {"prepare_cohort": 1, "train": 1, "write_volume": 0, "write_ct_series": 0}
CALLS |= {"write_map": 0, "write_ultrasound": 0, "write_structures": 0}
CALLS |= {"write_transform": 0, "write_rire_transform": 0}
"""The argument of a function that names what it makes."""
PLAIN_COMMANDS = ("cp", "mkdir", "ls", "cat", "head")
INSTALLED = ({"-m", "venv"}, {"install"}, {"pytest"}, {"activate"})
"""Words of commands whose work is done where tests run."""


# Where a function is that is replaced by a smaller one: at home and where it was imported to.
LOAD_RECIPE = ("mrtoct.load_recipe", "mrtoct.training.recipe_file.load_recipe")
LOAD_RECIPE += tuple(f"mrtoct.cli.{name}.load_recipe" for name in ("prepare", "train", "tour"))
PREPARE_COHORT = ("mrtoct.prepare_cohort", "mrtoct.prepare.cohort.prepare_cohort")
PREPARE_COHORT += ("mrtoct.cli.prepare.prepare_cohort",)
REGISTER = ("mrtoct.register", "mrtoct.registration.register.register")
REGISTER += ("mrtoct.cli.register.register_pair", "mrtoct.prepare.subject.register")
REGISTER += ("mrtoct.prepare.channels.register", "mrtoct.registration.assess.register")


class Reader:
    """Somebody who tries the examples of one page in a folder."""

    def __init__(self, kit: Kit, place: Path) -> None:
        self.kit = kit
        self.place = place
        self._names: dict[str, Any] = {}

    def run(self, block: Block) -> None:
        with chdir(self.place), redirect_stdout(io.StringIO()):
            if block.language == "python":
                self._python(block)
            else:
                for words in commands(block):
                    self._command(words, str(block))

    def _command(self, words: list[str], where: str) -> None:
        arguments = mrtoct_arguments(words)
        if arguments is not None:
            self._mrtoct(shortened(arguments), where)
        elif words[0] in PLAIN_COMMANDS:
            subprocess.run(words, check=True)
        elif any(done <= {Path(word).name for word in words} for done in INSTALLED):
            pass
        else:
            raise AssertionError(f"{where}: {words[0]} cannot be tried here: say <!-- not run: -->")

    def _mrtoct(self, arguments: list[str], where: str) -> None:
        name, parameters = parse(arguments)
        made = [str(parameters[p]) for p in (MADE.get(name), *MADE_BY_OPTION) if parameters.get(p)]
        if name == "report":
            made.append(f"{parameters['run_folder']}/report.html")
        if parameters.get("resume"):
            made = []
        for path in made:
            self._remove(path)
        for word in arguments:
            for entry in word.split(","):
                self._lay(entry.rpartition("=")[2].partition("#")[0], made)
        status, err = mrtoct(arguments)
        assert status == 0, f"{where}: mrtoct {' '.join(arguments)}: {err}"

    def _python(self, block: Block) -> None:
        source = "\n" * block.line + block.text  # so that a traceback names the page's line
        for statement in ast.parse(source, str(block.page)).body:
            made = [path for node in ast.walk(statement) for path in _made_by(node)]
            for path in made:
                self._remove(path)
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    self._lay(node.value, made)
            module = ast.Module([statement], [])
            # A reader's own script has none of this file's future imports.
            exec(compile(module, str(block.page), "exec", dont_inherit=True), self._names)

    def _lay(self, path: str, made: list[str]) -> None:
        first = Path(path).parts[:1]
        if path not in made and first:
            self.kit.lay(first[0], self.place)

    def _remove(self, path: str) -> None:
        target = self.place / path
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        stem, dot, ending = target.name.partition(".")  # and what says of it what was measured
        target.with_name(f"{stem}_measured{dot}{ending}").unlink(missing_ok=True)


def _made_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for argument in node.args[CALLS[name] :][:1] if name in CALLS else ():
            if isinstance(argument, ast.Constant):
                yield str(argument.value)


def mrtoct(arguments: list[str]) -> tuple[int, str]:
    """Run a command in this process; return its status and what it said on stderr."""
    from mrtoct.cli.app import main

    err = io.StringIO()
    status = 0
    with patch.object(sys, "argv", ["mrtoct", *arguments]), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            if isinstance(end.code, str):  # as the interpreter does
                print(end.code, file=err)
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return status, err.getvalue()


def shortened(arguments: list[str]) -> list[str]:
    """The same command with fewer subjects, seconds and processes."""
    short = list(arguments)
    for n, word in enumerate(arguments[:-1]):
        if word == "--subjects":
            short[n + 1] = "3"
        if word == "--budget":
            short[n + 1] = "2s"
    if "--workers" in short:
        short[short.index("--workers") + 1] = "1"
    elif short[:1] in (["prepare"], ["phantom"], ["check"]):
        short += ["--workers", "1"]
    return short


def short_recipe(name: str | Path) -> Any:
    """Read a recipe, which checks it, and return a small one of its kind."""
    from mrtoct.training.recipe import TrainingSection
    from mrtoct.training.recipe_file import parse_recipe

    path = ROOT / "src" / "mrtoct" / "recipes" / f"{name}.toml"
    path = path if path.is_file() else Path(name)
    recipe = parse_recipe(path.read_text(encoding="utf-8"), str(name))
    rounds = min(2, recipe.auto_context.iterations)
    training = TrainingSection(steps=2, batch=2, validate_every=1, precision="float32")
    changes = {
        "data": {"spacing": (8.0, 8.0, 8.0), "size": (32, 32)},
        "auto_context": {"iterations": rounds, "folds": 2},
        "split": {"validation": 0.3, "test": 0.3 if recipe.split.test else 0.0},
    }
    sections = {key: getattr(recipe, key).model_copy(update=u) for key, u in changes.items()}
    if recipe.adversarial:
        sections["adversarial"] = recipe.adversarial.model_copy(update={"width": 2})
    small: dict[str, dict[str, Any]] = {
        "heads": {"widths": (8, 8), "detail": 4},
        "patches": {"width": 2},
        "slices": {"width": 2, "depth": 3},
    }
    model: Any = replace(recipe.model, **small[recipe.model.sees])
    return recipe.model_copy(update={**sections, "model": model, "training": training})


_REGISTERED: dict[str, Registration] = {}


def short_register(
    fixed: VolumeLike,
    moving: VolumeLike,
    settings: RegistrationSettings = RegistrationSettings(),
    initial: Array | None = None,
) -> Registration:
    """Register a pair coarsely, or return what came of the same pair before."""
    fixed, moving = as_volume(fixed, ("HU", "a.u."), "CT"), as_volume(moving, "a.u.", "MR")
    digest = hashlib.sha256(repr(initial).encode())
    for volume in (fixed, moving):
        digest.update(np.ascontiguousarray(volume.voxels).tobytes())
        digest.update(volume.affine.tobytes())
    key = digest.hexdigest()
    if key not in _REGISTERED:
        near = StartSettings(search="near")
        coarse = replace(settings, levels=LEVELS[:2], starts=near)
        _REGISTERED[key] = register(fixed, moving, coarse, initial)
    return _REGISTERED[key]


@contextmanager
def substituted(rire: str, package: Path) -> Iterator[None]:
    """Make everything small; rire is the address that stands in for the data set's, package
    the folder that stands in for that of the shipped models.
    """
    import mrtoct.datasets.rire.catalog as catalog
    from mrtoct.prepare.cohort import prepare_cohort
    from mrtoct.prepare.subject import PrepareSettings

    offered = {name: found for name, found in catalog.subjects().items() if name in PATIENTS}
    usual = PrepareSettings(channels=("T1",))

    def prepare_small(source: Any, store: Any, given: Any = usual, **others: Any) -> Any:
        return prepare_cohort(source, store, replace(given, spacing=(8.0, 8.0, 8.0)), **others)

    def interrupted(server: Any, poll_interval: float = 0.5) -> None:
        raise KeyboardInterrupt

    small = {
        **dict.fromkeys(LOAD_RECIPE, short_recipe),
        **dict.fromkeys(PREPARE_COHORT, prepare_small),
        **dict.fromkeys(REGISTER, short_register),
        "mrtoct.study.plan.paper_experiments": lambda: small_experiments()[:3],
        "mrtoct.cli.phantom.DEMO": TINY,
        "mrtoct.cli.phantom.RIRE": COARSE,
        "mrtoct.cli.tour.SUBJECTS": 3,
        "mrtoct.cli.demo.head_settings": lambda: TINY,
        "mrtoct.translation.pretrained.shipped.FOLDER": package,
        "mrtoct.cli.fetch.BASE": rire,
        "mrtoct.datasets.rire.catalog.subjects": lambda: offered,
        "mrtoct.cli.fetch._ask": lambda: None,
        "http.server.ThreadingHTTPServer.serve_forever": interrupted,
        "webbrowser.open": lambda address: True,
    }
    added = (
        "mrtoct.networks.registry.NETWORKS",
        "mrtoct.training.losses.LOSSES",
        "mrtoct.datasets.listing.LAYOUTS",
        "mrtoct.judging.metrics.metric.METRICS",
    )
    with ExitStack() as patches:
        for registry in added:  # what a page registers is forgotten after it
            patches.enter_context(patch.dict(registry))
        for name, value in small.items():
            patches.enter_context(patch(name, value))
        yield
