"""Folders of synthetic CTs, CTs and masks from any tool, matched by the subject's name.

A subject's volume of a kind (sct, ct or mask) is one of

FOLDER/<subject>/<kind>.nii.gz    or .nii, .mha, .mhd, or a folder <kind> of DICOM files
FOLDER/<kind>_<subject>.nii.gz    or <subject>_<kind>.nii.gz
FOLDER/<subject>.nii.gz           where no file of the folder is named in the second way

In BIDS a session is a subject: the CT is its raw one, the synthetic CT what has desc-sct.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mrtoct.datasets.bids.names import is_bids, sessions_in
from mrtoct.datasets.plain import visible
from mrtoct.datasets.subject_files import KINDS, named_after
from mrtoct.errors import CohortError, FileError
from mrtoct.io.files import VOLUME_ENDINGS, scan_stem
from mrtoct.judging.methods import FOUND, Method, Subject, from_files
from mrtoct.judging.roles import some

Kind = Literal["sct", "ct", "mask"]
WORDS = {"sct": "synthetic CT", "ct": "CT", "mask": "mask"}


@dataclass(frozen=True)
class Matched:
    """Subjects that have all they need, and the names of the others by what lacks."""

    subjects: list[Subject]
    methods: list[Method]
    unmatched: dict[str, list[str]] = field(default_factory=dict)


def match(scts: Mapping[str, Path], cts: Path, masks: Path | None = None) -> Matched:
    """Match folders of synthetic CTs, by method, with the CTs and masks of the same subjects.

    Raises CohortError if no subject is in all of them.
    """
    made = {method: volumes_in(folder, "sct") for method, folder in scts.items()}
    real = volumes_in(cts, "ct")
    where = volumes_in(masks, "mask") if masks else {}
    unmatched: dict[str, list[str]] = {}
    subjects = []
    source = f"masks in {masks.name}" if masks else FOUND
    for name in sorted(set(real).union(*made.values())):
        lacking = [
            f"no synthetic CT in {scts[m]}" for m, found in made.items() if name not in found
        ]
        if name not in real:
            lacking.append(f"no CT in {cts}")
        elif masks and name not in where:
            lacking.append(f"no mask in {masks}")
        for lack in lacking:
            unmatched.setdefault(lack, []).append(name)
        if not lacking:
            subjects.append(Subject(name, real[name], where.get(name), source))
    if not subjects:
        told = "; ".join(f"{lack}: {some(names)}" for lack, names in unmatched.items())
        raise CohortError(f"no subject has all required files ({told})")
    return Matched(subjects, [from_files(m, found) for m, found in made.items()], unmatched)


def volumes_in(folder: Path, kind: Kind) -> dict[str, Path]:
    """Return the volumes of a kind by subject; CohortError if there is none, or one twice."""
    found = find(folder, kind)
    if not found:
        raise CohortError(
            f"{folder} holds no {WORDS[kind]}: no SUBJECT/{kind}.*, SUBJECT_{kind}.* or SUBJECT.* "
            f"with one of the endings {', '.join(VOLUME_ENDINGS)}"
        )
    return found


def find(folder: Path, kind: Kind) -> dict[str, Path]:
    """Return the volumes of a kind by subject, none where the folder is not of that sort."""
    if not folder.is_dir():
        raise FileError(f"{folder} is not a folder")
    if is_bids(folder):
        return _in_bids(folder, kind)
    folders: list[tuple[str, Path]] = []
    named: list[tuple[str, Path]] = []
    bare: list[tuple[str, Path]] = []
    for path in visible(folder):
        if path.is_dir():
            folders += [(path.name, p) for p in visible(path) if scan_stem(p).lower() == kind]
        elif stem := scan_stem(path):
            if own := named_after(stem, kind):
                named.append((own, path))
            elif not named_after(stem, *KINDS):
                bare.append((stem, path))
    found: dict[str, Path] = {}
    for name, path in folders + (named or bare):
        if name in found:
            raise CohortError(
                f"{folder} has two {WORDS[kind]}s of {name}: {found[name].relative_to(folder)} "
                f"and {path.relative_to(folder)}; keep one"
            )
        found[name] = path
    return found


def _in_bids(dataset: Path, kind: Kind) -> dict[str, Path]:
    """Return the volumes of a kind by session; CohortError where one has several."""
    found: dict[str, Path] = {}
    for session in sessions_in(dataset):
        files = {"sct": session.synthetic, "ct": session.ct, "mask": []}[kind]
        if kind == "sct" and len(files) > 1:
            raise CohortError(
                f"{session.folder} has two {WORDS[kind]}s: {files[0].path.name} and "
                f"{files[1].path.name}; keep one"
            )
        if files:
            found[session.name] = files[0].path
    return found
