"""What gave a CT its HU: tube voltage, kernel and scanner, as far as its files say.

The HU of bone depend on them, and a network that learnt from CTs makes HU like theirs. A DICOM CT
has them in its header; a file may have them in a JSON beside it, ct.json beside ct.nii.gz, in the
words of DICOM as converters write it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrtoct.errors import FileError
from mrtoct.io.atomic import write_text
from mrtoct.io.files import VOLUME_ENDINGS, is_dicom, sidecar
from mrtoct.io.json_text import json_text
from mrtoct.io.scan import Scan

KVP_KEYS = ("KVP", "TubeVoltage")
"""DICOM's word, and that of the draft of BIDS for CT (BEP 24)."""
LONGEST = 64
"""Characters of a name; DICOM allows no more in a series' description either."""


@dataclass(frozen=True)
class CtCalibration:
    """How a CT's HU came about; None is not known."""

    kvp: float | None = None
    """Peak tube voltage in kV."""
    kernel: str | None = None
    """Convolution kernel, as its scanner calls it."""
    scanner: str | None = None
    """Manufacturer and model."""

    def __str__(self) -> str:
        known = (
            f"{self.kvp:g} kVp" if self.kvp else None,
            f"kernel {self.kernel}" if self.kernel else None,
            self.scanner,
        )
        return ", ".join(part for part in known if part) or "not known"


UNKNOWN = CtCalibration()


def shared(calibrations: Sequence[CtCalibration]) -> CtCalibration:
    """Return what some CTs have in common; a value that one of them lacks is not."""

    def one(name: str) -> Any:
        values = {getattr(calibration, name) for calibration in calibrations}
        return values.pop() if len(values) == 1 else None

    return CtCalibration(one("kvp"), one("kernel"), one("scanner"))


def distinct(calibrations: Sequence[CtCalibration]) -> tuple[CtCalibration, ...]:
    """Return each calibration once, in order of their words."""
    return tuple(sorted(set(calibrations), key=str))


def sidecar_of(scan: Scan) -> Path | None:
    """Return the JSON beside a scan's file, None where there is none."""
    if not scan.path.name.lower().endswith(VOLUME_ENDINGS):
        return None
    path = sidecar(scan.path)
    return path if path.is_file() else None


def read_calibration(scan: Scan) -> CtCalibration:
    """Return what a CT's files say of its calibration.

    Raises FileError for a JSON that cannot be read, or a folder of DICOM files without such a CT.
    """
    if is_dicom(scan.path):
        from mrtoct.io.dicom.calibration import calibration_in  # other formats need not wait

        kvp, kernel, *names = calibration_in(scan)
    elif path := sidecar_of(scan):
        told = _told(path)
        kvp = next((told[key] for key in KVP_KEYS if key in told), None)
        kernel = told.get("ConvolutionKernel")
        names = [told.get("Manufacturer"), told.get("ManufacturersModelName")]
    else:
        return UNKNOWN
    return CtCalibration(_positive(kvp), _name(kernel), _joined(names))


def write_calibration(
    path: Path, calibration: CtCalibration, description: str, *, overwrite: bool
) -> None:
    """Write a JSON beside a volume file, which read_calibration reads again, and what it holds.

    The scanner is in the description alone: it did not make this volume.
    """
    told = {"Modality": "CT", "KVP": calibration.kvp, "ConvolutionKernel": calibration.kernel}
    told |= {"Description": description}
    known = {key: value for key, value in told.items() if value is not None}
    write_text(sidecar(path), json_text(known) + "\n", overwrite=overwrite)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as JSON ({error}); fix or remove it") from error
    return told if isinstance(told, dict) else {}


def _positive(value: Any) -> float | None:
    """Return a voltage; what is no number, such as the n/a of BIDS, is not known."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1000 else None


def _name(value: Any) -> str | None:
    """Return a name on one line; a scanner may state several kernels."""
    words = value if isinstance(value, list) else [value]
    text = " ".join(" ".join(str(word).replace("\\", " ").split()) for word in words if word)
    return text[:LONGEST] or None


def _joined(names: list[Any]) -> str | None:
    """Return a manufacturer and a model; some models begin with their manufacturer's name."""
    maker, model = _name(names[0]), _name(names[1])
    if maker and model and not model.lower().startswith(maker.lower()):
        return _name([maker, model])
    return model or maker
