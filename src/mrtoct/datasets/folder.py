"""The plain layout: SOURCE/<subject>/mr.* and ct.*, with an optional ct_to_mr.tfm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mrtoct.errors import CohortError, FileError
from mrtoct.io.files import VOLUME_ENDINGS


@dataclass(frozen=True)
class PairFiles:
    """The files of one subject; the subject's name is its folder's name."""

    name: str
    mr: Path
    ct: Path
    ct_to_mr: Path | None = None
    """A known rigid transform (ITK file, CT points to MR points); registration is then skipped."""


@dataclass(frozen=True)
class FolderListing:
    """What a source folder holds: usable pairs, and why each other subfolder is not one."""

    pairs: list[PairFiles]
    rejected: dict[str, str]


def list_pairs(source: Path | str) -> FolderListing:
    """Find the MR/CT pairs of a folder, sorted by name; raises CohortError if there is none."""
    source = Path(source)
    if not source.is_dir():
        raise FileError(f"{source} is not a folder")
    pairs: list[PairFiles] = []
    rejected: dict[str, str] = {}
    for folder in sorted(p for p in source.iterdir() if p.is_dir() and p.name[0] != "."):
        try:
            transform = folder / "ct_to_mr.tfm"
            pairs.append(
                PairFiles(
                    folder.name,
                    mr=_only_file(folder, "mr"),
                    ct=_only_file(folder, "ct"),
                    ct_to_mr=transform if transform.is_file() else None,
                )
            )
        except FileError as error:
            rejected[folder.name] = str(error)
    if not pairs:
        why = "; ".join(rejected.values()) or "it has no subfolders"
        raise CohortError(f"{source} holds no subject <name>/mr.* with <name>/ct.*: {why}")
    return FolderListing(pairs, rejected)


def _only_file(folder: Path, stem: str) -> Path:
    found = [
        folder / f"{stem}{end}" for end in VOLUME_ENDINGS if (folder / f"{stem}{end}").exists()
    ]
    if not found:
        raise FileError(f"{folder} has no {stem} ({', '.join(stem + e for e in VOLUME_ENDINGS)})")
    if len(found) > 1:
        names = " and ".join(p.name for p in found)
        raise FileError(f"{folder} has {names}; keep one {stem}")
    return found[0]
