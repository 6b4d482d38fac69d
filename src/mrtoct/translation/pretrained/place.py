r"""Where fetched models lie, a folder each: their names are as good as those of shipped ones.

$MRTOCT_MODELS, or else the user's own data folder:

Linux      ~/.local/share/mrtoct/models, or below $XDG_DATA_HOME
macOS      ~/Library/Application Support/mrtoct/models
Windows    %LOCALAPPDATA%\\mrtoct\models
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mrtoct.io.records import BUNDLE, Record, read_record

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a model may be called: nothing that a shell or a file system would read otherwise."""


@dataclass(frozen=True)
class Fetched(Record):
    """Where a fetched model came from; beside its bundle.json."""

    file: ClassVar[str] = "fetched.json"
    remedy: ClassVar[str] = "fetch the model again"

    address: str
    sha256: str
    """Of the archive, or of the file of sums that came with the others."""
    fetched: str
    """When: ISO 8601, UTC."""


def models_folder() -> Path:
    """Return the folder of fetched models, which need not be there yet."""
    given = os.environ.get("MRTOCT_MODELS")
    if given:
        return Path(given).expanduser()
    if sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    elif os.name == "nt":
        data = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "mrtoct" / "models"


def fetched_names() -> list[str]:
    """Return the names of the models that were fetched to this machine, in order."""
    try:
        found = [path.parent.name for path in models_folder().glob(f"*/{BUNDLE}")]
    except OSError:  # somebody else's folder: then there are none for us
        return []
    return sorted(name for name in found if NAME.fullmatch(name))


def origin_of(folder: Path) -> Fetched | None:
    """Return where a model's folder came from; None of one that was put there by hand."""
    return read_record(folder, Fetched) if (folder / Fetched.file).is_file() else None
