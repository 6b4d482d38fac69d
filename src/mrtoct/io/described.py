"""What a volume file, or the JSON beside it, says that its values are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import nibabel as nib

from mrtoct.errors import FileError
from mrtoct.io.files import NIFTI_ENDINGS, ending, sidecar
from mrtoct.volume import Unit

UNITS: frozenset[str] = frozenset(get_args(Unit))
MOST_JSON = 1 << 20
"""Bytes of a JSON that is looked at: mrtoct's own have a few thousand."""
SPREAD = "SD of "
"""How the header of a standard deviation begins."""
NAMED_SPREAD = re.compile(r"(?:^|[^a-z0-9])(?:sd|std|stddev|deviation|uncertainty)(?:[^a-z0-9]|$)")
"""In a file's name, lower case: what a standard deviation is usually called."""


@dataclass(frozen=True)
class Described:
    """What is known of a volume without looking at its voxels."""

    unit: Unit | None = None
    """None where nothing says it."""
    deviation: bool = False
    """Whether the values are a standard deviation, in that unit."""


def described(path: Path) -> Described:
    """Return what a file says of its values: its NIfTI header, then the JSON beside it, its name.

    mrtoct's maps name their unit in both; a standard deviation without one is taken for HU.
    Folders say nothing.
    """
    try:
        kind = ending(path)
    except FileError:
        return Described()
    text = _header_text(path) if kind in NIFTI_ENDINGS else ""
    found = re.search(r"\[([^\]]+)\]", text)
    if found and (unit := _unit(found[1])):
        return Described(unit, text.startswith(SPREAD))
    if unit := _unit(_beside(sidecar(path)).get("unit")):
        return Described(unit)
    if not NAMED_SPREAD.search(path.name.lower()):
        return Described()
    # The JSON beside map.mha names map_sd.mha and the unit of both.
    plain = path.with_name(re.sub(r"_sd(?=\.)", "", path.name))
    return Described(_unit(_beside(sidecar(plain)).get("unit")) or "HU", deviation=True)


def _unit(text: object) -> Unit | None:
    return text if isinstance(text, str) and text in UNITS else None  # type: ignore[return-value]


def _header_text(path: Path) -> str:
    try:
        header = nib.load(path).header
        return bytes(header["descrip"].item()).decode("ascii", "replace")
    except Exception:  # whatever is wrong with the file is said where its voxels are read
        return ""


def _beside(path: Path) -> dict[str, object]:
    """Return the JSON object in a file; nothing where there is none, or it is something else."""
    try:
        if path.stat().st_size > MOST_JSON:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
