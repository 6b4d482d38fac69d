"""Find out how a source is laid out and list its subjects."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from mrtoct.datasets.plain import list_plain, scans_of
from mrtoct.datasets.rire.layout import is_rire, list_rire
from mrtoct.datasets.subject_files import Listing
from mrtoct.datasets.synthrad import check_task, list_synthrad, regions_in
from mrtoct.datasets.table import TABLE_ENDINGS, list_table
from mrtoct.errors import CohortError, FileError

Layout = Literal["auto", "plain", "rire", "synthrad", "table"]


def list_subjects(source: Path | str, layout: Layout = "auto") -> Listing:
    """List the subjects of a folder or table, and why others in it cannot be used.

    Raises FileError if the source is not there or no layout fits, CohortError if no subject can
    be used.
    """
    source = Path(source)
    if layout not in get_args(Layout):
        raise CohortError(f"layout {layout!r} is unknown; allowed: {', '.join(get_args(Layout))}")
    if not source.exists():
        raise FileError(f"{source} does not exist")
    if layout == "table" or source.is_file():
        return _table(source, layout)
    if layout == "auto":
        layout = _layout_of(source)
    if layout == "rire":
        return list_rire(source)
    if layout == "synthrad":
        return list_synthrad(source)
    return list_plain(source)


def _table(source: Path, layout: Layout) -> Listing:
    if source.suffix.lower() not in TABLE_ENDINGS or not source.is_file():
        kind = "a folder" if source.is_dir() else "a file"
        raise FileError(
            f"{source} is {kind}; a cohort is a folder of subjects or a table "
            f"({', '.join(TABLE_ENDINGS)})"
        )
    if layout not in ("auto", "table"):
        raise CohortError(f"{source} is a table; the layout {layout} is of a folder")
    return list_table(source)


def _layout_of(source: Path) -> Layout:
    if regions_in(source):
        return "synthrad"
    check_task(source)
    if is_rire(source):
        return "rire"
    own = scans_of(source)
    if "ct" in own and any(stem[:2] == "mr" for stem in own):
        raise CohortError(
            f"{source} holds {own['ct'].name} itself, as a subject's folder does; name the folder "
            "above, or use a table"
        )
    return "plain"
