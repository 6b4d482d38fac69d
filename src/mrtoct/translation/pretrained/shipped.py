"""Which bundles the package ships, where they lie, and what a name or a path means.

A folder NAME beside this file is the bundle of that name. A package that was built from a checkout
without weights has none of them, and says so when one is wanted.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from mrtoct.errors import BundleError

NAMES = ("head",)
"""head: a head MR of any contrast."""
DEFAULT = "head"
FOLDER = Path(__file__).parent


def bundle_path(name: str = DEFAULT) -> Path:
    """Return the folder of a shipped bundle; BundleError if there is none of that name."""
    if name not in NAMES:
        near = get_close_matches(name, NAMES, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BundleError(
            f"mrtoct ships no model {name!r}, and there is no such folder; it ships "
            f"{', '.join(NAMES)}{hint}"
        )
    folder = FOLDER / name
    if not folder.is_dir():
        raise BundleError(
            f"this build of mrtoct holds no pretrained weights ({folder} is missing): install a "
            "released wheel, or name a bundle of your own, such as RUN/best"
        )
    return folder


def find_bundle(model: str | Path = DEFAULT) -> Path:
    """Return the folder that a shipped model's name or a path means.

    A string that is a shipped name is that model, whatever lies in the current folder; ./head is
    the folder. A Path is always a folder.
    """
    if isinstance(model, Path):
        return model
    if model not in NAMES and (_is_path(model) or Path(model).exists()):
        return Path(model)
    return bundle_path(model)


def _is_path(model: str) -> bool:
    return model in ("", ".", "..") or any(sep in model for sep in (os.sep, os.altsep) if sep)
