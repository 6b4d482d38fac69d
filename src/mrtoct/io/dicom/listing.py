"""The series of a DICOM tree, and which of them is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from mrtoct.errors import FileError
from mrtoct.io.dicom.headers import Frame, find_frames
from mrtoct.io.dicom.parts import parts_of
from mrtoct.io.dicom.series import Series
from mrtoct.io.records import own_folder


def list_series(folder: Path | str) -> list[Series]:
    """List the volumes in a DICOM tree, by number, then UID, then part; only headers are read.

    Any file names, any order, nested folders. Raises FileError if the folder does not exist, or is
    one of mrtoct's own, such as a bundle.
    """
    frames = sorted(find_frames(folder), key=_series_key)
    if not frames and (own := own_folder(Path(folder))):
        raise FileError(f"{folder} is {own}, not a scan")
    return [
        series for _, group in groupby(frames, key=_series_key) for series in parts_of(list(group))
    ]


def choose_series(
    found: Iterable[Series], wanted: str | None = None, *, modality: str | None = None
) -> Series:
    """Return the one series that is wanted: a UID, a number, number:part, or part of a description.

    Without wanted, the only one of the modality that is no localizer. Raises FileError if there is
    none or several, listing what there is.
    """
    fitting = [s for s in found if modality in (None, s.modality)]
    kind = f"{modality} series" if modality else "series"
    if not fitting:
        raise FileError(f"there is no DICOM {kind}")
    chosen = [s for s in fitting if not s.aside]
    if wanted is not None:
        chosen = _matching(fitting, wanted)
        kind += f" {wanted!r}"
    if len(chosen) == 1:
        return chosen[0]
    listed = "; ".join(map(str, chosen or fitting))
    if not chosen:
        usable = "" if wanted else " for a volume"
        raise FileError(f"there is no {kind}{usable}, only {listed}")
    raise FileError(f"{len(chosen)} {kind} are available, choose one: {listed}")


def files_of(folder: Path | str, wanted: str | None = None) -> list[Path]:
    """Return the files of every series that wanted fits, of all where it is None, sorted."""
    found = list_series(folder)
    chosen = found if wanted is None else _matching(found, wanted)
    return sorted({path for series in chosen for path in series.files})


def _matching(found: list[Series], wanted: str) -> list[Series]:
    """Match a name exactly before anything less: 1 is not 10, nor a digit of a description."""
    exact: tuple[Callable[[Series], bool], ...] = (
        lambda s: wanted in (s.name, f"{s.uid}:{s.part}"),
        lambda s: wanted in (s.uid, str(s.number)),
        lambda s: wanted.casefold() == s.description.casefold(),
        lambda s: bool(wanted.strip()) and wanted.casefold() in s.description.casefold(),
    )
    for matches in exact:
        if matching := [s for s in found if matches(s)]:
            return matching
    return []


def _series_key(frame: Frame) -> tuple[bool, int, str]:
    file = frame.file
    return file.number is None, file.number or 0, file.series
