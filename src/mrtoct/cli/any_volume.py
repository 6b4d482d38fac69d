"""A volume of whatever kind was named: its header, its name and its values say what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError
from mrtoct.io.described import described
from mrtoct.io.dicom import choose_series, list_series
from mrtoct.io.files import is_dicom, read_scan
from mrtoct.io.scan import Scan
from mrtoct.report.volumes import guess_unit
from mrtoct.volume import Unit, Volume, outside


@dataclass(frozen=True)
class AnyVolume:
    """A volume in the unit that it seems to have."""

    volume: Volume
    deviation: bool
    """Whether its values are a standard deviation, in that unit."""
    note: str = ""
    """What else could have been meant, such as the other series of a DICOM folder."""
    series: str = ""
    """The description of its DICOM series."""


def read_any(path: Path, series: str | None = None) -> Volume:
    """Read a volume in the unit that its values speak for; of DICOM the only CT, or the only MR."""
    return find_any(path, series).volume


def find_any(path: Path, series: str | None = None) -> AnyVolume:
    """Read a volume and what is known of it.

    Of a DICOM folder the only series; of several the only CT, with a note that names the others.
    Raises FileError where there are several CTs, or none and several MR, naming them.
    """
    if path.exists() and is_dicom(path):
        return _of_dicom(path, series)
    told = described(path)
    volume = read_scan(Scan(path, series), told.unit or "HU")
    return AnyVolume(_in_unit(volume, told.unit or guess_unit(volume.known)), told.deviation)


def _of_dicom(path: Path, wanted: str | None) -> AnyVolume:
    found = list_series(path)
    usable = [series for series in found if not series.aside]
    several = wanted is None and len(usable) > 1
    is_ct = any(series.modality == "CT" for series in usable)
    try:
        chosen = choose_series(found, wanted, modality="CT" if several and is_ct else None)
    except FileError as error:
        name = {"series=NAME": "to choose"} if several else {}
        raise FileError(f"{path}: {error.message}", **name) from error
    unit: Unit = "HU" if chosen.modality == "CT" else "a.u."
    volume = read_scan(Scan(path, f"{chosen.uid}:{chosen.part}"), unit)
    if unit == "a.u.":
        unit = guess_unit(volume.known)
    others = "; ".join(str(series) for series in usable if series is not chosen)
    note = f"{path} holds {len(usable)} series; this is {chosen}, not {others}" if several else ""
    return AnyVolume(_in_unit(volume, unit), deviation=False, note=note, series=chosen.description)


def _in_unit(volume: Volume, unit: Unit) -> Volume:
    voxels = volume.voxels
    if volume.measured is not None:  # it was filled as if it were in another unit
        voxels = np.where(volume.measured, voxels, voxels.dtype.type(outside(unit)))
    return volume.with_voxels(voxels, unit)
