"""curves.csv: exact numbers there and back, and nothing of a run that was killed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mrtoct.errors import FileError
from mrtoct.training.curves import CurvePoint, Curves, read_curves

POINTS = [
    CurvePoint(10, 1.5, 2e-4, 1 / 3, 123.456789012345),
    CurvePoint(20, 3.25, 1e-300, 0.1 + 0.2, None),
    CurvePoint(30, 5.0, 0.0, 1e-17, 0.0),
]


def filled(run: Path) -> Path:
    run.mkdir()
    curves = Curves(run)
    for point in POINTS:
        curves.add(point)
    return run


def test_every_number_comes_back_exactly(tmp_path: Path) -> None:
    assert read_curves(filled(tmp_path / "run")) == POINTS


def test_it_is_plain_csv(tmp_path: Path) -> None:
    with (filled(tmp_path / "run") / "curves.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["step"] for r in rows] == ["10", "20", "30"]
    assert [r["validation_mae"] for r in rows] == ["123.456789012345", "", "0.0"]
    assert list(rows[0]) == ["step", "seconds", "learning_rate", "train_loss", "validation_mae"]


def test_rows_are_on_disk_at_once(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    for n, point in enumerate(POINTS, start=1):
        curves.add(point)
        assert read_curves(tmp_path) == POINTS[:n]


def test_going_on_drops_what_came_after(tmp_path: Path) -> None:
    run = filled(tmp_path / "run")
    curves = Curves(run, until=20)
    again = CurvePoint(30, 9.0, 0.0, 2.0, 3.0)
    curves.add(again)
    assert read_curves(run) == [*POINTS[:2], again]


def test_no_file_no_rows(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == []


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"step,seconds\n1\n", b"\xff\xfe\x00\n\x00"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    run = filled(tmp_path / "run")
    (run / "curves.csv").write_bytes(content)
    with pytest.raises(FileError, match=r"curves\.csv is damaged"):
        read_curves(run)
