"""JSON files that mrtoct writes and reads back: each is the fields of one frozen dataclass.

A record is written whole or not at all. It is read strictly: a key that is missing or unknown, a
number out of its bounds or another format is an error that names the file, what is wrong with it
and what to do.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mrtoct.errors import FileError, MrtoctError
from mrtoct.io.atomic import write_text

MANIFEST, RUN, BUNDLE, PLAN = "manifest.json", "run.json", "bundle.json", "plan.json"
"""The files by which a store, a run, a bundle and a study are known to be one."""
OWN = {BUNDLE: "a model", RUN: "a run of a training", MANIFEST: "a store", PLAN: "a study"}

MOST_SHOWN = 60
"""Characters of a wrong value in a message."""

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class Record:
    """Base of the frozen dataclasses that are a file; parts of them need no base."""

    file: ClassVar[str]
    """Name of the file in its folder."""
    remedy: ClassVar[str]
    """What to do about a damaged one."""
    error: ClassVar[type[MrtoctError]] = FileError
    __pydantic_config__: ClassVar[ConfigDict] = STRICT


R = TypeVar("R", bound=Record)


def own_folder(folder: Path) -> str | None:
    """Say what a folder is that mrtoct made, and by which file: "a model (bundle.json)"."""
    found = (f"{what} ({file})" for file, what in OWN.items() if (folder / file).is_file())
    return next(found, None)


def read_record(folder: Path, kind: type[R]) -> R:
    """Return the record of a folder; the kind's error if it is missing or damaged."""
    path = folder / kind.file
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise kind.error(f"{path} cannot be read ({reason}); {kind.remedy}") from error
    try:
        record: R = _adapter(kind).validate_json(content, strict=True)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = error.errors()
        wrong = f"is damaged: {clause(first_of(problems))}"
        for problem in problems:
            if problem["loc"] == ("format",) and problem["type"] == "literal_error":
                found, known = shown(problem["input"]), _of(problem)["expected"]
                wrong = f"is of format {found}, and this version of mrtoct reads {known}"
        raise kind.error(f"{path} {wrong}; {kind.remedy}") from error
    return record


def write_record(folder: Path, record: Record, *, overwrite: bool = False) -> None:
    """Write a record into its folder, whole or not at all.

    Raises ValueError for one that could not be read back, such as of a NaN.
    """
    adapter = _adapter(type(record))  # type: ignore[arg-type]
    text = json.dumps(
        adapter.dump_python(record, mode="json", warnings=False), indent=1, allow_nan=False
    )
    adapter.validate_json(text, strict=True)
    write_text(folder / record.file, text, overwrite=overwrite)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what checks a kind of record; it takes longer to build than most records to read."""
    return TypeAdapter(kind)


def first_of(problems: list[ErrorDetails]) -> ErrorDetails:
    """Return the problem to tell of: a misspelt key also makes its right name missing."""
    return next((p for p in problems if p["type"] in UNKNOWN), problems[0])


def clause(problem: ErrorDetails) -> str:
    """Say in a clause what is wrong: the key, what is allowed, what was received."""
    where = ".".join(str(part) for part in problem["loc"])
    kind = problem["type"]
    if kind == "json_invalid":
        return f"it is not JSON ({_of(problem)['error']})"
    if kind in UNKNOWN:
        return f"unknown key {where!r}"
    if kind == "missing":
        return f"{where!r} is missing"
    if kind == "value_error":  # ours, which says what was received
        said = problem["msg"].removeprefix("Value error, ")
        return f"{where!r}: {said}" if where else said
    said = problem["msg"].replace("Input should", "must", 1)
    if kind in _MUST:
        said = _MUST[kind].format(**_of(problem))
    said += f", got {shown(problem['input'])}"
    return f"{where!r} {said}" if where else said


UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_MUST = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "union_tag_invalid": "must be of one of the kinds {expected_tags}",
    "union_tag_not_found": "lacks its kind",
}


def shown(value: Any) -> str:
    """Return a value as a message shows it: on one line, and not all of a long one."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _of(problem: ErrorDetails) -> dict[str, Any]:
    return problem.get("ctx", {})
