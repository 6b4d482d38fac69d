"""Where simulated heads come from: a folder of label maps and CT heads, or one such head.

SOURCES/labels/   label maps, a file each
SOURCES/ct/       CT heads in HU, a file or a folder of DICOM files each

or a folder of nothing but label maps, or a cohort with SUBJECT/truth/labels.* such as phantoms'.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.datasets.subject_files import name_fault
from mrtoct.errors import CohortError, FileError, MrtoctError
from mrtoct.io.files import VOLUME_ENDINGS, read_volume
from mrtoct.io.measured import is_measured_file
from mrtoct.simulation.anatomy import (
    Anatomy,
    AnatomySettings,
    cropped,
    draw_anatomy,
    read_anatomy,
    write_anatomy,
)
from mrtoct.simulation.from_ct import tissues_of_ct
from mrtoct.simulation.labels import tissues_of

LABELS, CTS, TRUTH = "labels", "ct", "truth"
SURELY_HU = -200.0
"""No label is below this, and all CT of a head in air is."""


@dataclass(frozen=True)
class Source:
    """A real head of which others are drawn."""

    path: Path
    has_ct: bool
    """A CT, whose HU are kept; otherwise a label map, whose CT is simulated."""

    @property
    def name(self) -> str:
        """Of the file or folder, without its ending; of a phantom's labels the subject's."""
        if self.path.parent.name == TRUTH:
            return self.path.parent.parent.name
        return self.path.name.split(".")[0]


def find_sources(folder: Path) -> list[Source]:
    """Return the sources in a folder, label maps before CTs and sorted by name.

    A file, or a folder of DICOM files, is one source: a CT if its values are HU, else a label map.
    Raises FileError where there is nothing, CohortError where there are no heads.
    """
    if not folder.exists():
        raise FileError(f"{folder} does not exist")
    if folder.is_file():
        return [_single(folder)]
    # What lies beside the label maps, such as a licence, is no head.
    labels = _volumes(folder, f"{LABELS}/*") or _volumes(folder, f"*/{TRUTH}/{LABELS}.*")
    cts = [p for p in sorted(folder.glob(f"{CTS}/*")) if p.is_dir() or _is_volume(p)]
    cts = [p for p in cts if not p.name.startswith(".")]
    found = [Source(p, has_ct=False) for p in labels or ([] if cts else _volumes(folder, "*"))]
    found += [Source(p, has_ct=True) for p in cts]
    if not found and any(p.is_file() and not p.name.startswith(".") for p in folder.iterdir()):
        return [_single(folder)]
    if not found:
        raise CohortError(
            f"{folder} holds no heads to simulate from; put label maps into {folder / LABELS} and "
            f"CT heads into {folder / CTS}"
        )
    names = [source.name for source in found]
    if len(set(names)) < len(names):
        raise CohortError(f"two heads in {folder} have the same name; rename one")
    for source in found:
        if fault := name_fault(source.name):
            raise CohortError(f"{source.path}: {fault}")
    return found


def _volumes(folder: Path, pattern: str) -> list[Path]:
    return sorted(p for p in folder.glob(pattern) if _is_volume(p))


def _is_volume(path: Path) -> bool:
    named = path.name.lower().endswith(VOLUME_ENDINGS)
    hidden = path.name.startswith(".") or is_measured_file(path)
    return path.is_file() and named and not hidden


def _single(path: Path) -> Source:
    if path.is_dir():  # of DICOM files
        return Source(path, has_ct=True)
    return Source(path, has_ct=float(read_volume(path, "HU").voxels.min()) < SURELY_HU)


def fingerprint(source: Source) -> str:
    """Return the SHA-256 of a source's files."""
    files = sorted(source.path.rglob("*")) if source.path.is_dir() else [source.path]
    total = hashlib.sha256()
    for file in files:
        if file.is_file():
            total.update(file.read_bytes())
    return total.hexdigest()


def read_source(source: Source) -> Anatomy:
    """Read a head as an anatomy; a label map has no HU yet (0 everywhere).

    Raises the errors of reading a volume, and ValueRangeError for what is no head, with the file's
    name.
    """
    try:
        if source.has_ct:
            seed = zlib.crc32(source.name.encode())
            tissue, hu, untrusted = tissues_of_ct(read_volume(source.path, "HU"), seed)
            return cropped(Anatomy(tissue.voxels, hu.voxels, ~untrusted.voxels))
        labels = tissues_of(read_volume(source.path, "label")).voxels
    except MrtoctError as error:
        text = str(error)
        named = text if str(source.path) in text else f"{source.path}: {text}"
        raise type(error)(named) from error
    return Anatomy(labels, np.zeros(labels.shape, np.int16), np.ones(labels.shape, np.bool_))


class AnatomyShelf:
    """Anatomies drawn from sources, made when first wanted and kept as files.

    Whoever asks gets the same head for the same source and number, in any order and process.
    """

    def __init__(self, folder: Path, settings: AnatomySettings, seed: int) -> None:
        self._folder, self._settings, self._seed = folder, settings, seed
        self._last: tuple[Path, Anatomy] | None = None

    def anatomy(self, source: Source, number: int) -> Anatomy:
        """Return the head of a number that is drawn from a source."""
        file = self._folder / f"{source.name}-{number:03d}.npz"
        if self._last and self._last[0] == file:
            return self._last[1]
        if not file.is_file():
            seed = [self._seed, zlib.crc32(source.name.encode()), number]
            drawn = draw_anatomy(self._read(source), seed, self._settings, has_ct=source.has_ct)
            write_anatomy(file, drawn)
        self._last = (file, read_anatomy(file))
        return self._last[1]

    def fill(self, sources: Sequence[Source]) -> None:
        """Read all sources, so that a bad one is named before the work."""
        for source in sources:
            self._read(source)

    def _read(self, source: Source) -> Anatomy:
        file = self._folder / f"{source.name}.npz"
        if not file.is_file():
            write_anatomy(file, read_source(source))
        return read_anatomy(file)
