"""Named points in mm from a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError
from mrtoct.volume import MOST_MM, Array


def read_points(path: Path | str) -> tuple[list[str], Array]:
    """Read a .csv or .tsv with the columns x, y, z and optionally name, in mm.

    Returns the names (their numbers where there are none) and the points (n, 3). Raises FileError
    for a missing file or column, no rows, or a coordinate that is no finite number.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix == ".tsv" else ",")
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"x", "y", "z"} <= set(columns):
        raise FileError(
            f"{path} needs the columns x, y and z; it has {', '.join(columns) or 'none'}"
        )
    names, points = [], []
    for number, row in enumerate(rows, start=1):
        try:
            points.append([float(row[columns[axis]]) for axis in "xyz"])
        except (TypeError, ValueError) as error:
            raise FileError(f"{path}: point {number} does not have three numbers") from error
        names.append((row[columns["name"]] if "name" in columns else "") or str(number))
    if not points:
        raise FileError(f"{path} holds no points")
    if not (np.abs(points) < MOST_MM).all():  # nor is NaN
        raise FileError(f"{path} holds NaN, infinite or impossibly large coordinates")
    return names, np.array(points)
