"""Which volumes mrtoct view shows, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.files import is_dicom
from mrtoct.io.scan import Scan


def scans_to_show(paths: Sequence[Path], series: Sequence[str]) -> list[Scan]:
    """Return what is shown in turn: several series of the one DICOM folder, or one of each."""
    folders = [path for path in paths if path.exists() and is_dicom(path)]
    if not series:
        return [Scan(path) for path in paths]
    if not folders:
        raise FileError("--series needs a DICOM folder, and none is given")
    if len(folders) > 1 and len(series) != len(folders):
        raise ValueRangeError(
            f"--series takes one for each of {len(folders)} DICOM folders, got {len(series)}"
        )
    wanted: dict[Path, list[str | None]] = {folders[0]: [*series]}
    if len(folders) > 1:
        wanted = {folder: [name] for folder, name in zip(folders, series, strict=True)}
    return [Scan(path, name) for path in paths for name in wanted.get(path, [None])]


def titles_of(scans: Sequence[Scan]) -> list[str]:
    """Return short names that differ: files' own, with as many folders as tell them apart."""
    names = [scan.path.resolve().parts for scan in scans]
    titles = []
    for scan, parts in zip(scans, names, strict=True):
        others = [n for n in names if n != parts]
        length = 1
        while length < len(parts) and any(n[-length:] == parts[-length:] for n in others):
            length += 1
        title = "/".join(parts[-length:])
        titles.append(title if scan.series is None else f"{title}, series {scan.series}")
    return [
        title if titles.count(title) == 1 else f"{title} ({titles[: n + 1].count(title)})"
        for n, title in enumerate(titles)
    ]
