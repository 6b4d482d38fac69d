"""Archives that are damaged or mean harm leave nothing behind."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.io.archive import Limits, extract
from mrtoct.io.unpack import pack
from rire_archives import tar_gz

Make = Callable[[tarfile.TarFile], None]


def archive_of(tmp_path: Path, content: bytes) -> tuple[Path, Path]:
    path, folder = tmp_path / "ct.tar.gz", tmp_path / "scans" / "ct"
    path.write_bytes(content)
    folder.mkdir(parents=True)
    return path, folder


def tar_with(make: Make) -> bytes:
    """A harmless file, something else, and another harmless file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        add(tar, "patient_001/ct/header.ascii")
        make(tar)
        add(tar, "patient_001/ct/image.bin")
    return out.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes = b"voxels", **values: object) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for key, value in values.items():
        setattr(entry, key, value)
    tar.addfile(entry, io.BytesIO(content))


def kind(name: str, kind: bytes, linkname: str = "") -> Make:
    return lambda tar: add(tar, name, b"", type=kind, linkname=linkname, devmajor=1, devminor=3)


HARMFUL: dict[str, Make] = {
    "upwards": lambda tar: add(tar, "../../evil"),
    "upwards within": lambda tar: add(tar, "patient_001/ct/../../../evil"),
    "absolute": lambda tar: add(tar, "/tmp/evil"),
    "backslashes": lambda tar: add(tar, "..\\..\\evil"),
    "drive": lambda tar: add(tar, "C:evil"),
    "symbolic link": kind("patient_001/ct/evil", tarfile.SYMTYPE, "/etc/passwd"),
    "symbolic link upwards": kind("patient_001/ct/evil", tarfile.SYMTYPE, "../.."),
    "hard link": kind("patient_001/ct/evil", tarfile.LNKTYPE, "patient_001/ct/header.ascii"),
    "character device": kind("patient_001/ct/evil", tarfile.CHRTYPE),
    "block device": kind("patient_001/ct/evil", tarfile.BLKTYPE),
    "pipe": kind("patient_001/ct/evil", tarfile.FIFOTYPE),
    "folder upwards": kind("../evil", tarfile.DIRTYPE),
    "one name twice": lambda tar: add(tar, "patient_001/ct/HEADER.ascii"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_archives_are_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, tar_with(HARMFUL[name]))
    with pytest.raises(FileError, match=r"^ct\.tar\.gz: "):
        extract(path, folder)
    assert {p.name for p in tmp_path.rglob("*")} == {"ct.tar.gz", "scans", "ct"}
    assert not Path("/tmp/evil").exists()


def test_a_link_cannot_lead_a_later_file_outside(tmp_path: Path) -> None:
    def through_link(tar: tarfile.TarFile) -> None:
        add(tar, "out", b"", type=tarfile.SYMTYPE, linkname=str(tmp_path))
        add(tar, "out/evil")

    path, folder = archive_of(tmp_path, tar_with(through_link))
    with pytest.raises(FileError, match="link or a device"):
        extract(path, folder)
    assert not (tmp_path / "evil").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    content = tar_gz({"image.bin": bytes(20 << 20)})
    assert len(content) < 30_000
    path, folder = archive_of(tmp_path, content)
    with pytest.raises(FileError, match="the limit"):
        extract(path, folder, Limits(bytes=10 << 20))
    assert list(folder.iterdir()) == []


def test_a_bomb_in_a_header_is_not_unpacked(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("a")
    entry.pax_headers = {"comment": "x" * 2_000_000}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(entry)
    path, folder = archive_of(tmp_path, out.getvalue())
    with pytest.raises(FileError, match="the limit"):
        extract(path, folder, Limits(bytes=1_000_000))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
def test_too_many_files(kind: bytes, tmp_path: Path) -> None:
    def many(tar: tarfile.TarFile) -> None:
        for n in range(250):
            add(tar, f"n/{n}", b"", type=kind)

    path, folder = archive_of(tmp_path, tar_with(many))
    with pytest.raises(FileError, match="more than 100 files"):
        extract(path, folder)


def damage(content: bytes) -> dict[str, bytes]:
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 0x40
    return {
        "cut short": content[: len(content) // 2],
        "without its last byte": content[:-1],
        "one bit flipped": bytes(flipped),
        "wrong checksum": content[:-8] + bytes(4) + content[-4:],
        "a web page": b"<html>No such file</html>",
        "empty": b"",
        "gzip of no tar": gzip.compress(b"not a tar at all, but longer than one block" * 40),
        "tar of nothing": tar_gz({}),
        "compress cut": pack(b"")[:3],
    }


SCAN = {"header.ascii": b"Rows := 2\n", "image.bin": np.random.default_rng(3).bytes(50_000)}


@pytest.mark.parametrize("name", damage(b"x" * 99))
def test_damaged_archives_leave_nothing(name: str, tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, damage(tar_gz(SCAN, "patient_001/ct"))[name])
    with pytest.raises(FileError, match=r"ct\.tar\.gz"):
        extract(path, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("shared", ["patient_001/ct", "ct", "./patient_001/ct", ""])
def test_files_come_out_without_the_folders_they_share(shared: str, tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, tar_gz(SCAN, shared))
    extract(path, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == SCAN


def test_an_inner_folder_stays(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, tar_gz({"a": b"1", "b/c": b"2"}, "x/y"))
    extract(path, folder)
    assert (folder / "a").read_bytes() == b"1"
    assert (folder / "b" / "c").read_bytes() == b"2"


def test_no_permission_of_the_archive_is_taken(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, tar_gz(SCAN, "ct"))  # which sets the user id on execution
    extract(path, folder)
    for file in folder.iterdir():
        mode = file.stat().st_mode
        assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR), oct(mode)


def test_a_name_does_not_decide_how_it_is_packed(tmp_path: Path) -> None:
    path, folder = archive_of(tmp_path, pack(gzip.decompress(tar_gz(SCAN, "ct"))))
    extract(path, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == SCAN


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["."], "outside its folder"),
        ([""], "outside its folder"),
        (["ct/a", "ct/a"], "would have one name"),
        (["ct/a", "ct/A"], "would have one name"),
        (["ct/a", "ct/a/b"], "would have one name"),
        (["ct/a/b", "ct/A"], "would have one name"),
    ],
)
def test_files_that_cannot_stand_beside_each_other(
    names: list[str], said: str, tmp_path: Path
) -> None:
    path, folder = archive_of(tmp_path, tar_with(lambda tar: [add(tar, n) for n in names]))
    with pytest.raises(FileError, match=said):
        extract(path, folder)
    assert list(folder.iterdir()) == []
