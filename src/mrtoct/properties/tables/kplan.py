"""k-Plan's CT calibration (.kct): an HDF5 file of HU and density in kg/m3."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from mrtoct._version import __version__
from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file
from mrtoct.properties.curve import Curve

DATASET = "ct_calibration"
VERSION = {"major_version": 1, "minor_version": 2}


def read(path: Path) -> tuple[tuple[float, float], ...]:
    """Return the points of a calibration; raises FileError if it is none."""
    h5py = _h5py(path)
    try:
        with h5py.File(path, "r") as file:
            table = np.asarray(file[DATASET], dtype=np.float64).squeeze()
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise FileError(
            f"{path} is not a k-Plan calibration: {' '.join(str(error).split())}"
        ) from (error)
    if table.ndim != 2 or table.shape[1] != 2:
        raise FileError(
            f"{path} holds a table of shape {table.shape}; HU and density are 1 x N x 2"
        )
    return tuple((float(hu), float(value)) for hu, value in table)


def write(path: Path, curve: Curve, *, overwrite: bool = False) -> None:
    """Write a density curve (kg/m3) as k-Plan reads it."""
    h5py = _h5py(path)
    with new_file(path, overwrite=overwrite) as part, h5py.File(part, "w") as file:
        texts = {
            "application_name": "k-Plan",
            "file_type": "k-Plan CT Calibration",
            "file_description": f"{curve.name}: {curve.source}",
            "created_by": f"mrtoct {__version__}",
            "creation_date": datetime.now(UTC).strftime("%d-%b-%Y-%H-%M-%S"),
        }
        for name, text in texts.items():
            file.attrs[name] = text
        for name, number in VERSION.items():
            file.attrs[name] = np.array([number], dtype=np.uint64)
        table = np.array([curve.hu, curve.values], dtype=np.float32).T[None]
        file.create_dataset(DATASET, data=table)


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise FileError(f"{path} is HDF5, which needs h5py: pip install 'mrtoct[kplan]'") from None
    return h5py
