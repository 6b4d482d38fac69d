"""Folders of MR alone, to be translated: which heads are in them.

FOLDER/a.nii.gz, FOLDER/b.mha      a volume a head; of a_mr.nii.gz and a_ct.nii.gz the MR
FOLDER/a/, FOLDER/b/               a subject's folder with mr.*, mr_CHANNEL.* or one volume, or a
                                   DICOM study
FOLDER/sub-01/anat/                a BIDS data set: a head a session
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from mrtoct.datasets.bids.names import is_bids, sessions_in
from mrtoct.datasets.plain import mr_of, scans_of, visible
from mrtoct.datasets.subject_files import KINDS, name_fault, named_after
from mrtoct.errors import CohortError, FileError
from mrtoct.io.dicom.headers import first_image
from mrtoct.io.files import VOLUME_ENDINGS, remedy_for, scan_stem
from mrtoct.io.records import own_folder
from mrtoct.io.scan import Scan


@dataclass(frozen=True)
class HeadFiles:
    """The MR of one head."""

    name: str
    mr: dict[str, Scan]
    """By channel, the usual one first; "mr" where its contrast is not said."""


@dataclass(frozen=True)
class Heads:
    """What a folder holds: heads, and why others in it cannot be used."""

    layout: Literal["volumes", "folders", "bids"]
    heads: list[HeadFiles]
    rejected: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    """What holds no MR, and need not."""


def list_heads(folder: Path, series: str | None = None, *, aside: Collection[Path] = ()) -> Heads:
    """List the heads in a folder, sorted by name; series is the one to take of each DICOM study.

    aside are folders that are not looked into, such as that of the results. Raises CohortError
    where the folder is one head's, or holds none, or does not say which of its files are heads.
    """
    if is_bids(folder):
        return _of_bids(folder)
    if own := own_folder(folder):
        raise CohortError(f"{folder} is {own}, not a folder of heads")
    files, folders = _contents(folder, aside)
    mixed = [f for f in folders if _volumes(f) or first_image(f)] if files else []
    if mixed:
        raise CohortError(
            f"{folder} holds volumes, such as {files[0].name}, and folders with scans, such as "
            f"{mixed[0].name}: use a folder with one kind of heads"
        )
    if len(studies_in(folder, aside)) == 1 and not any(map(_volumes, [folder, *folders])):
        raise CohortError(
            f"all DICOM files in {folder} are of one study: give an output file, such as "
            "sct.nii.gz, or a folder with several studies"
        )
    found = _of_files(folder, files) if files else _of_folders(folder, folders, series)
    found = replace(found, rejected=found.rejected | _unreadable(folder))
    if not found.heads:
        why = "; ".join([*found.rejected.values()][:3]) or (
            f"no volume ({', '.join(VOLUME_ENDINGS)}), no subject's folder, no DICOM study"
        )
        raise CohortError(f"{folder} holds no head MR: {why}")
    return found


def _unreadable(folder: Path) -> dict[str, str]:
    """Return what may well be a head in a folder, in a form that is not read, and what to do."""
    return {
        path.name: f"{path} is not read; {remedy}"
        for path in visible(folder)
        if (remedy := remedy_for(path)) and path.is_file()
    }


def studies_in(folder: Path, aside: Collection[Path] = ()) -> set[str]:
    """Return the DICOM studies in a folder by UID: one where DICOM files lie in it directly, else
    that of the first image in each subfolder.
    """
    files, folders = _contents(folder, aside, volumes=False)
    if own := next((header for path in files if (header := first_image(path))), None):
        return {own.study}
    return {header.study for f in folders if (header := first_image(f))}


def _contents(
    folder: Path, aside: Collection[Path], *, volumes: bool = True
) -> tuple[list[Path], list[Path]]:
    """Return the files, volumes or all but these, and the folders that lie in a folder."""
    left_out = {path.resolve() for path in aside}
    entries = [path for path in visible(folder) if path.resolve() not in left_out]
    files = [path for path in entries if not path.is_dir() and bool(scan_stem(path)) == volumes]
    return files, [path for path in entries if path.is_dir()]


def _of_bids(dataset: Path) -> Heads:
    heads: list[HeadFiles] = []
    passed: list[str] = []
    for session in sessions_in(dataset):
        if session.mr:
            mr = {contrast: Scan(files[0].path) for contrast, files in session.mr.items()}
            heads.append(HeadFiles(session.name, mr))
        else:
            passed.append(session.name)
    if not heads:
        raise CohortError(
            f"{dataset} is a BIDS data set without an MR of a head "
            "(sub-*/[ses-*/]anat/*_T1w.nii.gz or the like)"
        )
    return Heads("bids", heads, {}, passed)


def _of_files(folder: Path, files: list[Path]) -> Heads:
    own = scans_of(folder)
    if "ct" in own and any(stem.startswith("mr") for stem in own):
        raise CohortError(
            f"{folder} is one subject's folder, with {own['ct'].name}: give its MR and an output "
            "file, or the folder above"
        )
    chosen = _mr_among(files)
    heads: dict[str, HeadFiles] = {}
    rejected: dict[str, str] = {}
    for name, path in chosen:
        if fault := name_fault(name):
            rejected[name] = f"{path}: {fault}"
        elif name in rejected or name in heads:
            heads.pop(name, None)
            rejected[name] = f"{name} exists twice, as {path.name} and in another file; keep one"
        else:
            heads[name] = HeadFiles(name, {"mr": Scan(path)})
    taken = {path for _, path in chosen}
    passed = [path.name for path in files if path not in taken]
    return Heads("volumes", list(heads.values()), rejected, passed)


def _of_folders(folder: Path, folders: list[Path], series: str | None) -> Heads:
    heads: list[HeadFiles] = []
    rejected: dict[str, str] = {}
    for subject in folders:
        try:
            if fault := name_fault(subject.name):
                raise FileError(f"{subject}: {fault}")
            heads.append(HeadFiles(subject.name, _mr_in(subject, series)))
        except FileError as error:
            rejected[subject.name] = str(error)
    return Heads("folders", heads, rejected)


def _mr_in(folder: Path, series: str | None) -> dict[str, Scan]:
    """Return the MR in a subject's folder; FileError if there is none, or it is not clear which."""
    is_study = first_image(folder) is not None
    if not (is_study and series):
        try:
            named = mr_of(folder)
        except FileError:
            if not is_study:
                raise
            named = {}  # a study's folders may have any names
        if named:
            return named
        volumes = _mr_among(_volumes(folder))
        if len(volumes) > 1:
            names = ", ".join(path.name for _, path in volumes)
            raise FileError(f"{folder} holds {names}; name the MR to use mr, or mr_T1 and so on")
        if volumes:
            return {"mr": Scan(volumes[0][1])}
    if is_study:
        return {"mr": Scan(folder, series)}
    raise FileError(f"{folder} holds no MR: no mr.*, no volume except CT and mask, no DICOM")


def _mr_among(files: list[Path]) -> list[tuple[str, Path]]:
    """Return the MR among volumes and whose it is: where names say what is in a file, as a_mr and
    a_ct do, those that say mr; else all whose names say nothing.
    """
    stems = [(scan_stem(path), path) for path in files]
    named = [(name, path) for stem, path in stems if (name := named_after(stem, "mr"))]
    others = [kind for kind in KINDS if kind != "mr"]
    return named or [
        (stem, path)
        for stem, path in stems
        if stem.lower() not in others and not named_after(stem, *KINDS)
    ]


def _volumes(folder: Path) -> list[Path]:
    return _contents(folder, ())[0]
