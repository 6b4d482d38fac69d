"""A cohort listed in a table: a row a subject, a column a scan.

Paths in it are relative to the table; ~ is the home folder.
"""

from __future__ import annotations

import csv
import difflib
from pathlib import Path

from mrtoct.datasets.subject_files import (
    Listing,
    SubjectFiles,
    channel_fault,
    name_fault,
    usable,
)
from mrtoct.errors import CohortError, FileError
from mrtoct.io.paths import expanded
from mrtoct.io.scan import Scan

TABLE_ENDINGS = (".csv", ".tsv")

COLUMNS = ("subject", "ct", "ct_series", "mr", "mr_series", "ct_to_mr", "mask", "aligned")
"""And for each further MR channel mr_<channel> and mr_<channel>_series."""

YES, NO = ("yes", "true", "1"), ("no", "false", "0", "")

Row = dict[str, str]


def is_table(source: Path) -> bool:
    """Tell whether a source is a file with a table's ending."""
    return source.is_file() and source.suffix.lower() in TABLE_ENDINGS


def list_table(path: Path) -> Listing:
    """Read a .csv (comma or semicolon) or .tsv table with a header line, in the table's order.

    Subjects whose files are missing are rejected with the reason. A table that says something
    impossible (an unknown column, a subject named twice) is a CohortError that names the line.
    """
    if path.is_dir():
        raise FileError(f"{path} is a folder; a table is a file ({', '.join(TABLE_ENDINGS)})")
    header, rows = _read(path)
    channels = _channels(path, header)
    subjects: list[SubjectFiles] = []
    rejected: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["subject"]
        if fault := name_fault(name):
            raise CohortError(f"{path} line {line}, column subject: {fault}, got {name!r}")
        # Some disks do not tell a from A.
        if first := lines.setdefault(name.casefold(), line) - line:
            raise CohortError(
                f"{path} line {line}, column subject: {name} is already in line {line + first}"
            )
        aligned = _yes(path, line, row)
        try:
            subjects.append(_subject(path, line, row, channels, aligned))
        except FileError as error:
            rejected[name] = str(error)
        except OSError as error:  # such as a path that is too long
            rejected[name] = f"{path} line {line}: {error.strerror or error}"
    return usable(Listing("table", subjects, rejected), path, "with files that are there")


def _read(path: Path) -> tuple[list[str], list[tuple[int, Row]]]:
    """Return the header, and for each row that is not blank its line number and its cells."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Excel writes a byte order mark
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not a text table in UTF-8; save it as CSV UTF-8") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    # Where a comma is the decimal mark, spreadsheets part cells by semicolons.
    part = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in first else ","
    reader = csv.reader(
        text.splitlines(keepends=True), delimiter=part, skipinitialspace=True, strict=True
    )
    header: list[str] = []
    rows: list[tuple[int, Row]] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if not header:
                header = cells
                continue
            if any(cells[len(header) :]):
                raise CohortError(
                    f"{path} line {reader.line_num} has {len(cells)} cells, the header "
                    f"{len(header)}; put a cell that holds the separator in quotes"
                )
            cells += [""] * (len(header) - len(cells))
            rows.append((reader.line_num, dict(zip(header, cells, strict=False))))
    except csv.Error as error:
        raise CohortError(f"{path} line {reader.line_num}: {error}") from error
    if not rows:
        raise CohortError(
            f"{path} lists no subject; a header line and one line per subject are needed"
        )
    return header, rows


def _channels(path: Path, header: list[str]) -> list[str]:
    """Check the header and return the columns that hold an MR channel."""
    columns = [name for name in header if name]
    for name in columns:
        if columns.count(name) > 1:
            raise CohortError(f"{path} has the column {name} twice")
        if name in COLUMNS:
            continue
        scan = name.removesuffix("_series")
        if not name.startswith("mr_") or (name != scan and scan not in columns):
            likely = difflib.get_close_matches(name, COLUMNS, 1, 0.65)
            meant = f" (is {likely[0]} meant?)" if likely else ""
            raise CohortError(
                f"{path} has an unknown column {name}{meant}; allowed: {', '.join(COLUMNS)}, "
                "mr_CHANNEL, mr_CHANNEL_series"
            )
        if fault := channel_fault(scan.removeprefix("mr_")):
            raise CohortError(f"{path}, column {name}: {fault}")
    channels = [c for c in columns if c == "mr" or (c[:3] == "mr_" and c[-7:] != "_series")]
    for needed in ("subject", "ct"):
        if needed not in columns:
            raise CohortError(f"{path} has no column {needed}; it has {', '.join(columns)}")
    if not channels:
        raise CohortError(f"{path} has no column mr or mr_CHANNEL; it has {', '.join(columns)}")
    return channels


def _subject(path: Path, line: int, row: Row, channels: list[str], aligned: bool) -> SubjectFiles:
    mr = {
        column.removeprefix("mr_"): _scan(path, line, row, column)
        for column in channels
        if row[column]
    }
    if not mr:
        raise FileError(f"{path} line {line}: no MR in column {' or '.join(channels)}")
    if not row["ct"]:
        raise FileError(f"{path} line {line}, column ct: no CT")
    transform = _file(path, line, row, "ct_to_mr")
    return SubjectFiles(
        row["subject"],
        mr=mr,
        ct=_scan(path, line, row, "ct"),
        ct_to_mr=transform,
        aligned=aligned,
        mask=_file(path, line, row, "mask"),
    )


def _scan(path: Path, line: int, row: Row, column: str) -> Scan:
    scan = path.parent / expanded(row[column])
    if not scan.exists():
        raise FileError(f"{path} line {line}, column {column}: {scan} does not exist")
    series = row.get(f"{column}_series") or None
    if series and not scan.is_dir():
        raise FileError(
            f"{path} line {line}, column {column}_series: a series needs a folder of DICOM files, "
            f"{scan.name} is a file"
        )
    return Scan(scan, series)


def _file(path: Path, line: int, row: Row, column: str) -> Path | None:
    if not row.get(column):
        return None
    file = path.parent / expanded(row[column])
    if not file.is_file():
        raise FileError(f"{path} line {line}, column {column}: {file} is not a file")
    return file


def _yes(path: Path, line: int, row: Row) -> bool:
    word = row.get("aligned", "").lower()
    if word not in YES + NO:
        raise CohortError(
            f"{path} line {line}, column aligned: yes or no are allowed, got {row['aligned']!r}"
        )
    if word in YES and row.get("ct_to_mr"):
        raise CohortError(
            f"{path} line {line}: aligned scans need no ct_to_mr; leave one of the two out"
        )
    return word in YES
