"""Write a property map: a volume whose header names the unit, and a JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mrtoct.io.atomic import require_absent, write_text
from mrtoct.io.files import (
    ending,
    require_volume_absent,
    sidecar,
    write_volume,
)
from mrtoct.io.json_text import json_text
from mrtoct.properties.convert import PropertyMap


def deviation_file(path: Path) -> Path:
    """Return where a map's standard deviation goes: map.nii.gz has map_sd.nii.gz."""
    kind = path.name[-len(ending(path)) :]
    return path.with_name(path.name[: -len(kind)] + "_sd" + kind)


def require_map_absent(path: Path, *, with_deviation: bool, overwrite: bool) -> None:
    """Raise FileError if any of a map's files is there and may not be replaced."""
    require_volume_absent(path, overwrite=overwrite)
    require_absent(sidecar(path), overwrite=overwrite)
    if with_deviation:
        require_volume_absent(deviation_file(path), overwrite=overwrite)


def write_map(
    path: Path, made: PropertyMap, *, facts: dict[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Write a map, its JSON (with further facts) and, if it has one, its standard deviation."""
    require_map_absent(path, with_deviation=made.deviation is not None, overwrite=overwrite)
    title, unit = made.facts["title"], made.facts["unit"]
    told = {**made.facts, **(facts or {})}
    if made.deviation is not None:
        other = deviation_file(path)
        described = f"SD of {title} [{unit}]"
        write_volume(other, made.deviation, overwrite=overwrite, description=described)
        told["deviation"] = other.name
    described = f"{title} [{unit}], {made.facts['curve']}"
    write_volume(path, made.values, overwrite=overwrite, description=described)
    write_text(sidecar(path), json_text(told) + "\n", overwrite=overwrite)
