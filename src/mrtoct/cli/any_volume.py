"""A volume of whatever kind was named: its values say what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError
from mrtoct.io.files import read_scan
from mrtoct.io.scan import Scan
from mrtoct.report.volumes import guess_unit
from mrtoct.volume import Volume, outside


def read_any(path: Path, series: str | None = None) -> Volume:
    """Read a volume in the unit that its values speak for; of DICOM the only CT, or the only MR."""
    try:
        volume = read_scan(Scan(path, series), "HU")
    except FileError:
        if not path.is_dir():
            raise
        volume = read_scan(Scan(path, series), "a.u.")
    unit, voxels = guess_unit(volume.known), volume.voxels
    if volume.measured is not None:  # it was filled as if it were in the first unit
        voxels = np.where(volume.measured, voxels, voxels.dtype.type(outside(unit)))
    return volume.with_voxels(voxels, unit)
