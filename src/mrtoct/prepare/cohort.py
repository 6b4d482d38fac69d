"""A cohort of raw pairs into a store; subjects that fail are reported, the others go on."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import Listing, SubjectFiles
from mrtoct.errors import CohortError, FileError, MrtoctError
from mrtoct.hardware.cluster import spread
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.atomic import PART
from mrtoct.io.calibration import distinct, read_calibration, sidecar_of
from mrtoct.io.files import files_of, read_scan, read_volume
from mrtoct.io.records import MANIFEST, read_record
from mrtoct.io.sums import SUMS
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.left_out import in_words
from mrtoct.prepare.store import (
    Manifest,
    SubjectRecord,
    read_manifest,
    stored_subject,
    write_manifest,
    write_subject,
)
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.wording import counted

Outcome = Literal["prepared", "unchanged", "failed"]


def prepare_cohort(
    source: Listing | Path | str,
    store: Path | str,
    settings: PrepareSettings = PrepareSettings(),
    *,
    workers: int = 1,
    scheduler: str | None = None,
    overwrite: bool = False,
    watcher: Watcher = nobody,
) -> Manifest:
    """Prepare every subject of a cohort into a store that trains fast.

    MR and CT are registered, the head is masked, both are resampled to one upright grid. Run
    again, only subjects whose files changed are redone.

    Parameters
    ----------
    source : Path, str or Listing
        Folder of SUBJECT/mr.* and SUBJECT/ct.*, a RIRE, SynthRAD or BIDS folder, a table (.csv,
        .tsv), or what `mrtoct.datasets.listing.list_subjects` found.
    store : Path or str
        Folder of the store, new or to be brought up to date.
    settings : PrepareSettings
        Voxel spacing, MR channels and how to register.
    workers : int
        How many processes work at once.
    scheduler : str, optional
        Address of a Dask cluster whose workers do it instead, such as tcp://host:8786; they must
        see source and store under the same paths.
    overwrite : bool
        Whether a store that was made with other settings is redone.
    watcher : callable
        Told of each subject as it is done; print is one (see `mrtoct.hardware.progress`).

    Returns
    -------
    Manifest
        Which subjects are ready, and which failed or are distrusted, with the reasons.

    Raises
    ------
    CohortError
        If no subject could be used, or the store is of other settings and overwrite is false.
    FileError
        If the source is not there.

    Examples
    --------
    >>> import mrtoct
    >>> manifest = mrtoct.prepare_cohort("SOURCE", "STORE")
    >>> manifest.subjects
    ['s01', 's02', 's03']
    """
    store = Path(store)
    if scheduler is not None:  # other machines work in other folders
        store = store.absolute()
        source = source if isinstance(source, Listing) else Path(source).absolute()
    listing = source if isinstance(source, Listing) else list_subjects(Path(source))
    _require_store(store, settings, overwrite)
    store.mkdir(parents=True, exist_ok=True)

    total = len(listing.subjects) + len(listing.rejected)
    failed = dict(listing.rejected)
    done = 0
    for name, message in failed.items():
        done += 1
        watcher(_update(name, "failed", message, done, total))
    ready: list[str] = []
    distrusted: dict[str, str] = {}
    jobs = [(files, store, settings) for files in listing.subjects]
    workers = min(workers, len(jobs))
    outcomes = spread(_prepare_one, jobs, workers, scheduler)
    for name, outcome, message, distrust in outcomes:
        done += 1
        watcher(_update(name, outcome, message, done, total))
        if outcome == "failed":
            failed[name] = message
        else:
            ready.append(name)
            if distrust:
                distrusted[name] = distrust
    _forget_others(store, ready)
    manifest = Manifest(
        _plain(settings),
        settings.channels,
        sorted(ready),
        dict(sorted(failed.items())),
        dict(sorted(distrusted.items())),
        distinct([read_record(store / name, SubjectRecord).ct for name in ready]),
    )
    write_manifest(store, manifest)
    if not ready:
        first = next(iter(failed.values()))
        raise CohortError(
            f"none of {counted(total, 'subject')} could be prepared; the first: {first}"
        )
    return manifest


def _update(name: str, outcome: Outcome, message: str, done: int, total: int) -> Update:
    """Return what to tell of a subject that is done."""
    return Update(done, total, f"{name} {outcome}", message=f"{name}: {message}" if message else "")


def _prepare_one(
    files: SubjectFiles, store: Path, settings: PrepareSettings
) -> tuple[str, Outcome, str, str | None]:
    """Return name, outcome, what to tell about it, and why not to trust its registration."""
    try:
        _require_channels(files, settings)
        fingerprint = _fingerprint(files, settings)
        stored = stored_subject(store, files.name)
        if stored and stored.fingerprint == fingerprint:
            return files.name, "unchanged", "", stored.distrust
        subject = prepare_subject(_read(files, settings), settings, fingerprint=fingerprint)
    except MrtoctError as error:
        shutil.rmtree(store / files.name, ignore_errors=True)
        return files.name, "failed", str(error), None
    # A store that cannot be written is not this subject's fault: the error ends the command.
    write_subject(store, subject)
    told = [*subject.warnings, in_words(subject.left_out)]
    return files.name, "prepared", "; ".join(filter(None, told)), subject.distrust


def _require_channels(files: SubjectFiles, settings: PrepareSettings) -> None:
    missing = [name for name in settings.channels if name not in files.mr]
    if missing:
        raise CohortError(
            f"{files.name} has no MR channel {', '.join(missing)}; it has {', '.join(files.mr)}"
        )


def _read(files: SubjectFiles, settings: PrepareSettings) -> RawSubject:
    return RawSubject(
        files.name,
        mr={name: read_scan(files.mr[name], "a.u.") for name in settings.channels},
        ct=read_scan(files.ct, "HU"),
        ct_to_mr=read_transform(files.ct_to_mr, rigid=True) if files.ct_to_mr else None,
        aligned=files.aligned,
        mask=read_volume(files.mask, "label") if files.mask else None,
        calibration=read_calibration(files.ct),
    )


def _fingerprint(files: SubjectFiles, settings: PrepareSettings) -> str:
    """Hash the contents of a subject's files, the settings and the version of this program."""
    digest = hashlib.sha256(
        json.dumps(
            [Manifest.format, version("mrtoct"), _plain(settings), files.aligned], sort_keys=True
        ).encode()
    )
    scans = [*(files.mr[name] for name in settings.channels), files.ct]
    paths = [path for scan in scans for path in files_of(scan)]
    paths += [path for path in (files.ct_to_mr, files.mask, sidecar_of(files.ct)) if path]
    for path in paths:
        try:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def _require_store(store: Path, settings: PrepareSettings, overwrite: bool) -> None:
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
                f"{store} was prepared with other settings; name a new folder",
                overwrite="to redo it",
            )
        return
    # Half redone it would be a mixture: without a manifest it is no store until all is.
    (store / SUMS).unlink(missing_ok=True)
    (store / MANIFEST).unlink()


def _forget_others(store: Path, ready: list[str]) -> None:
    """Remove subjects that left the source or became unusable, and what a killed run left."""
    for folder in store.iterdir():
        if folder.name not in ready and _is_ours(folder):
            shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    return (folder / SubjectRecord.file).is_file() or folder.name.startswith(PART)


def _plain(settings: PrepareSettings) -> dict[str, Any]:
    """Settings as JSON gives them back: tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return plain
