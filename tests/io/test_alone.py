"""One process at a time in a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mrtoct.errors import FileError
from mrtoct.io.alone import LOCK, alone_in
from mrtoct.io.atomic import is_empty

HOLDS = """
import sys
from pathlib import Path
from mrtoct.io.alone import alone_in
with alone_in(Path(sys.argv[1]), "training"):
    print("in", flush=True)
    sys.stdin.readline()
"""


def test_another_process_is_kept_out_until_it_ends_or_is_killed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        assert is_empty(run)  # a lock is nothing that could be overwritten
        with (
            pytest.raises(FileError, match=r"another training is running in .*run; wait"),
            alone_in(run, "training"),
        ):
            pass
        other.kill()
    assert (run / LOCK).exists()
    with alone_in(run, "training"):
        (run / "made").touch()
    assert [path.name for path in run.iterdir()] == ["made"]


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), alone_in(tmp_path / "run", "training"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(FileError, match="is a file"), alone_in(tmp_path / "run", "training"):
        pass
