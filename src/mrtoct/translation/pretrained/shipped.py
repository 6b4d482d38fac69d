"""Which bundles have a name, where they lie, and what a name or a path means.

A folder NAME beside this file is the shipped bundle of that name. A package that was built from a
checkout without weights has none of them, and says so when one is wanted. Others can be fetched
(`mrtoct fetch model`) and then have a name, too.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from mrtoct.errors import BundleError
from mrtoct.translation.pretrained.place import fetched_names, models_folder

NAMES = ("head",)
"""head: a head MR of any contrast."""
DEFAULT = "head"
FOLDER = Path(__file__).parent


def known_names() -> list[str]:
    """Return the names of all models at hand: those that are shipped, then those fetched."""
    return [*NAMES, *(name for name in fetched_names() if name not in NAMES)]


def bundle_path(name: str = DEFAULT) -> Path:
    """Return the folder of a shipped or fetched bundle; BundleError if there is none of it."""
    if name not in NAMES:
        fetched = fetched_names()
        if name in fetched:
            return models_folder() / name
        near = get_close_matches(name, [*NAMES, *fetched], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        others = f"; fetched: {', '.join(fetched)}" if fetched else ""
        raise BundleError(
            f"mrtoct ships no model {name!r}, and there is no such folder; it ships "
            f"{', '.join(NAMES)}{others}{hint}"
        )
    folder = FOLDER / name
    if not folder.is_dir():
        raise BundleError(
            f"this build of mrtoct holds no pretrained weights ({folder} is missing): install a "
            "released wheel, or give your own bundle, such as RUN/best"
        )
    return folder


def find_bundle(model: str | Path = DEFAULT) -> Path:
    """Return the folder that a model's name or a path means.

    A string that is the name of a shipped or fetched model is that model, whatever lies in the
    current folder; ./head is the folder. A Path is always a folder.
    """
    if isinstance(model, Path):
        return model
    if model not in known_names() and (_is_path(model) or Path(model).exists()):
        return Path(model)
    return bundle_path(model)


def _is_path(model: str) -> bool:
    return model in ("", ".", "..") or any(sep in model for sep in (os.sep, os.altsep) if sep)
