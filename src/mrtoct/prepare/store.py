"""The training store: one folder a prepared subject, read by memory map, and a manifest.

STORE/manifest.json            settings, subjects, failures
STORE/SHA256SUMS               of the manifest, compared when it is read
STORE/<subject>/subject.json   grid, channels, registration, slices, fingerprint
STORE/<subject>/SHA256SUMS     of the files beside it, compared when voxels are read
STORE/<subject>/mr-<channel>.npy   float32, MR signal on the CT's side, 0 where not measured
STORE/<subject>/ct.npy         int16, HU, air outside the head
STORE/<subject>/head.npy       bool, the head on the CT
STORE/<subject>/mr_head.npy    bool, the head on the MR: what a translator will find, too
STORE/<subject>/covered.npy    bool, where CT and MR were measured, nothing left out
STORE/<subject>/mask.npy       bool, where the data's authors count errors; only if they say so
STORE/<subject>/deformation.npy   float32, control points that carried jaw and neck; only if it did
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator

from mrtoct.errors import CohortError, FileError, GeometryError
from mrtoct.io.arrays import open_array
from mrtoct.io.atomic import new_folder
from mrtoct.io.calibration import UNKNOWN, CtCalibration
from mrtoct.io.records import MANIFEST, Record, read_record, write_record
from mrtoct.io.sums import SUMS, changed_since, write_sums
from mrtoct.prepare.clean import DroppedSlice
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.registration.deformation import Deformation
from mrtoct.registration.regions import Regions
from mrtoct.volume import Array, Grid, Unit, Volume

REMEDY = "prepare the store again"
DEFORMATION = "deformation.npy"

Row = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class PreparedSubject:
    """A pair on one grid: CT frame, world-aligned axes, cropped to the head."""

    name: str
    channels: dict[str, Volume]
    """MR by channel; the others were brought to the first."""
    ct: Volume
    head: Volume
    mr_head: Volume
    covered: Volume
    mask: Volume | None
    dropped: list[DroppedSlice]
    registration: dict[str, Any]
    """What brought the first channel here: the transform (4 x 4 RAS mm, CT to MR) and how sure it
    is; under "channels" what brought each other channel to the first."""
    fingerprint: str
    """Of the source files and settings that made it: unchanged means nothing to redo."""
    warnings: list[str] = field(default_factory=list)
    scanned: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Voxel spacing (mm) of each channel's scan before it was resampled; empty if not known."""
    calibration: CtCalibration = UNKNOWN
    """What gave the CT its HU."""
    shading: dict[str, float] = field(default_factory=dict)
    """How strong the bias field was that was taken off each channel; empty if none was."""
    left_out: dict[str, float] = field(default_factory=dict)
    """Why some of the head, where it was scanned, is not in covered, and which part that is."""
    deformation: Deformation | None = None
    """What carried jaw and neck, before the transform, to the MR; None: nothing did."""

    @property
    def mr(self) -> Volume:
        """The first channel: the one that was registered to the CT."""
        return next(iter(self.channels.values()))

    def channels_named(self, names: Sequence[str]) -> dict[str, Volume]:
        """Return some of the channels in their order; CohortError if one is missing."""
        if missing := [name for name in names if name not in self.channels]:
            raise CohortError(
                f"{self.name} has no MR channel {', '.join(missing)}; it has "
                f"{', '.join(self.channels)}"
            )
        return {name: self.channels[name] for name in names}

    def with_channels(self, names: Sequence[str]) -> PreparedSubject:
        """Return the subject with some of its channels in their order, or without names as it is.

        The head on the MR is then that on the first of them. Raises CohortError if one is missing.
        """
        chosen = replace(self, channels=self.channels_named(names or list(self.channels)))
        return chosen if chosen.mr is self.mr else replace(chosen, mr_head=head_mask_mr(chosen.mr))

    @property
    def distrust(self) -> str | None:
        """Why the registration should not be trained on, None if it may be."""
        records = {"": self.registration, **self.registration.get("channels", {})}
        for name, record in records.items():
            if record.get("verdict") == "doubtful":
                of = f" of {name}" if name else ""
                return f"the registration{of} is doubtful: {record['reason']}"
        return None

    @property
    def kept_slices(self) -> list[int]:
        """Indices along K that training may use."""
        bad = {d.slice for d in self.dropped}
        return [k for k in range(self.ct.grid.shape[2]) if k not in bad]


def _require_verdicts(registration: dict[str, Any]) -> dict[str, Any]:
    """Raise ValueError unless each registration in a record that has a verdict says why."""
    channels = registration.get("channels", {})
    if not isinstance(channels, dict):
        raise ValueError("channels must be registrations by name")
    for record in (registration, *channels.values()):
        if not isinstance(record, dict):
            raise ValueError("a registration must be a table")
        if "verdict" in record and not isinstance(record.get("reason"), str):
            raise ValueError("a verdict needs its reason")
    return registration


@dataclass(frozen=True)
class DeformationRecord:
    """Where the control points of deformation.npy are, and the skull that they leave alone."""

    shape: tuple[int, int, int]
    affine: tuple[Row, Row, Row, Row]
    regions: Regions


@dataclass(frozen=True)
class SubjectRecord(Record):
    """What a prepared subject's subject.json says beside the arrays."""

    file: ClassVar[str] = "subject.json"
    remedy: ClassVar[str] = REMEDY
    error: ClassVar[type[CohortError]] = CohortError

    format: Literal[2]
    fingerprint: str
    shape: tuple[int, int, int]
    affine: tuple[Row, Row, Row, Row]
    channels: list[str]
    mask: bool
    dropped: list[DroppedSlice]
    registration: Annotated[dict[str, Any], AfterValidator(_require_verdicts)]
    warnings: list[str]
    scanned_spacing_mm: dict[str, tuple[float, float, float]]
    ct: CtCalibration = UNKNOWN
    """What gave the CT its HU; not known of stores made before it was asked."""
    shading: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, float] = field(default_factory=dict)
    deformation: DeformationRecord | None = None


@dataclass(frozen=True)
class Manifest(Record):
    """What a store says of itself."""

    file: ClassVar[str] = MANIFEST
    remedy: ClassVar[str] = f"{REMEDY}, overwriting it"
    error: ClassVar[type[CohortError]] = CohortError

    settings: dict[str, Any]
    channels: tuple[str, ...]
    """MR channels of every subject; the first is the one registered to the CT."""
    subjects: list[str]
    failed: dict[str, str]
    distrusted: dict[str, str] = field(default_factory=dict)
    """Of the subjects, those whose registration is doubtful, and why."""
    cts: tuple[CtCalibration, ...] = ()
    """What gave the subjects' CTs their HU, each calibration once."""
    format: Literal[2] = 2

    @property
    def bias_corrected(self) -> bool:
        """Whether the bias field was taken off every MR."""
        return bool(self.settings.get("bias_correct", False))


def write_subject(store: Path, subject: PreparedSubject) -> None:
    """Write a subject's folder, replacing an older one, all at once."""
    with new_folder(store / subject.name, overwrite=True) as folder:
        for name, (volume, dtype) in _arrays(subject).items():
            try:
                np.save(folder / f"{name}.npy", np.asarray(volume.voxels, dtype=dtype))
            except OSError as error:
                # numpy tells how many bytes it wrote, not why no more.
                raise OSError(error.errno, error.strerror or "the disk is full") from error
        moved = subject.deformation
        if moved is not None:
            np.save(folder / DEFORMATION, moved.control)
        record = SubjectRecord(
            format=2,
            fingerprint=subject.fingerprint,
            shape=subject.ct.grid.shape,
            affine=_rows(subject.ct.grid),
            channels=list(subject.channels),
            mask=subject.mask is not None,
            dropped=subject.dropped,
            registration=subject.registration,
            warnings=subject.warnings,
            scanned_spacing_mm=subject.scanned,
            ct=subject.calibration,
            shading=subject.shading,
            left_out=subject.left_out,
            deformation=DeformationRecord(moved.grid.shape, _rows(moved.grid), moved.regions)
            if moved is not None
            else None,
        )
        write_record(folder, record)
        write_sums(folder)


def read_subject(store: Path, name: str) -> PreparedSubject:
    """Open a prepared subject, and compare its files with the sums of when they were written.

    Raises CohortError if one is missing, damaged or was changed.
    """
    subject = open_subject(store, name)
    folder = store / name
    names = [SubjectRecord.file, *(f"{array}.npy" for array in _arrays(subject))]
    if subject.deformation is not None:
        names.append(DEFORMATION)
    _require_unchanged(folder, names, REMEDY)
    return subject


def _require_unchanged(folder: Path, names: Sequence[str], remedy: str) -> None:
    """Raise CohortError unless files are as their folder's sums say, where it has some."""
    try:
        changed = changed_since(folder, names)
    except FileError as error:
        raise CohortError(f"{error}; {remedy}") from error
    if changed:
        raise CohortError(
            f"{folder / changed[0]} has changed since it was written ({SUMS}); {remedy}"
        )


def open_subject(store: Path, name: str) -> PreparedSubject:
    """Open a prepared subject for what is said of it; no voxel is read until it is used."""
    folder = store / name
    record = read_record(folder, SubjectRecord)
    try:
        grid = Grid(record.shape, np.array(record.affine))
    except GeometryError as error:
        raise CohortError(f"{folder / record.file} is damaged: {error}; {REMEDY}") from error
    return PreparedSubject(
        folder.name,
        channels={
            name: _open(folder / f"mr-{name}.npy", grid, "a.u.", "float32")
            for name in record.channels
        },
        ct=_open(folder / "ct.npy", grid, "HU", "int16"),
        head=_open(folder / "head.npy", grid, "label", "bool"),
        mr_head=_open(folder / "mr_head.npy", grid, "label", "bool"),
        covered=_open(folder / "covered.npy", grid, "label", "bool"),
        mask=_open(folder / "mask.npy", grid, "label", "bool") if record.mask else None,
        dropped=record.dropped,
        registration=record.registration,
        fingerprint=record.fingerprint,
        warnings=record.warnings,
        scanned=record.scanned_spacing_mm,
        calibration=record.ct,
        shading=record.shading,
        left_out=record.left_out,
        deformation=_deformation(folder, record.deformation),
    )


def _arrays(subject: PreparedSubject) -> dict[str, tuple[Volume, str]]:
    """Return what becomes an array file: its name, the volume, the stored type."""
    arrays = {f"mr-{name}": (volume, "float32") for name, volume in subject.channels.items()}
    arrays |= {
        "ct": (subject.ct, "int16"),
        "head": (subject.head, "bool"),
        "mr_head": (subject.mr_head, "bool"),
        "covered": (subject.covered, "bool"),
    }
    return arrays | ({"mask": (subject.mask, "bool")} if subject.mask else {})


def _rows(grid: Grid) -> tuple[Row, Row, Row, Row]:
    a, b, c, d = grid.affine.tolist()
    return tuple(a), tuple(b), tuple(c), tuple(d)


def _deformation(folder: Path, record: DeformationRecord | None) -> Deformation | None:
    if record is None:
        return None
    try:
        grid = Grid(record.shape, np.array(record.affine))
    except GeometryError as error:
        raise CohortError(f"{folder}: its deformation is damaged: {error}; {REMEDY}") from error
    shape = (*grid.shape, 3)
    return Deformation(grid, _load(folder / DEFORMATION, shape, "float32"), record.regions)


def _open(path: Path, grid: Grid, unit: Unit, dtype: str) -> Volume:
    return Volume(_load(path, grid.shape, dtype), grid, unit)


def _load(path: Path, shape: tuple[int, ...], dtype: str) -> Array:
    try:
        voxels: Array = open_array(path)
    except FileError as error:
        raise CohortError(f"{error}; {REMEDY}") from error
    if voxels.shape != shape or voxels.dtype != np.dtype(dtype):
        raise CohortError(f"{path} does not fit its subject.json; {REMEDY}")
    return voxels


def stored_subject(store: Path, name: str) -> PreparedSubject | None:
    """Return a subject already in the store, None if there is none or it is not whole."""
    try:
        return read_subject(store, name)
    except CohortError:
        return None


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Write or replace the manifest and its sum."""
    # Without sums a manifest is believed: a run killed in between leaves no wrong one.
    (store / SUMS).unlink(missing_ok=True)
    write_record(store, manifest, overwrite=True)
    write_sums(store, [MANIFEST])


def read_manifest(store: Path) -> Manifest:
    """Read a store's manifest; CohortError if the folder is no store, or the manifest was changed.

    Stores made before manifests had sums are read without.
    """
    if not store.is_dir():
        raise CohortError(
            f"{store} is not a folder; make a store with: mrtoct prepare SOURCE STORE"
        )
    if not (store / MANIFEST).is_file():
        raise CohortError(f"{store} is not a store (no {MANIFEST}); make one with mrtoct prepare")
    manifest = read_record(store, Manifest)
    _require_unchanged(store, [MANIFEST], Manifest.remedy)
    return manifest
