"""The fault suite in short: a few damaged files into every reader, a few kills."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="bounds of a process are POSIX's")

from benchmarks.faults.isolation import MEMORY, run_cases
from benchmarks.faults.mutate import Inputs, mutate, notes
from benchmarks.faults.readers import READERS
from benchmarks.faults.summary import table

from mrtoct.errors import FileError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")


@pytest.mark.parametrize("name", READERS)
def test_whole_samples_are_read(name: str, tmp_path: Path) -> None:
    inputs = Inputs(READERS[name], name, 1, tmp_path)
    refused = []
    for number in range(len(inputs.samples)):
        try:
            READERS[name].read(tmp_path / str(number))
        except FileError as error:
            refused.append(str(error))
        except Exception as error:
            if "is not rigid" not in str(error):  # similarities, asked for as rigid ones
                raise
    # The only one that no decoder at hand takes.
    assert [said for said in refused if "JPEG-LS" not in said] == []


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_a_value_or_in_our_error(name: str, tmp_path: Path) -> None:
    count = 60 * READERS[name].share
    ((part, outcome),) = mutate(tmp_path, [name], seed=1, count=count)
    assert outcome.faults == ()
    assert outcome.cases == outcome.refused + outcome.read == part.count == count
    assert outcome.refused > count / 20
    assert f"| {name} | {count} | {outcome.refused} |" in table(tmp_path)
    assert list(mutate(tmp_path, [name], seed=1, count=count)) == []  # done already


def test_a_case_is_the_same_again(tmp_path: Path) -> None:
    first, second = (Inputs(READERS["nifti"], "nifti", 3, tmp_path / n) for n in "ab")
    assert [first.damaged(n) for n in range(20)] == [second.damaged(n) for n in range(20)]
    other = Inputs(READERS["nifti"], "nifti", 4, tmp_path / "c")
    assert [first.damaged(n) for n in range(20)] != [other.damaged(n) for n in range(20)]


def faulty(number: int) -> None:
    if number == 3:
        raise FileError("refused")
    if number == 5:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 7:
        bytearray(2 * MEMORY)
    if number == 9:
        raise KeyError("not ours")
    if number == 11:
        end = time.process_time() + 60
        while time.process_time() < end:
            pass


def test_every_way_to_fail_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.faults.isolation.SECONDS", 0.3)
    outcome = run_cases(faulty, 0, 13, tmp_path)
    assert [(f.number, f.kind) for f in outcome.faults] == [
        (5, "SIGSEGV"),
        (7, "MemoryError"),
        (9, "KeyError"),
        (11, "more than 0.3 s"),
    ]
    assert (outcome.cases, outcome.refused, outcome.read) == (13, 1, 8)
    assert "faulty" in outcome.faults[2].where
    assert "faulty" in outcome.faults[3].where


def test_a_fault_is_kept_with_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("benchmarks.faults.readers._points", broken)
    reader = READERS["points"]
    monkeypatch.setitem(READERS, "points", type(reader)(reader.samples, reader.damage, broken))
    ((_, outcome),) = mutate(tmp_path, ["points"], seed=1, count=2)
    assert [fault.kind for fault in outcome.faults] == ["ZeroDivisionError"] * 2
    kept = tmp_path / "points-1-1"
    text = (kept / "FAULT.txt").read_text()
    assert "mutate OUT --reader points --seed 1 --first 1 --count 1" in text
    assert len(list(kept.iterdir())) == 2
    assert [part.reader for part, _ in notes(tmp_path)] == ["points"]
