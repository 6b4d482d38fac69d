"""What a BIDS data set's files are called, and which of them are whole MR and CT of heads.

DATASET/sub-01/[ses-02/]anat/sub-01[_ses-02][_acq-...][_run-...]_T1w.nii.gz

The specification (1.11) knows no CT. Its extension proposal 24 and the data sets that have CTs put
them into a folder ct, or beside the MR into anat, with the suffix ct or CT: all of these are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mrtoct.datasets.plain import visible
from mrtoct.errors import FileError
from mrtoct.io.files import NIFTI_ENDINGS, scan_stem

DESCRIPTION = "dataset_description.json"

CONTRASTS = ("T1w", "T2w", "PDw", "FLAIR", "T2starw", "UNIT1")
"""Suffixes of MR that show a head, the one to take first before the others."""

MR_FOLDERS, CT_FOLDERS = ("anat",), ("ct", "anat")
CT_SUFFIXES = ("ct", "CT")

_DERIVED = ("desc", "space", "res", "den", "label")
"""Entities that no raw file has."""
_PARTS = ("phase", "real", "imag")
"""Of a complex image; its magnitude is an MR as any other."""
_ASIDE = re.compile(r"(?i)(loc|localizer|scout|survey)\d*")
"""Labels of acquisitions that only say where the head lies."""


@dataclass(frozen=True)
class BidsFile:
    """A NIfTI file and what its name says."""

    path: Path
    entities: dict[str, str]
    """Such as {"sub": "01", "run": "1"}, in the name's order."""
    suffix: str

    @property
    def source_entities(self) -> str:
        """The name without suffix and ending, with which names of derivatives begin."""
        return "_".join(f"{key}-{label}" for key, label in self.entities.items())


@dataclass(frozen=True)
class Session:
    """One visit of a person; the person, where the data set has no sessions."""

    person: str
    """Such as sub-01."""
    label: str
    """Such as ses-02, or nothing."""
    folder: Path

    @property
    def name(self) -> str:
        """Such as sub-01_ses-02, as the names of its files begin."""
        return "_".join(filter(None, (self.person, self.label)))

    @cached_property
    def mr(self) -> dict[str, list[BidsFile]]:
        """Its raw MR by suffix, in the order of CONTRASTS; of each the one to take first."""
        found = [file for file in self._files(MR_FOLDERS) if _is_raw(file)]
        by_suffix = {c: [file for file in found if file.suffix == c] for c in CONTRASTS}
        return {contrast: files for contrast, files in by_suffix.items() if files}

    @cached_property
    def ct(self) -> list[BidsFile]:
        """Its raw CTs, the one to take first."""
        found = self._files(CT_FOLDERS)
        return [file for file in found if file.suffix in CT_SUFFIXES and _is_raw(file)]

    @property
    def synthetic(self) -> list[BidsFile]:
        """Its synthetic CTs, in a data set of derivatives."""
        return [
            file
            for file in self._files(CT_FOLDERS)
            if file.suffix in CT_SUFFIXES and file.entities.get("desc") == "sct"
        ]

    def _files(self, folders: tuple[str, ...]) -> list[BidsFile]:
        """Return the files of data types: few entities first, then in the order of their names."""
        return sorted(
            (
                file
                for name in folders
                if (self.folder / name).is_dir()
                for path in visible(self.folder / name)
                if (file := parsed(path)) and file.entities.get("sub") == self.person[4:]
            ),
            key=lambda file: (len(file.entities), _natural(file.path.name)),
        )


def parsed(path: Path) -> BidsFile | None:
    """Return what a NIfTI file's name says; None for other files and other names."""
    if not path.name.endswith(NIFTI_ENDINGS):
        return None
    *pairs, suffix = scan_stem(path).split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
    if len(entities) < len(pairs) or not re.fullmatch(r"[A-Za-z0-9]+", suffix):
        return None
    return BidsFile(path, entities, suffix)


def is_bids(source: Path) -> bool:
    """Tell whether a folder is a BIDS data set: it says so, or holds sub-*/[ses-*/]anat/."""
    if not source.is_dir():
        return False
    if (source / DESCRIPTION).is_file():
        return True
    return any((session.folder / "anat").is_dir() for session in sessions_in(source))


def sessions_in(dataset: Path) -> list[Session]:
    """Return the sessions of all persons, sorted; derivatives of the data set are not its own."""
    found: list[Session] = []
    for person in _labelled(dataset, "sub"):
        visits = _labelled(person, "ses")
        found += [Session(person.name, visit.name, visit) for visit in visits]
        if not visits or (person / "anat").is_dir():
            found.append(Session(person.name, "", person))
    return found


def require_there(file: BidsFile) -> BidsFile:
    """Return a file, or raise FileError where git-annex keeps its content elsewhere."""
    if not file.path.exists():
        raise FileError(
            f"{file.path} is a broken link; fetch the file with 'datalad get' or 'git annex get'"
        )
    return file


def _labelled(folder: Path, key: str) -> list[Path]:
    wanted = re.compile(rf"{key}-[A-Za-z0-9+]+")
    return [path for path in visible(folder) if wanted.fullmatch(path.name) and path.is_dir()]


def _is_raw(file: BidsFile) -> bool:
    entities = file.entities
    return not (
        any(key in entities for key in _DERIVED)
        or entities.get("part") in _PARTS
        or _ASIDE.fullmatch(entities.get("acq", ""))
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort run-2 before run-10."""
    return [
        (int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", name)
    ]
