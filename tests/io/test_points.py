from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.io.points import read_points


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("a.csv", "name,x,y,z\nsella,1,-2.5,3e1\nclivus,0,0,0\n", ["sella", "clivus"]),
        ("a.csv", "\ufeffX, Y, z\r\n1,-2.5,30\r\n0,0,0\r\n", ["1", "2"]),
        ("a.tsv", "z\ty\tx\tname\n30\t-2.5\t1\tsella\n0\t0\t0\t\n", ["sella", "2"]),
    ],
)
def test_tables(name: str, text: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found, points = read_points(tmp_path / name)
    assert found == names
    np.testing.assert_array_equal(points, [[1, -2.5, 30], [0, 0, 0]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n", "needs the columns x, y and z; it has x, y"),
        ("", "it has none"),
        ("x,y,z\n", "no points"),
        ("x,y,z\n1,2,3\n1,2\n", "point 2 does not have three numbers"),
        ("x,y,z\n1,2,here\n", "point 1 does not have three numbers"),
        ("x,y,z\n1,2,nan\n", "NaN"),
        ("x,y,z\n1,2,-1e200\n", "impossibly large"),
    ],
)
def test_what_is_no_table_of_points(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileError, match=said):
        read_points(tmp_path / "a.csv")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        read_points(tmp_path / "none.csv")
