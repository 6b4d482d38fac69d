"""Errors read well in Python and in a terminal, and survive a trip between processes."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

import mrtoct
from mrtoct.cli.terminal import in_words
from mrtoct.errors import MOST_LETTERS, FileError, MrtoctError

ERROR = FileError("run exists already", resume="to go on", overwrite="to start anew")


def test_python_reads_arguments() -> None:
    said = "run exists already; pass resume=True to go on or overwrite=True to start anew"
    assert str(ERROR) == said
    assert str(MrtoctError("only this")) == "only this"


def test_a_terminal_reads_the_options_that_its_command_has() -> None:
    def train(resume: bool, overwrite: bool, keep_doubtful: bool) -> None: ...
    def tour(overwrite: bool) -> None: ...
    def check(workers: int) -> None: ...

    said = "run exists already; pass --resume to go on or --overwrite to start anew"
    assert in_words(ERROR, train) == said
    assert in_words(ERROR, tour) == "run exists already; pass --overwrite to start anew"
    assert in_words(ERROR, check) == "run exists already"
    assert in_words(FileError("no", keep_doubtful="to go on"), train) == (
        "no; pass --keep-doubtful to go on"
    )


def test_a_name_before_the_message_and_a_pickle_change_nothing_else() -> None:
    for error in (ERROR.about("store"), pickle.loads(pickle.dumps(ERROR.about("store")))):
        assert type(error) is FileError
        assert str(error) == f"store: {ERROR}"
        assert error.ways_out == ERROR.ways_out


LIBRARY = Path(mrtoct.__file__).parent
MODULES = sorted(p for p in LIBRARY.rglob("*.py") if "cli" not in p.relative_to(LIBRARY).parts)


@pytest.mark.parametrize("room", sorted({p.relative_to(LIBRARY).parts[0] for p in MODULES}))
def test_the_library_knows_no_flags(room: str) -> None:
    """What it says is read in Python, too: MrtoctError's keywords name what would help."""
    for path in MODULES:
        name = path.relative_to(LIBRARY)
        if name.parts[0] != room:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if said and "pip install" not in node.value:  # pip's own flags are not ours
                assert not re.search(r"(?<![\w(-])--[a-z]", node.value), f"{path}:{node.lineno}"


def test_what_a_file_says_cannot_break_or_colour_a_terminal() -> None:
    said = "a\nb\x1b[31m\u202e\udcff\0 é\u3000\xa0😀"
    error = FileError(said)
    assert str(error) == "a\\nb\\x1b[31m\\u202e\\udcff\\x00 é\u3000\xa0😀"
    assert str(pickle.loads(pickle.dumps(error.about("x")))) == f"x: {error}"
    str(error).encode()  # half a letter could not be printed


def test_an_endless_message_keeps_its_beginning_and_its_end() -> None:
    for word in ("x" * 70_000, "\0" * 70_000):
        text = str(FileError(f"begin {word} end"))
        assert text.startswith("begin ")
        assert text.endswith(" end")
        assert "[...]" in text
        assert len(text) <= MOST_LETTERS
