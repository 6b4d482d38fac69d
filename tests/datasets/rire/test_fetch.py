"""Fetching from a loopback server that offers a phantom's archives, and what goes wrong."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from loopback import Fault, Loopback, closed_port
from mrtoct.datasets.rire.catalog import Archive
from mrtoct.datasets.rire.fetch import FetchResult, FetchSettings, fetch
from mrtoct.errors import FileError
from mrtoct.hardware.progress import Update
from mrtoct.io.alone import alone_in
from mrtoct.io.download import DownloadSettings
from mrtoct.io.files import read_volume
from mrtoct.phantom import PhantomSubject
from rire_archives import tar_gz

PATIENTS = ("patient_001", "patient_002", "patient_003")
ALL = [Archive(name, modality) for name in PATIENTS for modality in ("ct", "mr_T1")]
NAMES = [archive.name for archive in ALL]


class Fetch:
    def __init__(self, server: Loopback, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.waits: list[float] = []
        self.settings = FetchSettings(server.base, download=DownloadSettings(timeout=5))

    def __call__(self, archives: list[Archive] = ALL, **settings: object) -> FetchResult:
        chosen = replace(self.settings, **settings)
        return fetch(self.folder, archives, chosen, wait=self.waits.append)

    def files(self) -> dict[str, bytes]:
        found = (p for p in self.folder.rglob("*") if p.is_file() and p.name[0] != ".")
        return {p.relative_to(self.folder).as_posix(): p.read_bytes() for p in found}


@pytest.fixture
def get(server: Loopback, archives: dict[str, bytes], tmp_path: Path) -> Fetch:
    server.files.update(archives)
    return Fetch(server, tmp_path / "rire")


def test_every_kind_of_archive_becomes_the_same_scan(get: Fetch, phantom: PhantomSubject) -> None:
    result = get()
    assert (result.fetched, result.present, result.failed) == (NAMES, [], {})
    for patient in PATIENTS:
        for modality, made in {"ct": phantom.ct, "mr_T1": phantom.mr["T1"]}.items():
            read = read_volume(get.folder / patient / modality, "a.u.")
            assert (read.voxels[::-1, ::-1] == made.voxels).all()
            assert read.spacing == made.spacing
    notice = (get.folder / "RIRE-LICENSE.txt").read_text()
    assert "8R01EB002124-03" in notice and "Attribution 3.0" in notice
    assert not list(get.folder.rglob("*.tar.gz*"))


def test_a_second_run_asks_for_nothing(get: Fetch) -> None:
    get()
    before, asked = get.files(), len(get.server.requests)
    result = get()
    assert (result.fetched, result.present, result.failed) == ([], NAMES, {})
    assert len(get.server.requests) == asked
    assert get.files() == before


def test_archives_are_recorded_and_kept_on_request(get: Fetch, archives: dict[str, bytes]) -> None:
    get(keep_archives=True)
    record = json.loads((get.folder / "rire.json").read_text())["archives"]
    assert list(record) == sorted(NAMES)
    for archive in ALL:
        content = archives[archive.path]
        assert (get.folder / archive.path).read_bytes() == content
        assert record[archive.name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert record[archive.name]["size"] == len(content)
    kept = get.folder / ALL[0].path
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    result = get()
    assert "differs from the fetched file" in str(result.failed["patient_001/ct"])
    assert result.present == NAMES[1:]


def test_one_failure_does_not_stop_the_others(get: Fetch) -> None:
    missing = get.server.files.pop("patient_002/ct.tar.gz")
    result = get()
    assert result.fetched == [n for n in NAMES if n != "patient_002/ct"]
    assert list(result.failed) == ["patient_002/ct"]
    assert "404" in str(result.failed["patient_002/ct"])
    assert not (get.folder / "patient_002" / "ct").exists()
    get.server.files["patient_002/ct.tar.gz"] = missing
    get.server.requests.clear()
    assert get().fetched == ["patient_002/ct"]
    assert get.server.paths() == ["patient_002/ct.tar.gz"]


def test_faults_that_pass(get: Fetch) -> None:
    get.server.faults = {
        "patient_001/ct.tar.gz": [Fault(after=4_000), Fault(after=500, reset=True)],
        "patient_002/mr_T1.tar.gz": [Fault(503, {"Retry-After": "3"})],
        "patient_003/ct.tar.gz": [Fault(502), Fault(after=0)],
    }
    assert get().fetched == NAMES
    assert 3.0 in get.waits


def test_an_interrupted_download_goes_on_in_the_next_run(
    get: Fetch, archives: dict[str, bytes]
) -> None:
    path = "patient_001/ct.tar.gz"
    get.server.faults[path] = [Fault(after=5_000)]
    once = replace(get.settings.download, attempts=1)
    assert list(get(ALL[:1], download=once).failed) == ["patient_001/ct"]
    assert (get.folder / f"{path}.part").read_bytes() == archives[path][:5_000]
    assert get(ALL[:1]).fetched == ["patient_001/ct"]
    assert get.server.requests[-1][1]["Range"] == "bytes=5000-"
    assert not list(get.folder.rglob("*.part*"))


def test_a_changed_file_is_reported_and_not_taken(get: Fetch, archives: dict[str, bytes]) -> None:
    get(ALL[:2])
    record = (get.folder / "rire.json").read_text()
    before = (get.folder / "patient_001" / "ct" / "image.bin.Z").read_bytes()
    for file in (get.folder / "patient_001" / "ct").iterdir():
        file.unlink()
    (get.folder / "patient_001" / "ct").rmdir()
    # A scan of the same size with another content.
    get.server.files["patient_001/ct.tar.gz"] = archives["patient_002/ct.tar.gz"]
    result = get(ALL[:2])
    assert result.present == ["patient_001/mr_T1"]
    assert "changed since its first download" in str(result.failed["patient_001/ct"])
    assert (get.folder / "rire.json").read_text() == record
    assert not (get.folder / "patient_001" / "ct").exists()
    assert not list(get.folder.rglob("*.tar.gz*"))
    # The first version is taken again, the other only if asked for.
    get.server.files["patient_001/ct.tar.gz"] = archives["patient_001/ct.tar.gz"]
    assert get(ALL[:2]).fetched == ["patient_001/ct"]
    assert (get.folder / "patient_001" / "ct" / "image.bin.Z").read_bytes() == before
    get.server.files["patient_001/ct.tar.gz"] = archives["patient_002/ct.tar.gz"]
    assert get(ALL[:2], overwrite=True).fetched == NAMES[:2]
    assert {p.name for p in (get.folder / "patient_001" / "ct").iterdir()} == {
        "header.ascii",
        "image.bin",
    }
    assert (get.folder / "rire.json").read_text() != record


def malicious() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("../../../evil")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"evil"))
    return out.getvalue()


BAD = {
    "malicious": (malicious(), "outside its folder"),
    "a web page": (b"<html>Sign in to the network</html>", "neither by gzip nor by compress"),
    "no scan in it": (tar_gz({"readme.txt": b"hello"}, "patient_001/ct"), "header.ascii"),
    "header without image": (tar_gz({"header.ascii": b"Rows := 3\n"}), "header"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_archives_leave_nothing_and_are_asked_for_again(
    name: str, get: Fetch, archives: dict[str, bytes]
) -> None:
    content, said = BAD[name]
    get.server.files["patient_001/ct.tar.gz"] = content
    result = get(ALL[:2])
    assert said in str(result.failed["patient_001/ct"])
    assert ".part-" not in str(result.failed["patient_001/ct"])
    assert result.fetched == ["patient_001/mr_T1"]
    assert {p.name for p in (get.folder / "patient_001").iterdir()} == {"mr_T1"}
    assert not list(get.folder.parent.rglob("evil"))
    get.server.files["patient_001/ct.tar.gz"] = archives["patient_001/ct.tar.gz"]
    assert get(ALL[:2]).fetched == ["patient_001/ct"]


def test_an_image_that_is_too_short_is_no_scan(get: Fetch, written: Path) -> None:
    header = (written / "ct" / "header.ascii").read_bytes()
    get.server.files["patient_001/ct.tar.gz"] = tar_gz(
        {"header.ascii": header, "image.bin": bytes(1000)}, "patient_001/ct"
    )
    failed = str(get(ALL[:1]).failed["patient_001/ct"])
    assert "image.bin holds 1000 bytes" in failed


def test_nobody_there_is_found_out_once(get: Fetch) -> None:
    base = f"http://127.0.0.1:{closed_port()}/"
    result = get(base=base, workers=1)
    assert list(result.failed) == NAMES
    assert get.waits == [1, 2, 4, 8]  # of the first; the others did not try
    assert all("no connection" in str(reason) for reason in result.failed.values())


def test_what_is_there_and_was_not_fetched_is_left_alone(get: Fetch) -> None:
    own = get.folder / "patient_001" / "ct" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_text("precious")
    result = get(ALL[:2])
    assert "was not fetched" in str(result.failed["patient_001/ct"])
    assert own.read_text() == "precious"


def test_what_was_damaged_since_is_named(get: Fetch) -> None:
    get(ALL[:2])
    (get.folder / "patient_001" / "ct" / "image.bin.Z").write_bytes(b"cut")
    (get.folder / "patient_001" / "mr_T1" / "header.ascii").unlink()
    failed = get(ALL[:2]).failed
    assert "has 3 bytes, not" in str(failed["patient_001/ct"])
    assert "header.ascii is missing" in str(failed["patient_001/mr_T1"])
    assert get(ALL[:2], overwrite=True).fetched == NAMES[:2]


def test_training_archives_lie_at_the_top(
    get: Fetch, archives: dict[str, bytes], written: Path
) -> None:
    standard = (written / "truth" / "ct_T1.standard").read_bytes()
    get.server.files["ct.tar.gz"] = archives["patient_001/ct.tar.gz"]
    get.server.files["transformations.tar.gz"] = tar_gz(
        {"ct_T1.standard": standard}, "training_001/transformations"
    )
    wanted = [Archive("training_001", "ct"), Archive("training_001", "transformations")]
    assert get(wanted).fetched == ["training_001/ct", "training_001/transformations"]
    home = get.folder / "training_001"
    assert (home / "transformations" / "ct_T1.standard").read_bytes() == standard
    assert (home / "ct" / "header.ascii").is_file()


def test_several_at_once(get: Fetch) -> None:
    together = threading.Barrier(3, timeout=5)
    held: list[str] = []

    def hear(update: Update) -> None:
        name = update.note.split()[0]
        if name not in held and len(held) < 3:
            held.append(name)
            together.wait()  # passes only if three downloads are under way

    fetch(get.folder, ALL, replace(get.settings, workers=3), watcher=hear)
    assert len(set(held)) == 3


def test_two_fetches_do_not_share_a_folder(get: Fetch) -> None:
    get.folder.mkdir(parents=True)
    with (
        alone_in(get.folder, "mrtoct fetch"),
        pytest.raises(FileError, match="another mrtoct fetch"),
    ):
        get()


def test_an_interruption_keeps_what_was_finished(get: Fetch) -> None:
    def hear(update: Update) -> None:
        if update.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(get.folder, ALL, replace(get.settings, workers=1), watcher=hear)
    asked = len(get.server.requests)
    assert asked <= 3
    result = get()
    assert len(result.present) >= 2
    assert result.fetched + result.present and not result.failed
    assert sorted(result.fetched + result.present) == sorted(NAMES)


def test_killed_as_a_scan_appears_it_is_still_known_as_fetched(
    get: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """Nothing that runs after it is run when a process is killed."""

    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        rename(self, target)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KilledError):
            get(ALL[:1])
    assert (get.folder / "patient_001" / "ct" / "header.ascii").is_file()
    result = get(ALL[:1])
    assert (result.failed, result.present) == ({}, NAMES[:1])


def test_a_full_disk_is_one_of_our_errors(get: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mrtoct.io.download.os.fsync", full)
    error = get(ALL[:1]).failed["patient_001/ct"]
    assert type(error) is FileError
    assert str(error) == "patient_001/ct: No space left on device"
