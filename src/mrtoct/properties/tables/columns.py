"""Tables of two columns, HU and value, with # comments: matRad's .hlut and MCsquare's scanners."""

from __future__ import annotations

from pathlib import Path

from mrtoct._version import __version__
from mrtoct.errors import FileError
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.properties.curve import Curve
from mrtoct.properties.schneider import TISSUES

MCSQUARE_DENSITY = "HU_Density_Conversion.txt"
MCSQUARE_MATERIAL = "HU_Material_Conversion.txt"
FIRST_MATERIAL = 39
"""MCsquare numbers Schneider's tissues from air, 39, to the densest bone, 62."""


def read(path: Path) -> tuple[tuple[float, float], ...]:
    """Return the points of a table; raises FileError that names the line that is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    points = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            hu, value = map(float, words)
        except ValueError:
            raise FileError(
                f"{path}, line {number}: {line.strip()[:60]!r} is not two numbers, HU and value"
            ) from None
        points.append((hu, value))
    if not points:
        raise FileError(f"{path} holds no line of two numbers, HU and value")
    return tuple(points)


def write(path: Path, curve: Curve, what: str, *, overwrite: bool = False) -> None:
    """Write a curve with its source as comments."""
    write_text(path, _text(curve, what), overwrite=overwrite)


def write_scanner(folder: Path, curve: Curve, *, overwrite: bool = False) -> None:
    """Write the folder that MCsquare and OpenTPS read as a scanner, of a density in kg/m3.

    Materials are Schneider's tissues, whatever the density's source.
    """
    materials = [f"{hu:g} {FIRST_MATERIAL + n}" for n, (hu, _) in enumerate(TISSUES)]
    with new_folder(folder, overwrite=overwrite) as part:
        density = _text(curve.times(1e-3), "mass density [g/cm3]")
        (part / MCSQUARE_DENSITY).write_text(density, encoding="utf-8")
        heading = "# Schneider's tissues from these HU on, by MCsquare's numbers\n# HU material\n"
        (part / MCSQUARE_MATERIAL).write_text(
            heading + "\n".join(materials) + "\n", encoding="utf-8"
        )


def _text(curve: Curve, what: str) -> str:
    lines = [
        f"# {what}, {curve.name}",
        f"# {curve.source}",
        f"# mrtoct {__version__}",
        "# HU value",
    ]
    lines += [f"{hu:.10g} {value:.7g}" for hu, value in zip(curve.hu, curve.values, strict=True)]
    return "\n".join(lines) + "\n"
