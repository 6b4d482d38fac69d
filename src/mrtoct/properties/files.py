"""Write a property map: a volume whose header names the unit, and a JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mrtoct.io import nifti
from mrtoct.io.atomic import require_absent, write_text
from mrtoct.io.files import NIFTI_ENDINGS, ending, sidecar, write_volume
from mrtoct.properties.convert import PropertyMap
from mrtoct.volume import Volume


def deviation_file(path: Path) -> Path:
    """Return where a map's standard deviation goes: map.nii.gz has map_sd.nii.gz."""
    kind = path.name[-len(ending(path)) :]
    return path.with_name(path.name[: -len(kind)] + "_sd" + kind)


def require_map_absent(path: Path, *, with_deviation: bool, overwrite: bool) -> None:
    """Raise FileError if any of a map's files is there and may not be replaced."""
    require_absent(path, overwrite=overwrite)
    require_absent(sidecar(path), overwrite=overwrite)
    if with_deviation:
        require_absent(deviation_file(path), overwrite=overwrite)


def write_map(
    path: Path, made: PropertyMap, *, facts: dict[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Write a map, its JSON (with further facts) and, if it has one, its standard deviation."""
    require_map_absent(path, with_deviation=made.deviation is not None, overwrite=overwrite)
    title, unit = made.facts["title"], made.facts["unit"]
    told = {**made.facts, **(facts or {})}
    if made.deviation is not None:
        other = deviation_file(path)
        _write(other, made.deviation, f"SD of {title} [{unit}]", overwrite=overwrite)
        told["deviation"] = other.name
    _write(path, made.values, f"{title} [{unit}], {made.facts['curve']}", overwrite=overwrite)
    write_text(sidecar(path), json.dumps(told, indent=1) + "\n", overwrite=overwrite)


def _write(path: Path, volume: Volume, description: str, *, overwrite: bool) -> None:
    """Write a volume; a NIfTI says in its header what it holds, MetaImage has no place for it."""
    if ending(path) in NIFTI_ENDINGS:
        nifti.write(path, volume, overwrite=overwrite, description=description)
    else:
        write_volume(path, volume, overwrite=overwrite)
