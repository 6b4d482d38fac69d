"""Find out how a source is laid out and list its subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mrtoct.datasets.bids.layout import list_bids
from mrtoct.datasets.bids.names import is_bids
from mrtoct.datasets.plain import is_plain, list_plain
from mrtoct.datasets.rire.layout import is_rire, list_rire
from mrtoct.datasets.subject_files import Listing
from mrtoct.datasets.synthrad import is_synthrad, list_synthrad
from mrtoct.datasets.table import TABLE_ENDINGS, is_table, list_table
from mrtoct.errors import CohortError, FileError


@dataclass(frozen=True)
class Layout:
    """One way in which cohorts lie on a disk."""

    fits: Callable[[Path], bool]
    """Tells whether a folder or file that is there is laid out so."""
    subjects: Callable[[Path], Listing]
    """Lists its subjects; CohortError where none can be used."""


LAYOUTS: dict[str, Layout] = {
    "plain": Layout(is_plain, list_plain),
    "rire": Layout(is_rire, list_rire),
    "synthrad": Layout(is_synthrad, list_synthrad),
    "bids": Layout(is_bids, list_bids),
    "table": Layout(is_table, list_table),
}
"""Tried from the last to the first, since any folder may be plain. A new one costs its file and a
line here; a script of one's own may add the line at run time."""


def list_subjects(source: Path | str, layout: str = "auto") -> Listing:
    """List the subjects of a folder or table, and why others in it cannot be used.

    layout is a name in LAYOUTS, or auto. Raises FileError if the source is not there or no layout
    fits, CohortError if no subject can be used.
    """
    source = Path(source)
    if layout not in ("auto", *LAYOUTS):
        raise CohortError(f"layout {layout!r} is unknown; allowed: auto, {', '.join(LAYOUTS)}")
    if not source.exists():
        raise FileError(f"{source} does not exist")
    if layout != "auto" and source.is_dir():
        return LAYOUTS[layout].subjects(source)  # it says best what is wrong with the folder
    for name in reversed(LAYOUTS) if layout == "auto" else [layout]:
        if LAYOUTS[name].fits(source):
            return LAYOUTS[name].subjects(source)
    wanted = "" if layout == "auto" else f" that does not have the layout {layout}"
    raise FileError(
        f"{source} is a file{wanted}; a cohort is a folder of subjects or a table "
        f"({', '.join(TABLE_ENDINGS)})"
    )
