"""Fetch archives of RIRE into FOLDER/<subject>/<modality>/, several at once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import httpx

from mrtoct.datasets.rire.catalog import ACKNOWLEDGEMENT, BASE, LICENSE, TRANSFORMATIONS, Archive
from mrtoct.errors import FileError, MrtoctError
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.alone import alone_in
from mrtoct.io.archive import extract
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.io.download import DownloadSettings, UnreachableError, download
from mrtoct.io.files import read_volume
from mrtoct.io.rire.image import volume_file
from mrtoct.io.rire.transform import is_rire_transform, read_rire_transform

RECORD = "rire.json"
"""In FOLDER: size and sha256 of each archive at its first download, and the files it gave."""

NOTICE = "RIRE-LICENSE.txt"
"""In FOLDER: licence and acknowledgement; written once the licence is accepted."""

Outcome = Literal["fetched", "present"]


@dataclass(frozen=True)
class FetchSettings:
    """From where, how many at once, and what becomes of what is there."""

    base: str = BASE
    workers: int = 4
    keep_archives: bool = False
    """Keep FOLDER/<subject>/<modality>.tar.gz when its files are extracted."""
    overwrite: bool = False
    """Download everything anew and put it in the place of what is there."""
    download: DownloadSettings = field(default_factory=DownloadSettings)


@dataclass
class FetchResult:
    """What became of each archive, by its name (patient_001/ct)."""

    fetched: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: dict[str, MrtoctError] = field(default_factory=dict)
    """With the reason."""


def fetch(
    folder: Path,
    archives: Sequence[Archive],
    settings: FetchSettings | None = None,
    *,
    wait: Callable[[float], object] | None = None,
    watcher: Watcher = nobody,
) -> FetchResult:
    """Download, check and extract archives; one that fails does not stop the others.

    Each becomes FOLDER/<subject>/<modality>/ as a whole or not at all. What is there already is
    not downloaded again. The sha256 of each first download is kept in FOLDER/rire.json: a file
    that differs later is reported and not taken, unless settings.overwrite. watcher is told of
    archives that are done and of bytes on the way, from several threads. To fetch is to accept the
    licence. Raises FileError if another fetch works in the folder.
    """
    settings = settings or FetchSettings()
    write_text(folder / NOTICE, f"{LICENSE}\n\n{ACKNOWLEDGEMENT}\n", overwrite=True)
    stop = threading.Event()

    def told(done: int, note: str) -> None:
        watcher(Update(done, len(archives), note))

    job = _Job(folder, settings, _Records(folder / RECORD), stop, wait or stop.wait, told)
    result = FetchResult()
    headers = {"Accept-Encoding": "identity", "User-Agent": f"mrtoct/{version('mrtoct')}"}
    timeout = settings.download.timeout
    with (
        alone_in(folder, "mrtoct fetch"),
        httpx.Client(headers=headers, timeout=timeout, follow_redirects=True) as client,
        ThreadPoolExecutor(settings.workers) as pool,
    ):
        waiting = {pool.submit(job.run, client, archive): archive for archive in archives}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                name = waiting[future].name
                try:
                    (result.fetched if future.result() == "fetched" else result.present).append(
                        name
                    )
                except MrtoctError as error:
                    result.failed[name] = error
                except OSError as error:  # such as a full disk
                    result.failed[name] = FileError(f"{name}: {error.strerror or error}")
                job.done = done
                told(done, name)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    order = [archive.name for archive in archives]
    result.fetched.sort(key=order.index)
    result.present.sort(key=order.index)
    result.failed = {name: result.failed[name] for name in order if name in result.failed}
    return result


class _Records:
    """FOLDER/rire.json, shared by the threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        try:
            self.archives: dict[str, dict[str, Any]] = (
                json.loads(path.read_text(encoding="utf-8"))["archives"] if path.exists() else {}
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(
                f"{path} is damaged; remove it to record the downloads again"
            ) from error

    def set(self, name: str, record: dict[str, Any]) -> None:
        with self.lock:
            self.archives[name] = record
            whole = {"archives": dict(sorted(self.archives.items()))}
            write_text(self.path, json.dumps(whole, indent=1) + "\n", overwrite=True)


@dataclass
class _Job:
    """What the threads share."""

    folder: Path
    settings: FetchSettings
    records: _Records
    stop: threading.Event
    wait: Callable[[float], object]
    tell: Callable[[int, str], None]
    done: int = 0
    answered: bool = False
    """Some server answered some request."""
    unreachable: str = ""
    """Why nobody was reached, if that is so: the others need not find out for themselves."""

    def run(self, client: httpx.Client, archive: Archive) -> Outcome:
        """Bring one archive's files into their folder."""
        home = self.folder / archive.subject / archive.modality
        record = self.records.archives.get(archive.name)
        packed = self.folder / archive.subject / f"{archive.modality}.tar.gz"
        if not self.settings.overwrite and home.exists():
            _require_present(home, packed, record)
            return "present"
        if self.settings.overwrite or not packed.exists():
            self._download(client, archive, packed)
        size, sha256 = packed.stat().st_size, _sha256(packed)
        if record and sha256 != record["sha256"] and not self.settings.overwrite:
            packed.unlink()
            raise FileError(
                f"the file has changed since its first download (sha256 {record['sha256'][:12]}, "
                f"now {sha256[:12]}) and was refused",
                overwrite="to take it",
            )
        try:
            with new_folder(home, overwrite=self.settings.overwrite) as part:
                files = _unpacked(archive, packed, part, home)
                # Before the folder is there: killed between the two, it would be a stranger's.
                self.records.set(archive.name, {"size": size, "sha256": sha256, "files": files})
        except MrtoctError:
            packed.unlink()  # the next run is not to find the same damage again
            raise
        if not self.settings.keep_archives:
            packed.unlink()
        return "fetched"

    def _download(self, client: httpx.Client, archive: Archive, target: Path) -> None:
        if self.unreachable and not self.answered:
            raise FileError(self.unreachable)

        def received(update: Update) -> None:
            self.answered = True
            if self.stop.is_set():
                raise FileError("interrupted")
            of = f" of {update.total / 1e6:.1f}" if update.total else ""
            self.tell(self.done, f"{archive.name} {update.done / 1e6:.1f}{of} MB")

        def wait(seconds: float) -> None:
            self.tell(self.done, f"{archive.name} waits {seconds:.0f} s")
            self.wait(seconds)
            if self.stop.is_set():
                raise FileError("interrupted")

        url = f"{self.settings.base.rstrip('/')}/{archive.path}"
        try:
            download(client, url, target, self.settings.download, wait=wait, watcher=received)
        except UnreachableError as error:
            self.unreachable = str(error)
            raise


def _unpacked(archive: Archive, packed: Path, part: Path, home: Path) -> dict[str, int]:
    """Extract into part, which becomes home, and try what came out; return the files' sizes."""
    extract(packed, part)
    try:
        _try_reading(archive, part)
    except MrtoctError as error:
        message = error.message.replace(str(part), str(home))
        raise type(error)(message, **error.ways_out) from error
    return _files(part)


def _try_reading(archive: Archive, folder: Path) -> None:
    if archive.modality != TRANSFORMATIONS:
        read_volume(volume_file(folder), "HU" if archive.modality == "ct" else "a.u.")
        return
    found = [p for p in folder.rglob("*") if p.is_file() and is_rire_transform(p)]
    if not found:
        raise FileError(f"{folder} holds no transform")
    for path in found:
        read_rire_transform(path)


def _require_present(home: Path, packed: Path, record: dict[str, Any] | None) -> None:
    """Raise FileError unless a folder, and an archive that was kept, are as they were fetched."""
    if record is None:
        raise FileError(
            f"{home} exists already and was not fetched by mrtoct", overwrite="to replace it"
        )
    held = _files(home)
    for name, size in record["files"].items():
        if held.get(name) != size:
            is_there = f"has {held[name]} bytes, not {size}" if name in held else "is missing"
            raise FileError(f"{home / name} {is_there}", overwrite="to fetch it again")
    if packed.exists() and _sha256(packed) != record["sha256"]:
        raise FileError(f"{packed} differs from the fetched file", overwrite="to fetch it again")


def _files(folder: Path) -> dict[str, int]:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.stat().st_size for p in found}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
