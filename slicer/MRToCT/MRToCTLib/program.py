"""The mrtoct program: where it is, how it is called, what its lines mean. Nothing of Slicer's."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

INSTALL = (
    "mrtoct works in a Python of its own, beside Slicer's. In a terminal:\n\n"
    "    python3 -m venv mrtoct-env\n"
    "    mrtoct-env/bin/pip install mrtoct\n\n"
    "Then name mrtoct-env/bin/mrtoct (Windows: mrtoct-env\\Scripts\\mrtoct.exe) here."
)


@dataclass(frozen=True)
class Job:
    """One translation: files in a folder of its own."""

    program: str
    """The mrtoct program."""
    folder: str
    model: str = "head"
    """Name of a shipped model, or a bundle's folder."""
    force: bool = False
    """Translate what does not look like a head MR, too."""

    @property
    def mr(self) -> str:
        """Where the MR is to be saved."""
        return str(Path(self.folder) / "mr.nrrd")

    @property
    def sct(self) -> str:
        """Where the synthetic CT will be."""
        return str(Path(self.folder) / "sct.nrrd")

    @property
    def deviation(self) -> str:
        """Where its standard deviation will be, if the model can estimate it."""
        return str(Path(self.folder) / "deviation.nrrd")

    def arguments(self, *, deviation: bool) -> list[str]:
        """Return what the program is called with."""
        return [
            "translate",
            self.mr,
            self.sct,
            "--model",
            self.model,
            *(["--uncertainty", self.deviation] if deviation else []),
            *(["--force"] if self.force else []),
        ]


@dataclass(frozen=True)
class Said:
    """What a program said on stderr, by what it is."""

    warnings: tuple[str, ...]
    error: str
    """The sentence that it ended with; empty where it ended well."""


def find_program(named: str = "") -> str:
    """Return the program that was named or is on the search path; empty if there is none."""
    if named:
        return named if os.access(named, os.X_OK) and Path(named).is_file() else ""
    return shutil.which("mrtoct") or ""


def sorted_out(stderr: str) -> Said:
    """Tell warnings and the final error from the rest."""
    warnings, error = [], ""
    for line in (line.strip() for line in stderr.splitlines()):
        if line.startswith("warning: "):
            warnings.append(line[len("warning: ") :])
        elif line.startswith("mrtoct: "):
            error = line[len("mrtoct: ") :]
    return Said(tuple(warnings), error)
