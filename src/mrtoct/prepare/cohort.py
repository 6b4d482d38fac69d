"""A cohort of raw pairs into a store; subjects that fail are reported, the others go on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import starmap
from pathlib import Path
from typing import Any, Literal

from mrtoct.datasets.folder import PairFiles, list_pairs
from mrtoct.errors import CohortError, FileError, MrtoctError
from mrtoct.io.files import files_of, read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.parallel import spread
from mrtoct.prepare.store import (
    FORMAT,
    MANIFEST,
    Manifest,
    read_manifest,
    stored_fingerprint,
    write_manifest,
    write_subject,
)
from mrtoct.prepare.subject import PrepareSettings, prepare_subject

Outcome = Literal["prepared", "unchanged", "failed"]


@dataclass(frozen=True)
class Progress:
    """One subject is done; called for each as it comes."""

    name: str
    outcome: Outcome
    message: str
    done: int
    total: int


def prepare_cohort(
    source: Path | str,
    store: Path | str,
    settings: PrepareSettings = PrepareSettings(),
    *,
    workers: int = 1,
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Manifest:
    """Prepare every pair of a folder into a store and return its manifest.

    Run again, it redoes only subjects whose files changed. A store made with other settings is
    refused unless overwrite is true. workers is a number of processes. Raises CohortError if no
    subject could be used.
    """
    source, store = Path(source), Path(store)
    listing = list_pairs(source)
    _check_store(store, settings, overwrite)
    store.mkdir(parents=True, exist_ok=True)

    total = len(listing.pairs) + len(listing.rejected)
    failed = dict(listing.rejected)
    done = 0
    for name, message in failed.items():
        done += 1
        on_progress(Progress(name, "failed", message, done, total))
    ready: list[str] = []
    jobs = [(pair, store, settings) for pair in listing.pairs]
    workers = min(workers, len(jobs))
    outcomes = spread(_prepare_one, jobs, workers) if workers > 1 else starmap(_prepare_one, jobs)
    for name, outcome, message in outcomes:
        done += 1
        on_progress(Progress(name, outcome, message, done, total))
        if outcome == "failed":
            failed[name] = message
        else:
            ready.append(name)
    _forget_others(store, ready)
    manifest = Manifest(_plain(settings), sorted(ready), dict(sorted(failed.items())))
    write_manifest(store, manifest)
    if not ready:
        first = next(iter(failed.values()))
        raise CohortError(f"none of {total} subjects could be prepared; the first: {first}")
    return manifest


def _prepare_one(
    pair: PairFiles, store: Path, settings: PrepareSettings
) -> tuple[str, Outcome, str]:
    try:
        fingerprint = _fingerprint(pair, settings)
        if stored_fingerprint(store, pair.name) == fingerprint:
            return pair.name, "unchanged", ""
        subject = prepare_subject(
            pair.name,
            mr=read_volume(pair.mr, "a.u."),
            ct=read_volume(pair.ct, "HU"),
            ct_to_mr=read_transform(pair.ct_to_mr, rigid=True) if pair.ct_to_mr else None,
            settings=settings,
            fingerprint=fingerprint,
        )
    except MrtoctError as error:
        shutil.rmtree(store / pair.name, ignore_errors=True)
        return pair.name, "failed", str(error)
    # A store that cannot be written is not this subject's fault: the error ends the command.
    write_subject(store, subject)
    return pair.name, "prepared", "; ".join(subject.warnings)


def _fingerprint(pair: PairFiles, settings: PrepareSettings) -> str:
    """Hash the contents of a pair's files, the settings and the version of this program."""
    digest = hashlib.sha256(
        json.dumps([FORMAT, version("mrtoct"), _plain(settings)], sort_keys=True).encode()
    )
    given = [pair.ct_to_mr] if pair.ct_to_mr else []
    for path in [*files_of(pair.mr), *files_of(pair.ct), *given]:
        try:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def _check_store(store: Path, settings: PrepareSettings, overwrite: bool) -> None:
    if not store.exists() or (store.is_dir() and not any(store.iterdir())):
        return
    if not (store / MANIFEST).is_file():
        # Subjects come before the manifest: an interrupted first run leaves only those.
        if not store.is_dir() or not all(_is_ours(folder) for folder in store.iterdir()):
            raise CohortError(f"{store} exists and is not a store; name a new folder")
        return
    if not overwrite:
        if read_manifest(store).settings != _plain(settings):
            raise CohortError(
                f"{store} was prepared with other settings; name a new folder or pass --overwrite"
            )
        return
    # Half redone it would be a mixture: without a manifest it is no store until all is.
    (store / MANIFEST).unlink()


def _forget_others(store: Path, ready: list[str]) -> None:
    """Remove subjects that left the source or became unusable, and what a killed run left."""
    for folder in store.iterdir():
        if folder.name not in ready and _is_ours(folder):
            shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    return (folder / "subject.json").is_file() or folder.name.startswith(".part-")


def _plain(settings: PrepareSettings) -> dict[str, Any]:
    """Settings as JSON gives them back: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain
