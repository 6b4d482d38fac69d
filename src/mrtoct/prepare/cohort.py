"""A cohort of raw pairs into a store; subjects that fail are reported, the others go on."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mrtoct.datasets.folder import PairFiles, list_pairs
from mrtoct.errors import CohortError, FileError, MrtoctError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
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
    for name, outcome, message in _outcomes(listing.pairs, store, settings, workers):
        done += 1
        on_progress(Progress(name, outcome, message, done, total))
        if outcome == "failed":
            failed[name] = message
        else:
            ready.append(name)
    _forget_vanished(store, {pair.name for pair in listing.pairs} | set(failed))
    manifest = Manifest(_plain(settings), sorted(ready), dict(sorted(failed.items())))
    write_manifest(store, manifest)
    if not ready:
        first = next(iter(failed.values()))
        raise CohortError(f"none of {total} subjects could be prepared; the first: {first}")
    return manifest


def _outcomes(
    pairs: list[PairFiles], store: Path, settings: PrepareSettings, workers: int
) -> Iterator[tuple[str, Outcome, str]]:
    if workers <= 1 or len(pairs) == 1:
        for pair in pairs:
            yield _prepare_one(pair, store, settings)
        return
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(pairs)), context, initializer=_one_thread) as pool:
        futures = [pool.submit(_prepare_one, pair, store, settings) for pair in pairs]
        for future in as_completed(futures):
            yield future.result()


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
            ct_to_mr=read_transform(pair.ct_to_mr) if pair.ct_to_mr else None,
            settings=settings,
            fingerprint=fingerprint,
        )
        write_subject(store, subject)
    except MrtoctError as error:
        if isinstance(error, FileError) and "No space left" in str(error):
            raise
        shutil.rmtree(store / pair.name, ignore_errors=True)
        return pair.name, "failed", str(error)
    return pair.name, "prepared", "; ".join(subject.warnings)


def _one_thread() -> None:
    import SimpleITK as sitk
    import torch

    torch.set_num_threads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def _fingerprint(pair: PairFiles, settings: PrepareSettings) -> str:
    """Hash the contents of a pair's files and the settings."""
    digest = hashlib.sha256(json.dumps([FORMAT, _plain(settings)], sort_keys=True).encode())
    for path in (pair.mr, pair.ct, pair.ct_to_mr):
        # A header's data file lies beside it under the same stem (ct.mhd, ct.raw).
        parts = sorted(path.parent.glob(f"{path.name.split('.')[0]}.*")) if path else []
        for part in parts:
            try:
                with part.open("rb") as stream:
                    content = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise FileError(f"{part} is not readable: {error.strerror}") from error
            digest.update(f"{part.name} {content}\n".encode())
    return digest.hexdigest()


def _check_store(store: Path, settings: PrepareSettings, overwrite: bool) -> None:
    if not store.exists() or (store.is_dir() and not any(store.iterdir())):
        return
    if not (store / MANIFEST).is_file():
        # Subjects come before the manifest: an interrupted first run leaves only those.
        strangers = (
            [
                p
                for p in store.iterdir()
                if not (p / "subject.json").is_file() and not p.name.startswith(".part-")
            ]
            if store.is_dir()
            else [store]
        )
        if strangers:
            raise CohortError(f"{store} exists and is not a store; name a new folder")
        return
    if read_manifest(store).settings != _plain(settings) and not overwrite:
        raise CohortError(
            f"{store} was prepared with other settings; name a new folder or pass --overwrite"
        )


def _forget_vanished(store: Path, known: set[str]) -> None:
    for folder in store.iterdir():
        if (folder / "subject.json").is_file() and folder.name not in known:
            shutil.rmtree(folder)


def _plain(settings: PrepareSettings) -> dict[str, Any]:
    """Settings as JSON gives them back: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain
