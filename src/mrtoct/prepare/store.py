"""The training store: one folder a prepared subject, read by memory map, and a manifest.

STORE/manifest.json            settings, subjects, failures
STORE/<subject>/subject.json   grid, transform, registration, slices, MR range, fingerprint
STORE/<subject>/mr.npy         float32, MR signal on the CT's side, 0 where it was not measured
STORE/<subject>/ct.npy         int16, HU, air outside the head
STORE/<subject>/head.npy       bool, the head on the CT
STORE/<subject>/mr_head.npy    bool, the head on the MR: what a translator will find, too
STORE/<subject>/covered.npy    bool, where the MR was measured
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrtoct.errors import CohortError, GeometryError
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.prepare.clean import DroppedSlice
from mrtoct.volume import Array, Grid, Volume

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = {"mr": "float32", "ct": "int16", "head": "bool", "mr_head": "bool", "covered": "bool"}


@dataclass(frozen=True, eq=False)
class PreparedSubject:
    """A pair on one grid: CT frame, world-aligned axes, cropped to the head."""

    name: str
    mr: Volume
    ct: Volume
    head: Volume
    mr_head: Volume
    covered: Volume
    mr_range: tuple[float, float]
    """MR values that scale to 0 and 1."""
    dropped: list[DroppedSlice]
    registration: dict[str, Any]
    """What brought the MR here: the transform (4 x 4 RAS mm, CT to MR) and how sure it is."""
    fingerprint: str
    """Of the source files and settings that made it: unchanged means nothing to redo."""
    warnings: list[str] = field(default_factory=list)

    @property
    def kept_slices(self) -> list[int]:
        """Indices along K that training may use."""
        bad = {d.slice for d in self.dropped}
        return [k for k in range(self.ct.grid.shape[2]) if k not in bad]


@dataclass(frozen=True)
class Manifest:
    """What a store says of itself."""

    settings: dict[str, Any]
    subjects: list[str]
    failed: dict[str, str]


def write_subject(store: Path, subject: PreparedSubject) -> None:
    """Write a subject's folder, replacing an older one, all at once."""
    with new_folder(store / subject.name, overwrite=True) as folder:
        for name, dtype in ARRAYS.items():
            volume: Volume = getattr(subject, name)
            try:
                np.save(folder / f"{name}.npy", np.asarray(volume.voxels, dtype=dtype))
            except OSError as error:
                # numpy tells how many bytes it wrote, not why no more.
                raise OSError(error.errno, error.strerror or "the disk is full") from error
        record = {
            "format": FORMAT,
            "fingerprint": subject.fingerprint,
            "shape": list(subject.ct.grid.shape),
            "affine": subject.ct.affine.tolist(),
            "mr_range": list(subject.mr_range),
            "dropped": [asdict(d) for d in subject.dropped],
            "registration": subject.registration,
            "warnings": subject.warnings,
        }
        write_text(folder / "subject.json", json.dumps(record, indent=1))


def read_subject(store: Path, name: str) -> PreparedSubject:
    """Open a prepared subject; its voxels stay on disk until they are used."""
    folder = store / name
    try:
        return _subject(folder, _read_json(folder / "subject.json"))
    except (KeyError, TypeError, ValueError, GeometryError) as error:
        raise CohortError(
            f"{folder / 'subject.json'} is damaged; prepare the store again"
        ) from error


def _subject(folder: Path, record: dict[str, Any]) -> PreparedSubject:
    grid = Grid(tuple(record["shape"]), np.array(record["affine"]))
    arrays: dict[str, Array] = {}
    for array, dtype in ARRAYS.items():
        path = folder / f"{array}.npy"
        try:
            arrays[array] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise CohortError(f"{path} is missing or damaged; prepare the store again") from error
        if arrays[array].shape != grid.shape or arrays[array].dtype != np.dtype(dtype):
            raise CohortError(f"{path} does not fit its subject.json; prepare the store again")
    low, high = record["mr_range"]
    return PreparedSubject(
        folder.name,
        mr=Volume(arrays["mr"], grid, "a.u."),
        ct=Volume(arrays["ct"], grid, "HU"),
        head=Volume(arrays["head"], grid, "label"),
        mr_head=Volume(arrays["mr_head"], grid, "label"),
        covered=Volume(arrays["covered"], grid, "label"),
        mr_range=(float(low), float(high)),
        dropped=[DroppedSlice(**d) for d in record["dropped"]],
        registration=record["registration"],
        fingerprint=record["fingerprint"],
        warnings=record["warnings"],
    )


def stored_fingerprint(store: Path, name: str) -> str | None:
    """Return the fingerprint of a subject already in the store, None if it is not whole."""
    try:
        return read_subject(store, name).fingerprint
    except CohortError:
        return None


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Write or replace the manifest."""
    record = {"format": FORMAT, **asdict(manifest)}
    write_text(store / MANIFEST, json.dumps(record, indent=1), overwrite=True)


def read_manifest(store: Path) -> Manifest:
    """Read a store's manifest; CohortError if the folder is not a store."""
    if not store.is_dir():
        raise CohortError(
            f"{store} is not a folder; make a store with: mrtoct prepare SOURCE STORE"
        )
    if not (store / MANIFEST).is_file():
        raise CohortError(f"{store} is not a store (no {MANIFEST}); make one with mrtoct prepare")
    record = _read_json(store / MANIFEST)
    if record.get("format") != FORMAT:
        raise CohortError(
            f"{store} has store format {record.get('format')}, this version reads {FORMAT}; "
            "prepare it again with --overwrite"
        )
    try:
        return Manifest(record["settings"], record["subjects"], record["failed"])
    except KeyError as error:
        raise CohortError(
            f"{store / MANIFEST} is damaged; prepare the store again with --overwrite"
        ) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CohortError(
            f"{path} is missing or damaged; prepare the store again with --overwrite"
        ) from error
    if not isinstance(record, dict):
        raise CohortError(f"{path} is damaged; prepare the store again with --overwrite")
    return record
