"""RIRE's header.ascii: text in five groups of `Key := value`.

Data format: https://rire.insight-journal.org/data_format.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.volume import Grid

DIRECTIONS = {
    "R": (1, 0, 0),
    "L": (-1, 0, 0),
    "A": (0, 1, 0),
    "P": (0, -1, 0),
    "H": (0, 0, 1),
    "F": (0, 0, -1),
}
"""Letters of Patient Orientation as RAS directions."""

TILT_TOLERANCE = 0.1
"""Degrees of gantry tilt that move a last slice by less than 0.39 mm, to which RIRE is known."""


@dataclass(frozen=True)
class Header:
    """What header.ascii says."""

    modality: str
    """CT, MR or PET."""
    grid: Grid
    dtype: np.dtype[Any]
    values: dict[str, str]
    """Every key with its value as written; of a key in several groups, the last."""


def read_header(path: Path) -> Header:
    """Read header.ascii; raises FileError or GeometryError naming the file and the key."""
    try:
        text = path.read_bytes()[: 1 << 20].decode("latin-1")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    pairs = (line.split(":=", 1) for line in text.splitlines() if ":=" in line)
    values = {key.strip(): value.strip() for key, value in pairs}
    try:
        return Header(values.get("Modality", ""), _grid(values), _dtype(values), values)
    except (FileError, GeometryError) as error:
        raise type(error)(f"{path}: {error}") from error


def header_text(grid: Grid, modality: str, contrast: str) -> str:
    """Return the header of a scan on a grid of RIRE's directions; contrast may be empty."""
    columns, rows, slices = grid.shape
    i, j, k = (_millimetres(s) for s in grid.spacing)
    acquisition = {"Contrast/Bolus agent": "none", "Slice thickness": k}
    if modality != "MR":
        acquisition["Gantry tilt"] = "0"
    if contrast:
        acquisition["Comments"] = contrast
    groups: list[dict[str, str]] = [
        {"Modality": modality},
        {"Comments": "no patient information"},
        acquisition,
        {"Patient Orientation": "L : P : H"},
        {
            "Image dimensions": "3",
            "Rows": str(rows),
            "Columns": str(columns),
            "Slices": str(slices),
            "Pixel size": f"{j} : {i}",
            "Bits allocated": "16",
            "Bits stored": "16",
            "High bit": "15",
            "Pixel representation": "1",
        },
    ]
    # Lengths count the bytes that follow their own line: to the group's end, and to the file's.
    text = ""
    for number, group in reversed(list(enumerate(groups))):
        body = "".join(f"{key} := {value}\n" for key, value in group.items())
        if number == 0:
            body = f"Length to end := {len(body) + 1 + len(text)}\n{body}"
        text = f"Group length := {len(body)}\n{body}\n{text}"
    return text


def _grid(values: dict[str, str]) -> Grid:
    columns, rows, slices = (_number(values, key) for key in ("Columns", "Rows", "Slices"))
    for key, size in (("Columns", columns), ("Rows", rows), ("Slices", slices)):
        if size < 1 or size != int(size):
            raise FileError(f"{key} must be a positive whole number, got {values[key]}")
    # Rows are as far apart as the first number says, columns as the second.
    between_rows, between_columns = _numbers(values, "Pixel size", 2)
    spacing = (between_columns, between_rows, _number(values, "Slice thickness"))
    if min(spacing) <= 0:
        raise GeometryError(f"voxel spacing must be positive, got {spacing} mm")
    tilt = re.search(r"[-+]?\d+(\.\d*)?", values.get("Gantry tilt", ""))
    if tilt and abs(float(tilt.group())) > TILT_TOLERANCE:
        raise GeometryError(
            f"Gantry tilt is {tilt.group()} degrees without a direction; a tilt is not allowed"
        )
    letters = [word.strip().upper() for word in values.get("Patient Orientation", "").split(":")]
    axes = [DIRECTIONS.get(letter, (0, 0, 0)) for letter in letters]
    if len(axes) != 3 or not np.abs(axes).sum(axis=0).tolist() == [1, 1, 1]:
        raise GeometryError(
            "Patient Orientation must name one direction each of R/L, A/P and H/F, such as "
            f"L : P : H, got {values.get('Patient Orientation', 'nothing')!r}"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.array(axes).T * spacing
    return Grid((int(columns), int(rows), int(slices)), affine)


def _dtype(values: dict[str, str]) -> np.dtype[Any]:
    bits, signed = _number(values, "Bits allocated"), _number(values, "Pixel representation")
    if bits != 16 or signed not in (0, 1):
        raise FileError(
            "voxels are 16-bit integers, unsigned (Pixel representation 0) or signed (1); got "
            f"{bits:g} bits and Pixel representation {signed:g}"
        )
    return np.dtype(">i2" if signed else ">u2")


def _number(values: dict[str, str], key: str) -> float:
    return _numbers(values, key, 1)[0]


def _numbers(values: dict[str, str], key: str, count: int) -> list[float]:
    try:
        numbers = [float(word) for word in values[key].split(":")]
    except KeyError:
        raise FileError(f"its header states no {key}") from None
    except ValueError:
        raise FileError(f"{key} must be {count} numbers, got {values[key]!r}") from None
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise FileError(f"{key} must be {count} finite numbers, got {values[key]!r}")
    return numbers


def _millimetres(value: float) -> str:
    # Six decimals as in RIRE's own headers, more only where they would change the value.
    text = f"{value:.6f}"
    return text if float(text) == value else repr(float(value))
