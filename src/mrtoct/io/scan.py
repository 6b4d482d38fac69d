"""Where the scan of one volume lies: a file, or a folder of files that together are one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Scan:
    """A volume on disk, not yet read."""

    path: Path
    """A NIfTI or MetaImage file, a RIRE header.ascii, or a folder of DICOM files."""
    series: str | None = None
    """Which series of a DICOM folder: its UID, its number, or a part of its description; None
    where the folder holds only one of the wanted modality."""

    def __str__(self) -> str:
        return str(self.path) if self.series is None else f"{self.path} (series {self.series})"
