"""Fetch a model from an address into the place where its name finds it."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx

from mrtoct.errors import BundleError, FileError
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.archive import Limits, extract
from mrtoct.io.atomic import new_folder, require_absent
from mrtoct.io.download import AbsentError, DownloadSettings, download
from mrtoct.io.records import BUNDLE, write_record
from mrtoct.io.sums import SUMS, sha256_of
from mrtoct.translation.bundle import WEIGHTS, read_bundle
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.pretrained.address import Address, checked_name, parse_address
from mrtoct.translation.pretrained.place import Fetched, models_folder
from mrtoct.translation.pretrained.shipped import NAMES

NEEDED = (BUNDLE, WEIGHTS)
FURTHER = (SUMS, SeenMr.file, "README.md", "LICENSE")
"""Taken along where they are there."""
LIMITS = Limits(bytes=4 << 30, files=100)
MOST_BYTES = 4 << 30
PATIENCE = DownloadSettings(most_bytes=MOST_BYTES)


def fetch_model(
    address: str,
    *,
    name: str | None = None,
    sha256: str | None = None,
    overwrite: bool = False,
    settings: DownloadSettings = PATIENCE,
    watcher: Watcher = nobody,
) -> Path:
    """Fetch a model, check all of it, and return its folder; or leave nothing behind.

    sha256, in hexadecimal, is that of the archive, or of SHA256SUMS where the files lie in a
    folder, which names the sums of the others. The bundle is read as for a translation before it is
    there: its own sums, its weights, its description. Raises FileError if the address gives
    nothing, is of another sum or would replace a model, BundleError if it holds no sound bundle.
    """
    place = parse_address(address)
    name = checked_name(name or place.name)
    if name in NAMES:
        raise FileError(f"{name} is a shipped model", **{"name=NAME": "to give this one another"})
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise FileError(f"{sha256!r} is not a SHA-256: 64 digits from 0 to 9 and a to f")
    target = models_folder() / name
    require_absent(target, overwrite=overwrite)
    models_folder().mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".fetch-", dir=models_folder()) as waiting,
        Source(settings, watcher) as source,
    ):
        files = Path(waiting) / "files"
        files.mkdir()
        found = _gather(place, source, Path(waiting), files, sha256)
        with new_folder(target, overwrite=overwrite) as part:
            for file in files.iterdir():
                file.rename(part / file.name)
            try:
                read_bundle(part)
            except BundleError as error:
                said = error.message.replace(str(part), address)
                raise BundleError(f"{said} (nothing was kept)") from error
            now = datetime.now(UTC).isoformat(timespec="seconds")
            write_record(part, Fetched(_whole(place), found, now))
    return target


def _gather(place: Address, source: Source, waiting: Path, files: Path, sha256: str | None) -> str:
    """Bring the bundle's files into a folder; return the sum that names all of them."""
    if place.packed:
        archive = waiting / "archive.tar.gz"
        source.take(place.base, archive)
        found = _require_sum(place.given, archive, sha256)
        try:
            extract(archive, files, LIMITS)
        except FileError as error:
            raise FileError(error.message.replace(archive.name, place.given)) from error
        return found
    for name in NEEDED + FURTHER:
        try:
            source.take(place.file(name), files / name)
        except AbsentError as error:
            if name in NEEDED:
                raise BundleError(f"{place.given} holds no {name}: it is not a bundle") from error
    if not (files / SUMS).is_file():
        if sha256 is not None:
            raise FileError(f"{place.given} holds no {SUMS}, so its SHA-256 cannot be verified")
        return sha256_of(files / BUNDLE)  # it names the sum of the weights
    if (
        SeenMr.file in (files / SUMS).read_text("utf-8", "replace")
        and not (files / SeenMr.file).is_file()
    ):
        raise BundleError(f"{place.given} lacks {SeenMr.file}, which its {SUMS} lists")
    return _require_sum(f"{SUMS} in {place.given}", files / SUMS, sha256)


def _whole(place: Address) -> str:
    """Return an address that means the same from every folder."""
    return place.base.resolve().as_uri() if isinstance(place.base, Path) else place.given


def _require_sum(what: str, path: Path, sha256: str | None) -> str:
    found = sha256_of(path)
    if sha256 is not None and found != sha256.lower():
        raise FileError(
            f"{what} is not the expected one: its SHA-256 is {found}, not {sha256.lower()}; "
            "nothing was kept"
        )
    return found


class Source:
    """Files from the network or from a disk, one client for all."""

    def __init__(self, settings: DownloadSettings, watcher: Watcher = nobody) -> None:
        self.settings = settings
        self.watcher = watcher
        agent = {"Accept-Encoding": "identity", "User-Agent": f"mrtoct/{version('mrtoct')}"}
        self.client = httpx.Client(headers=agent, timeout=settings.timeout, follow_redirects=True)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def take(self, source: str | Path, target: Path) -> None:
        """Bring one file; AbsentError if there is none, FileError if it cannot be had."""
        if isinstance(source, Path):
            if not source.is_file():
                raise AbsentError(f"{source} does not exist")
            try:
                shutil.copyfile(source, target)
            except OSError as error:
                raise FileError(f"{source} cannot be read: {error.strerror or error}") from error
            return

        def received(update: Update) -> None:
            self.watcher(replace(update, note=target.name))

        download(self.client, source, target, self.settings, wait=time.sleep, watcher=received)
