"""Read and write a curve as a table; the ending chooses the format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mrtoct.errors import FileError, MrtoctError
from mrtoct.properties.curve import Curve
from mrtoct.properties.quantity import Quantity
from mrtoct.properties.tables import columns, kplan

TABLE_ENDINGS = (".hlut", ".txt", ".kct")

Read = Callable[[Path], tuple[tuple[float, float], ...]]


def read_table(path: Path, quantity: Quantity) -> Curve:
    """Return the curve in a table: .hlut (matRad), .kct (k-Plan) or .txt (MCsquare: g/cm3).

    A folder is one of MCsquare's scanners. Raises FileError for a missing or damaged table,
    ValueRangeError for points that are no curve.
    """
    if path.is_dir():
        path /= columns.MCSQUARE_DENSITY
    if not path.is_file():
        raise FileError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    kind = _kind(path, quantity)
    points = (kplan.read if kind == ".kct" else columns.read)(path)
    if kind == ".txt":
        points = tuple((hu, 1000 * value) for hu, value in points)
    try:
        return Curve(
            str(path),
            tuple(p[0] for p in points),
            tuple(p[1] for p in points),
            f"table {path.name}",
        )
    except MrtoctError as error:
        raise type(error)(f"{path}: {error}") from error


def write_table(path: Path, curve: Curve, quantity: Quantity, *, overwrite: bool = False) -> None:
    """Write a curve as .hlut or .kct, or for a name without an ending as MCsquare's folder."""
    if path.suffix == "":
        _density_only(path, quantity, "MCsquare's scanner")
        columns.write_scanner(path, curve, overwrite=overwrite)
        return
    kind = _kind(path, quantity)
    if kind == ".kct":
        kplan.write(path, curve, overwrite=overwrite)
    elif kind == ".hlut":
        columns.write(path, curve, f"{quantity.title} [{quantity.unit}]", overwrite=overwrite)
    else:
        columns.write(path, curve.times(1e-3), f"{quantity.title} [g/cm3]", overwrite=overwrite)


def _kind(path: Path, quantity: Quantity) -> str:
    kind = path.suffix.lower()
    if kind not in TABLE_ENDINGS:
        raise FileError(
            f"{path} is not a supported table; allowed: {', '.join(TABLE_ENDINGS)}, or a folder "
            "for MCsquare"
        )
    if kind in (".kct", ".txt"):
        _density_only(path, quantity, f"a {kind} table")
    return kind


def _density_only(path: Path, quantity: Quantity, what: str) -> None:
    if quantity.name != "density":
        raise FileError(f"{path}: {what} holds density, not {quantity.name}; allowed: .hlut")
