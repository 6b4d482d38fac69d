"""What a DICOM CT says of its tube voltage, kernel and scanner; no other tag is read."""

from __future__ import annotations

from typing import Any

from mrtoct.io.dicom.dataset import read_dataset
from mrtoct.io.dicom.read import find_series
from mrtoct.io.scan import Scan

SCANNER = ("Manufacturer", "ManufacturerModelName")


def calibration_in(scan: Scan) -> tuple[Any, Any, str | None, str | None]:
    """Return voltage in kV, kernel, manufacturer and model of a folder's CT, as it states them.

    A value in which its images differ is None. Raises FileError if there is no such CT, or several.
    """
    series = find_series(scan.path, "HU", scan.series)

    def one(name: str) -> str | None:
        stated = {frame.measured.get(name) for frame in series.frames}
        return stated.pop() if len(stated) == 1 else None

    voltage = one("tube voltage")
    header = read_dataset(series.files[0], tags=[*SCANNER])
    maker, model = (str(header.get(keyword, None) or "") or None for keyword in SCANNER)
    return voltage.split()[0] if voltage else None, one("kernel"), maker, model
