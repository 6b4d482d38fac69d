"""The command line, called in this process; one small cohort that goes the whole way."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

RECIPE = """
description = "As small as it gets."
[data]
spacing = [6.0, 6.0, 6.0]
size = [32, 48]
[model]
width = 4
depth = 3
[optimizer]
learning_rate = 0.01
[training]
steps = 30
batch = 4
validate_every = 15
[split]
validation = 0.3
test = 0.3
"""


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What was said of an error: one line on stderr, nothing else."""
        assert self.status == 1, self.err
        assert self.out == ""
        assert self.err.startswith("mrtoct: ")
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("mrtoct: ").rstrip("\n")


Run = Callable[..., Result]


def run(*arguments: object) -> Result:
    from mrtoct.cli.app import main

    out, err = io.StringIO(), io.StringIO()
    status = 0
    argv = ["mrtoct", *map(str, arguments)]
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            if isinstance(end.code, str):  # as the interpreter does
                print(end.code, file=err)
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Result(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def mrtoct() -> Run:
    return run


@dataclass
class Workplace:
    """Folders that the commands made, each from the one before."""

    raw: Path
    recipe: Path
    store: Path
    run: Path
    said: dict[str, Result]

    @property
    def best(self) -> Path:
        return self.run / "best"

    @property
    def mr(self) -> Path:
        return self.raw / "phantom-001" / "mr.nii.gz"

    @property
    def ct(self) -> Path:
        return self.raw / "phantom-001" / "ct.nii.gz"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Three coarse phantoms, registered, prepared and trained on for a moment."""
    root = tmp_path_factory.mktemp("whole way")
    recipe = root / "small.toml"
    recipe.write_text(RECIPE)
    place = Workplace(root / "raw", recipe, root / "store", root / "run", {})
    for name, arguments in {
        "phantom": (place.raw, "--subjects", 3, "--preset", "tiny", "--workers", 1),
        "prepare": (place.raw, place.store, "--recipe", recipe, "--workers", 1),
        "train": (place.store, place.run, "--recipe", recipe),
    }.items():
        place.said[name] = run(name, *arguments)
        assert place.said[name].status == 0, place.said[name].err
    return place
