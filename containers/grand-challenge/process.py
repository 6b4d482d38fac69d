"""One case of a Grand Challenge algorithm: MR and body mask in, synthetic CT out.

The folders are those of the SynthRAD challenges' algorithms (2023, and 2025's task 1):

    /input/images/mri/NAME.mha           the MR
    /input/images/body/*.mha             where errors are counted, on its grid; optional
    /input/region.json                   "Brain", "HN", ...; optional
    /output/images/synthetic-ct/NAME.mha
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

import mrtoct
from mrtoct.errors import FileError, MrtoctError
from mrtoct.volume import AIR_HU, require_same_grid

HEADS = ("brain", "hn", "head")
"""Regions that show a head; others are refused."""


def translate_case(source: Path, target: Path, model: str | Path) -> Path:
    """Translate the only MR of a case; return the synthetic CT's file."""
    require_head(source / "region.json")
    mr_file = only_file(source / "images" / "mri")
    mr = mrtoct.read_volume(mr_file, "a.u.")
    # A challenge wants an answer for every case.
    sct = mrtoct.Translator.load(model).translate(mr, force=True)
    if (source / "images" / "body").is_dir():
        body = mrtoct.read_volume(only_file(source / "images" / "body"), "label")
        require_same_grid(mr.grid, body.grid, "the MR", "the body mask")
        sct = sct.with_voxels(np.where(body.voxels > 0, sct.voxels, np.int16(AIR_HU)))
    out = target / "images" / "synthetic-ct" / mr_file.name
    mrtoct.write_volume(out, sct, overwrite=True)
    return out


def require_head(region: Path) -> None:
    """Raise FileError for a region without a head: the shipped model knows no other."""
    if not region.is_file():
        return
    named = json.loads(region.read_text(encoding="utf-8"))
    if str(named).lower() not in HEADS:
        raise FileError(f"{region} names the region {named!r}; heads are translated: {HEADS}")


def only_file(folder: Path) -> Path:
    """Return the only MetaImage of a folder; FileError if there is none or more."""
    found = sorted(folder.glob("*.mha"))
    if len(found) != 1:
        raise FileError(f"{folder} must hold one .mha file, and holds {len(found)}")
    return found[0]


if __name__ == "__main__":
    folders = [Path(os.environ.get(name, f"/{name.lower()}")) for name in ("INPUT", "OUTPUT")]
    weights = Path("/opt/ml/model")  # a model that was uploaded apart
    try:
        made = translate_case(*folders, weights if (weights / "bundle.json").is_file() else "head")
    except MrtoctError as error:
        sys.exit(f"mrtoct: {error}")
    print(made)
