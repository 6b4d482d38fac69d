"""Records: what was written comes back, and whatever is wrong with a file is one clear sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from mrtoct.errors import CohortError, FileError
from mrtoct.io.records import Record, read_record, write_record


@dataclass(frozen=True)
class Part:
    width: Annotated[int, Field(ge=1, lt=100)] = 3
    pair: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        if self.pair[0] > self.pair[1]:
            raise ValueError(f"a pair rises, got {self.pair[0]} to {self.pair[1]}")


@dataclass(frozen=True)
class Sample(Record):
    file: ClassVar[str] = "sample.json"
    remedy: ClassVar[str] = "draw it again"
    error: ClassVar[type[CohortError]] = CohortError

    format: Literal[2]
    part: Part
    folder: Path
    names: dict[str, str]
    note: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


SAMPLE = Sample(2, Part(7, (1e-7, 0.1)), Path("a/b"), {"ä": "b"}, facts={"n": [1, None, "x"]})
PLAIN: dict[str, Any] = {"format": 2, "part": {}, "folder": "a", "names": {}}


def said(folder: Path, content: str | bytes) -> str:
    path = folder / "sample.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CohortError) as caught:
        read_record(folder, Sample)
    message = str(caught.value)
    assert message.startswith(f"{path} is ")
    assert message.endswith("; draw it again")
    assert "\n" not in message
    return message.removeprefix(f"{path} is ").removesuffix("; draw it again")


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write_record(tmp_path, SAMPLE)
    assert read_record(tmp_path, Sample) == SAMPLE
    assert json.loads((tmp_path / "sample.json").read_text()) == {
        "format": 2,
        "part": {"width": 7, "pair": [1e-7, 0.1]},
        "folder": "a/b",
        "names": {"ä": "b"},
        "note": None,
        "facts": {"n": [1, None, "x"]},
    }


def test_equal_records_are_equal_bytes(tmp_path: Path) -> None:
    write_record(tmp_path, SAMPLE)
    first = (tmp_path / "sample.json").read_bytes()
    write_record(tmp_path, read_record(tmp_path, Sample), overwrite=True)
    assert (tmp_path / "sample.json").read_bytes() == first


def test_a_record_is_replaced_only_when_asked_and_never_half(tmp_path: Path) -> None:
    write_record(tmp_path, SAMPLE)
    with pytest.raises(FileError, match="exists already"):
        write_record(tmp_path, SAMPLE)
    for impossible in (
        replace(SAMPLE, part=Part(100)),
        replace(SAMPLE, part=Part(1, (0.0, float("nan")))),
        replace(SAMPLE, names={"a": 1}),  # type: ignore[dict-item]
    ):
        with pytest.raises(ValueError, match=r"1 validation error|not JSON compliant"):
            write_record(tmp_path, impossible, overwrite=True)
    assert read_record(tmp_path, Sample) == SAMPLE
    assert [p.name for p in tmp_path.iterdir()] == ["sample.json"]


def test_what_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(CohortError) as caught:
        read_record(tmp_path, Sample)
    path = tmp_path / "sample.json"
    assert str(caught.value) == (
        f"{path} cannot be read (No such file or directory); draw it again"
    )


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"format": 2,}', b"[" * 10**5])
def test_what_is_no_json(tmp_path: Path, content: bytes) -> None:
    assert said(tmp_path, content).startswith("damaged: it is not JSON (")


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"names": None}, "'names' must be an object, got None"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"part": {"widht": 1}}, "unknown key 'part.widht'"),
        ({"part": {"width": "7"}}, "'part.width' must be a valid integer, got '7'"),
        ({"part": {"width": 0}}, "'part.width' must be at least 1, got 0"),
        ({"part": {"width": 10**30}}, f"'part.width' must be below 100, got {10**30}"),
        ({"part": {"pair": [1]}}, "'part.pair.1' is missing"),
        ({"part": {"pair": [2, 1]}}, "'part': a pair rises, got 2.0 to 1.0"),
        ({"part": {"pair": [1, float("nan")]}}, "'part.pair.1' must be a finite number, got nan"),
        ({"part": {"pair": [1, 2, 3]}}, "'part.pair' must have at most 2 entries, got [1, 2, 3]"),
        ({"note": "x" * 500, "names": 3}, "'names' must be an object, got 3"),
        ({"names": {"a": "x" * 500, "b": 1}}, "'names.b' must be a valid string, got 1"),
        ({"names": ["y" * 500]}, f"'names' must be an object, got ['{'y' * 58}..."),
    ],
)
def test_what_is_wrong_is_one_clause(tmp_path: Path, change: dict[str, Any], clause: str) -> None:
    assert said(tmp_path, json.dumps({**PLAIN, **change})) == f"damaged: {clause}"


def test_a_missing_key_and_another_kind_of_value(tmp_path: Path) -> None:
    assert said(tmp_path, "{}") == "damaged: 'format' is missing"
    assert said(tmp_path, "[1]") == "damaged: must be an object, got [1]"


def test_another_format_is_told_before_all_else(tmp_path: Path) -> None:
    other = "of format 9, and this version of mrtoct reads 2"
    assert said(tmp_path, json.dumps({**PLAIN, "format": 9})) == other
    assert said(tmp_path, '{"format": 9, "colour": 1}') == other
