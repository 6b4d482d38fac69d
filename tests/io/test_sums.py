"""Sums beside files: as sha256sum reads them, and any change is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mrtoct.errors import FileError
from mrtoct.io.sums import SUMS, changed_since, sha256_of, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "inner").mkdir()
    write_sums(tmp_path)
    return tmp_path


def test_they_are_those_of_sha256sum(folder: Path) -> None:
    # FIPS 180-2, appendix B.1, and the sum of nothing
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert (folder / SUMS).read_bytes() == f"{abc}  a\n{nothing}  b\n".encode()
    assert sha256_of(folder / "a") == abc


def test_what_changed_is_named(folder: Path) -> None:
    assert changed_since(folder, ("a", "b")) == []
    (folder / "a").write_bytes(b"abd")
    (folder / "c").write_bytes(b"new")
    assert changed_since(folder, ("a", "b", "c")) == ["a", "c"]
    (folder / SUMS).unlink()
    assert changed_since(folder, ("a", "b", "c")) == []


@pytest.mark.parametrize("text", ["a", "0" * 63 + "  a", "0" * 64 + "  x/a", "0" * 64 + " a"])
def test_damaged_sums_are_named(folder: Path, text: str) -> None:
    (folder / SUMS).write_text(text)
    with pytest.raises(FileError, match="SHA256SUMS is damaged"):
        changed_since(folder, ("a",))


def test_what_cannot_be_read_is_named(folder: Path) -> None:
    (folder / SUMS).write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="SHA256SUMS cannot be read"):
        changed_since(folder, ("a",))
    with pytest.raises(FileError, match="gone cannot be read: No such file"):
        sha256_of(folder / "gone")
    assert hashlib.sha256(b"").hexdigest() == sha256_of(folder / "b")
