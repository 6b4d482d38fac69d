"""The layout of the RIRE project: <subject>/<modality>/ with header.ascii or a MetaImage header.

Subjects are patient_001 ... patient_109 and training_001; modalities ct, mr_T1, mr_T2, mr_PD,
mr_MP-RAGE, mr_T1_rectified and so on. PET is there, too, and not used.
"""

from __future__ import annotations

import re
from pathlib import Path

from mrtoct.datasets.plain import visible
from mrtoct.datasets.subject_files import Listing, SubjectFiles, channel_fault, usable
from mrtoct.errors import FileError
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan

CHANNELS = ("T1", "T2", "PD", "MP-RAGE", "T1_rectified", "T2_rectified", "PD_rectified")
"""In the order in which a subject lists them; rectified: corrected for geometric distortion."""

_SUBJECT = re.compile(r"(patient|training)_\d{3}")


def is_rire(source: Path) -> bool:
    """Tell whether a source is a folder of RIRE subjects with their modality folders."""
    return source.is_dir() and any(
        _SUBJECT.fullmatch(subject.name) and any(map(_headers, _modalities(subject).values()))
        for subject in visible(source)
        if subject.is_dir()
    )


def list_rire(source: Path) -> Listing:
    """Find the RIRE subjects of a folder, sorted by name; CohortError if there is none."""
    subjects: list[SubjectFiles] = []
    rejected: dict[str, str] = {}
    for folder in visible(source):
        if not (folder.is_dir() and _SUBJECT.fullmatch(folder.name)):
            continue
        try:
            subjects.append(_subject(folder))
        except FileError as error:
            rejected[folder.name] = str(error)
    return usable(
        Listing("rire", subjects, rejected), source, "patient_NNN/ with ct/ and mr_T1/ or the like"
    )


def _subject(folder: Path) -> SubjectFiles:
    modalities = _modalities(folder)
    found = {m: header for m, path in modalities.items() if (header := _header(path))}
    mr = {m.removeprefix("mr_"): Scan(path) for m, path in found.items() if m != "ct"}
    if not mr or "ct" not in found:
        lacks = "ct" if "ct" not in found else "mr_T1, mr_T2 or the like"
        raise FileError(
            f"{folder} has no {lacks} with {rire.HEADER} or a .mhd; "
            f"it has {', '.join(found) or 'no scan'}"
        )
    for channel in mr:
        if fault := channel_fault(channel):
            raise FileError(f"{folder}: {fault}")
    order = {name: n for n, name in enumerate(CHANNELS)}
    channels = sorted(mr, key=lambda name: (order.get(name, len(order)), name))
    return SubjectFiles(folder.name, mr={c: mr[c] for c in channels}, ct=Scan(found["ct"]))


def _modalities(subject: Path) -> dict[str, Path]:
    return {
        path.name: path
        for path in visible(subject)
        if path.is_dir() and (path.name == "ct" or path.name.startswith("mr_"))
    }


def _header(modality: Path) -> Path | None:
    """Return the file that says how to read a modality's voxels; FileError if several could."""
    found = _headers(modality)
    if len(found) > 1:
        names = " and ".join(p.name for p in found)
        raise FileError(f"{modality} has {names}; keep one")
    return found[0] if found else None


def _headers(modality: Path) -> list[Path]:
    if (modality / rire.HEADER).is_file():
        return [modality / rire.HEADER]
    return [p for p in visible(modality) if p.suffix.lower() in (".mhd", ".mha") and p.is_file()]
