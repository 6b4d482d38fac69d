"""Whole or not there: failures, interruptions and full disks leave nothing behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrtoct.errors import FileError
from mrtoct.io import atomic
from mrtoct.io.atomic import new_file, new_folder, write_text


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_whole_with_missing_parents(tmp_path):
    target = tmp_path / "a" / "b" / "note.txt"
    with new_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.suffix == ".txt"
    assert target.read_text() == "whole"
    assert names(tmp_path / "a" / "b") == ["note.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
@pytest.mark.parametrize("before", [None, "old"])
def test_an_interrupted_file_leaves_only_what_was_there(tmp_path, error, before):
    target = tmp_path / "note.txt"
    if before:
        target.write_text(before)
    with pytest.raises(error), new_file(target, overwrite=True) as part:
        part.write_text("half")
        raise error
    assert names(tmp_path) == (["note.txt"] if before else [])
    assert not before or target.read_text() == before


def test_an_existing_file_needs_overwrite(tmp_path):
    target = tmp_path / "note.txt"
    write_text(target, "old")
    with pytest.raises(FileError, match=r"note\.txt exists already; pass overwrite=True"):
        write_text(target, "new")
    assert target.read_text() == "old"
    write_text(target, "new", overwrite=True)
    assert target.read_text() == "new"
    assert names(tmp_path) == ["note.txt"]


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "note.txt"
    target.write_text("old")
    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(FileError) as caught:
        write_text(target, "new", overwrite=True)
    assert str(caught.value) == f"cannot write {target}: No space left on device"
    assert target.read_text() == "old"
    assert names(tmp_path) == ["note.txt"]


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    def refuse(self: Path, *_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    for step in ("write_text", "exists", "mkdir", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, step, refuse)
            with pytest.raises(FileError, match=r"cannot write .*note\.txt: Permission denied"):
                write_text(tmp_path / "note.txt", "new")
        assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"cannot write .*note\.txt: .*file"):
        write_text(tmp_path / "file" / "note.txt", "x")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", [".", "..", "/", "sub"])
def test_a_folder_given_as_a_file(tmp_path, monkeypatch, name):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError, match="is a folder; a file name is needed"):
        write_text(Path(name), "x", overwrite=True)
    assert names(tmp_path) == ["sub"]


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(FileError, match="too long"):
        write_text(tmp_path / ("x" * 300), "x")
    assert names(tmp_path) == []


def test_an_error_with_another_file_names_it(tmp_path):
    source = tmp_path / "absent"
    with (
        pytest.raises(FileError, match=r"cannot write .*note: No such file .*absent"),
        new_file(tmp_path / "note") as part,
    ):
        part.write_bytes(source.read_bytes())


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "a" / "run"
    with new_folder(target) as part:
        (part / "one").write_text("1")
        assert not target.exists()
    assert names(tmp_path / "a") == ["run", "run/one"]
    # Others may read it if they may read what the user makes anyway.
    (tmp_path / "plain").mkdir()
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("")
    with pytest.raises(FileError, match="exists already"), new_folder(target):
        pass
    with new_folder(target, overwrite=True) as part:
        (part / "new").write_text("")
    assert names(tmp_path) == ["run", "run/new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("existing", [True, False])
def test_an_interrupted_folder_leaves_only_what_was_there(tmp_path, error, existing):
    target = tmp_path / "run"
    if existing:
        target.mkdir()
        (target / "old").write_text("")
    with pytest.raises(error), new_folder(target, overwrite=True) as part:
        (part / "half").write_text("")
        raise error
    assert names(tmp_path) == (["run", "run/old"] if existing else [])


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interruption_between_the_renames_brings_the_old_folder_back(
    tmp_path, monkeypatch, error
):
    target = tmp_path / "run"
    target.mkdir()
    (target / "old").write_text("")
    rename = Path.rename

    def fails_for_the_new_one(self: Path, to: Path):
        if Path(to) == target and not self.name.startswith(".part-former-"):
            raise error
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails_for_the_new_one)
    monkeypatch.setattr(atomic, "_exchanged", lambda *_: False)  # as where there is no such call
    with (
        pytest.raises(FileError if error is OSError else error),
        new_folder(target, overwrite=True) as part,
    ):
        (part / "new").write_text("")
    assert names(tmp_path) == ["run", "run/old"]


def test_a_file_or_a_folder_one_works_in_is_never_replaced_by_a_folder(tmp_path, monkeypatch):
    work = tmp_path / "home" / "work"
    work.mkdir(parents=True)
    (work / "precious").write_text("")
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (".", "..", str(work), str(tmp_path), "/", "~"):
        with (
            pytest.raises(FileError, match="cannot be replaced"),
            new_folder(Path(name).expanduser(), overwrite=True),
        ):
            pass
    monkeypatch.chdir("/")
    with (
        pytest.raises(FileError, match="cannot be replaced"),
        new_folder(tmp_path / "home", overwrite=True),
    ):
        pass
    with (
        pytest.raises(FileError, match="is a file; a folder name"),
        new_folder(work / "precious", overwrite=True),
    ):
        pass
    assert names(tmp_path) == ["home", "home/work", "home/work/precious"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with new_folder(tmp_path / "link", overwrite=True) as part:
        (part / "new").write_text("")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path) == ["link", "real", "real/new"]


def test_what_a_killed_run_left_does_no_harm(tmp_path):
    with new_folder(tmp_path / "run") as part:
        left = part
    left.mkdir()
    (left / "stale").write_text("")
    with new_folder(tmp_path / "run", overwrite=True) as part:
        assert part == left
        assert names(part) == []
    assert names(tmp_path) == ["run"]


@pytest.fixture
def ended() -> str:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return str(process.pid)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can ask whether a process runs")
def test_what_a_killed_process_left_is_taken_away_by_the_next(tmp_path, ended):
    own = f".part-{atomic._machine()}-"
    kept = [
        f"{own}{ended}-other",  # of another file
        f"{own}{os.getppid()}-note",  # of a process at work
        f".part-000000-{ended}-note",  # of another machine
        f"{own}{ended}-a-note",
    ]
    inner = f"{own}{ended}-{own}{ended}-note"  # in a folder that was being made
    for name in [*kept, f"{own}{ended}-note", inner]:
        (tmp_path / name).write_text("half")
    (tmp_path / f"{own}{ended}-run").mkdir()
    (tmp_path / f"{own}{ended}-run" / "one").write_text("half")
    write_text(tmp_path / "note", "1")
    with new_folder(tmp_path / "run") as part:
        (part / "one").write_text("1")
    assert names(tmp_path) == sorted([*kept, "note", "run", "run/one"])
    assert (tmp_path / "run" / "one").read_text() == "1"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can ask whether a process runs")
def test_a_process_killed_between_two_renames_has_lost_nothing(tmp_path, ended):
    former = tmp_path / f".part-former-{atomic._machine()}-{ended}-run"
    former.mkdir()
    (former / "old").write_text("1")
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "run", overwrite=True):
        raise ZeroDivisionError
    assert names(tmp_path) == ["run", "run/old"]


@pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux's")
def test_a_folder_is_never_absent_while_it_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(Path, "rename", None)  # which would leave a moment without
    with new_folder(tmp_path / "run", overwrite=True) as part:
        (part / "new").write_text("")
    assert names(tmp_path) == ["run", "run/new"]


def test_the_slower_of_two_writers_does_not_replace_what_the_other_made(tmp_path):
    with pytest.raises(FileError, match="note exists already"), new_file(tmp_path / "note") as part:
        part.write_text("slow")
        (tmp_path / "note").write_text("quick")
    with pytest.raises(FileError, match="run exists already"), new_folder(tmp_path / "run"):
        (tmp_path / "run").mkdir()
    assert names(tmp_path) == ["note", "run"]
    assert (tmp_path / "note").read_text() == "quick"


def test_a_folder_with_nothing_but_what_a_kill_left_is_empty(tmp_path):
    assert atomic.is_empty(tmp_path)
    (tmp_path / ".part-123abc-1-run.json").write_text("half")
    assert atomic.is_empty(tmp_path)
    (tmp_path / ".hidden").write_text("")
    assert not atomic.is_empty(tmp_path)


def test_a_full_disk_while_filling_a_folder(tmp_path):
    with (
        pytest.raises(FileError, match=r"run: No space left on device$"),
        new_folder(tmp_path / "run") as part,
    ):
        (part / "half").write_text("")
        full_disk()
    assert names(tmp_path) == []


def test_an_error_inside_a_new_folder_names_the_folder_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    with pytest.raises(FileError) as caught, new_folder(target) as part:
        write_text(part / "a.json", "1")
        write_text(part / "a.json", "2")
    assert str(target / "a.json") in str(caught.value)
    assert ".part-" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
