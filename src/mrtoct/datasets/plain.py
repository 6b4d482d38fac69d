"""The plain layout: SOURCE/<subject>/ with ct.* and mr.* or mr_<channel>.*, files or folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mrtoct.datasets.subject_files import (
    Listing,
    SubjectFiles,
    channel_fault,
    name_fault,
    usable,
)
from mrtoct.errors import CohortError, FileError
from mrtoct.io.files import VOLUME_ENDINGS, scan_stem
from mrtoct.io.measured import is_measured_file
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan


def is_plain(source: Path) -> bool:
    """Tell whether a source is a folder, of subjects; CohortError if it is a subject's own."""
    if not source.is_dir():
        return False
    own = scans_of(source)
    if "ct" in own and any(stem[:2] == "mr" for stem in own):
        raise CohortError(
            f"{source} holds {own['ct'].name} itself, so it is a single subject's folder; give the "
            "folder above, or use a table"
        )
    return True


def list_plain(source: Path) -> Listing:
    """Find the subjects of a folder, sorted by name.

    A scan is a volume file, or a folder of DICOM files or with a RIRE header.ascii. Raises
    CohortError if there is no subject.
    """
    subjects: list[SubjectFiles] = []
    rejected: dict[str, str] = {}
    for folder in visible(source):
        if not folder.is_dir():
            continue
        try:
            subjects.append(_subject(folder))
        except FileError as error:
            rejected[folder.name] = str(error)
    return usable(Listing("plain", subjects, rejected), source, "<name>/mr.* with <name>/ct.*")


def visible(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder, sorted by name; FileError if unreadable.

    Hidden files are left out, and records of what was measured, which belong to a volume.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise FileError(f"{folder} cannot be read: {error.strerror or error}") from error
    yield from (e for e in entries if e.name[0] != "." and not is_measured_file(e))


def scans_of(folder: Path) -> dict[str, Path]:
    """Return by stem ("ct", "mr_T1") the volume files and subfolders of a subject's folder.

    Raises FileError if a stem is there twice, such as ct.nii and ct.nii.gz.
    """
    found: dict[str, Path] = {}
    for path in visible(folder):
        stem = scan_stem(path)
        kind = stem.lower().partition("_")[0]
        if kind not in ("ct", "mr", "mask"):
            continue
        stem = kind + stem[len(kind) :]  # CT.nii is a ct; a channel keeps its case
        if stem in found:
            raise FileError(f"{folder} has {found[stem].name} and {path.name}; keep one {stem}")
        found[stem] = path
    return found


def mr_of(folder: Path) -> dict[str, Scan]:
    """Return the MR of a subject's folder by channel: "mr", then "T1", then the others."""
    return {
        _channel(stem, folder): _scan(path)
        for stem, path in sorted(scans_of(folder).items(), key=_usual_first)
        if stem == "mr" or stem.startswith("mr_")
    }


def _subject(folder: Path) -> SubjectFiles:
    if fault := name_fault(folder.name):
        raise FileError(f"{folder}: {fault}")
    found = scans_of(folder)
    endings = ", ".join(VOLUME_ENDINGS)
    mr = mr_of(folder)
    if not mr:
        raise FileError(f"{folder} has no mr or mr_CHANNEL ({endings}, or a folder of DICOM files)")
    if "ct" not in found:
        raise FileError(f"{folder} has no ct ({endings}, or a folder of DICOM files)")
    transform = folder / "ct_to_mr.tfm"
    mask = found.get("mask")
    return SubjectFiles(
        folder.name,
        mr=mr,
        ct=_scan(found["ct"]),
        ct_to_mr=transform if transform.is_file() else None,
        mask=mask if mask and not mask.is_dir() else None,
    )


def _usual_first(item: tuple[str, Path]) -> tuple[bool, bool, str]:
    """Sort "mr", then "mr_T1", then the others: the first is registered to the CT by default."""
    stem = item[0]
    return stem != "mr", stem != "mr_T1", stem


def _channel(stem: str, folder: Path) -> str:
    channel = stem.removeprefix("mr").removeprefix("_") or "mr"
    if stem == "mr_" or (fault := channel_fault(channel)):
        raise FileError(f"{folder}: {fault if stem != 'mr_' else 'mr_ has no channel name'}")
    return channel


def _scan(path: Path) -> Scan:
    if not path.exists():
        raise FileError(f"{path} is a broken link")
    if path.is_dir():
        if (path / rire.HEADER).is_file():
            return Scan(path / rire.HEADER)
        if next(visible(path), None) is None:
            raise FileError(f"{path} is an empty folder")
    return Scan(path)
