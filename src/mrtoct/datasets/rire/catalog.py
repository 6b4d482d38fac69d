"""What the RIRE project offers, where, and under which terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from mrtoct.errors import CohortError

BASE = "https://dweb.link/ipfs/bafybeih23xv6uamx7k27wk4uvzkxdtdryqeok22hpl3ybideggcjhipwme/rire/"
"""Where the project's own site links to; any IPFS gateway can stand in for dweb.link."""

PAIR = ("ct", "mr_T1")
"""What is fetched unless something else is asked for."""

TRANSFORMATIONS = "transformations"
"""The training subject's marker-based transforms, an archive of its own."""

LICENSE = """\
The RIRE Dataset by Dr. Michael Fitzpatrick is licensed under a Creative Commons Attribution 3.0
United States License: https://creativecommons.org/licenses/by/3.0/us/
You may share and adapt it, if you name where it comes from and say what you changed."""

ACKNOWLEDGEMENT = """\
The images and the standard transformation(s) were provided as part of the project
"Retrospective Image Registration Evaluation", National Institutes of Health, Project Number
8R01EB002124-03, Principal Investigator, J. Michael Fitzpatrick, Vanderbilt University, Nashville,
TN."""


@dataclass(frozen=True)
class Archive:
    """One file of the data set: one modality of one subject."""

    subject: str
    modality: str

    @property
    def name(self) -> str:
        """What it is called in messages, and its folder: patient_001/ct."""
        return f"{self.subject}/{self.modality}"

    @property
    def path(self) -> str:
        """Where it lies below the base address; the training subject's lie directly there."""
        return f"{self.name if self.subject[:8] != 'training' else self.modality}.tar.gz"


@cache
def subjects() -> dict[str, tuple[str, ...]]:
    """Return each subject's modalities, in the order of the data set."""
    table = files("mrtoct.datasets.rire").joinpath("catalog.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines()[1:])
    return {subject: tuple(modalities.split()) for subject, modalities in rows}


def choose(
    modalities: Sequence[str] = PAIR, names: Sequence[str] = ()
) -> tuple[list[Archive], list[str]]:
    """Return the archives of the wanted modalities, and the names of those that do not exist.

    names: the wanted subjects, by default the 17 with CT and T1. Raises CohortError for a subject
    or modality that nobody has, naming the nearest one, and if nothing is left.
    """
    known = subjects()
    _check("subject", names, list(known))
    _check("modality", modalities, sorted({m for offered in known.values() for m in offered}))
    wanted = names or [name for name, offered in known.items() if set(PAIR) <= set(offered)]
    both = [Archive(name, modality) for name in dict.fromkeys(wanted) for modality in modalities]
    found = [a for a in dict.fromkeys(both) if a.modality in known[a.subject]]
    missing = [a.name for a in dict.fromkeys(both) if a.modality not in known[a.subject]]
    if not found:
        raise CohortError(f"RIRE has no {', no '.join(missing)}")
    return found, missing


def _check(kind: str, names: Sequence[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.4)
            guess = f"; did you mean {near[0]}?" if near else ""
            raise CohortError(f"RIRE has no {kind} {name}{guess} (it has {', '.join(known)})")
