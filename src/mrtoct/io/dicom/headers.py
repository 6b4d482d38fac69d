"""The image planes of DICOM files, from their headers alone.

A classic file holds one plane, an enhanced multi-frame file many whose attributes lie in functional
groups. Here both become the same `Frame`. Only the tags named below are read: no patient tag ever
reaches a listing or a message.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset

from mrtoct.errors import FileError
from mrtoct.io.dicom.dataset import PARSE_ERRORS, read_dataset

log = logging.getLogger(__name__)

MODALITIES = ("CT", "MR", "PT")
"""What is listed; PET only so that a reader of the list misses nothing."""

IMAGES = (
    uid.CTImageStorage,
    uid.EnhancedCTImageStorage,
    uid.LegacyConvertedEnhancedCTImageStorage,
    uid.MRImageStorage,
    uid.EnhancedMRImageStorage,
    uid.LegacyConvertedEnhancedMRImageStorage,
)

UNNAMED = "unnamed-"
"""Before what stands for the UID of a series that states none, as anonymised ones do."""

DIRECTION_TOLERANCE = 1e-3
"""How far a direction may be from unit length, and two of them from a right angle."""

MEASURED = {
    "repetition time": ("RepetitionTime", "ms"),
    "echo time": ("EffectiveEchoTime EchoTime", "ms"),
    "inversion time": ("InversionTime InversionTimes", "ms"),
    "flip angle": ("FlipAngle", "degrees"),
    "b-value": ("DiffusionBValue", "s/mm2"),
    "diffusion direction": ("DiffusionGradientOrientation", ""),
    "trigger time": ("NominalCardiacTriggerDelayTime TriggerTime", "ms"),
    "temporal position": ("TemporalPositionIndex TemporalPositionIdentifier", ""),
    "image type": ("FrameType ImageType", ""),
    "component": ("ComplexImageComponent", ""),
    "acquisition": ("FrameAcquisitionNumber AcquisitionNumber", ""),
    "stack": ("StackID", ""),
    "field strength": ("MagneticFieldStrength", "T"),
    "sequence": ("PulseSequenceName ScanningSequence", ""),
    "acquired": ("MRAcquisitionType", ""),
    "contrast agent": ("ContrastBolusAgent", ""),
    "tube voltage": ("KVP", "kV"),
    "kernel": ("ConvolutionKernel", ""),
}
"""What tells one image from another at the same place, and what it looks like: the name used here,
the DICOM keywords in order of preference, the unit."""

_FUNCTIONAL_GROUPS = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "FrameOfReferenceUID", "SeriesNumber", "SeriesDescription", "ProtocolName", "PatientPosition",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PixelSpacing", "SliceThickness",
    "ImagePositionPatient", "ImageOrientationPatient", "LossyImageCompression",
    *_FUNCTIONAL_GROUPS,
    *(keyword for keywords, _ in MEASURED.values() for keyword in keywords.split()),
]  # fmt: skip

Lookup = Callable[[str], Any]
"""Give the value of the first of some keywords (blank between them) that is stated, or None."""


@dataclass(frozen=True)
class FileHeader:
    """What all planes of one file share."""

    path: Path
    sop_class: str
    sop_instance: str
    study: str
    series: str
    frame_of_reference: str
    modality: str
    number: int | None
    description: str
    patient_position: str
    frames: int
    """How many planes the file holds."""
    lossy: bool


@dataclass(frozen=True)
class Frame:
    """One plane; positions and directions as DICOM has them, LPS in mm."""

    file: FileHeader
    index: int
    """Which plane of its file, from 0."""
    shape: tuple[int, int]
    """Rows, columns."""
    spacing: tuple[float, float]
    """Between rows, between columns, mm."""
    position: tuple[float, ...]
    """Centre of the first voxel."""
    orientation: tuple[float, ...]
    """Direction along a row, then down a column."""
    thickness: float | None
    """As stated, mm; never used where positions tell the distance."""
    measured: dict[str, str] = field(default_factory=dict)
    """By the names of MEASURED, with their units; only what is stated."""


def find_frames(folder: Path | str) -> list[Frame]:
    """Return every image plane in a folder and its subfolders, or in one file.

    Other files are passed over; damaged ones are named in a warning, one for each reason. Raises
    FileError if the folder does not exist.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileError(f"{folder} does not exist")
    frames: list[Frame] = []
    left: dict[str, list[Path]] = {}
    for path in [folder] if folder.is_file() else _dicom_files(folder):
        try:
            frames.extend(_frames_of(path))
        except UNREADABLE as error:
            left.setdefault(" ".join(str(error).split()), []).append(path)
    for reason, paths in left.items():
        who = f"{paths[0]} is" if len(paths) == 1 else f"{len(paths)} files such as {paths[0]} are"
        log.warning("%s left out: %s", who, reason)
    if unnamed := sum(frame.file.series.startswith(UNNAMED) for frame in frames):
        log.warning(
            "%d slices state no series: they are grouped by number, matrix and orientation",
            unnamed,
        )
    return frames


def first_image(folder: Path | str) -> FileHeader | None:
    """Return the header of the first image in a folder, or of a file; None where there is none."""
    folder = Path(folder)
    for path in [folder] if folder.is_file() else _dicom_files(folder):
        try:
            frames = _frames_of(path)
        except UNREADABLE:
            continue
        if frames:
            return frames[0].file
    return None


UNREADABLE = (FileError, OSError, *PARSE_ERRORS)
"""What reading the planes of a damaged file raises."""


def lookup_in(dataset: Dataset, index: int) -> Lookup:
    """Look up attributes of one plane: its own functional groups, the shared ones, the file's."""
    places: list[Dataset] = []
    for name, item in zip(_FUNCTIONAL_GROUPS, (index, 0), strict=True):
        groups = dataset.get(name)
        if groups and item < len(groups):
            # Every functional group is a sequence of one item.
            places += [e.value[0] for e in groups[item] if e.VR == "SQ" and e.value]
    places.append(dataset)

    def lookup(keywords: str) -> Any:
        for keyword in keywords.split():
            for place in places:
                value = place.get(keyword)
                if value is not None and value != "" and value != []:
                    return value
        return None

    return lookup


def _dicom_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent) / name
            try:
                with path.open("rb") as stream:
                    marked = stream.read(132)[128:] == b"DICM"
            except OSError as error:
                log.warning("%s is left out: %s", path, error.strerror)
                continue
            if marked:
                yield path


def _frames_of(path: Path) -> list[Frame]:
    dataset = read_dataset(path, tags=_TAGS)
    if "Rows" not in dataset and dataset.file_meta.get("MediaStorageSOPClassUID") in IMAGES:
        raise FileError("it is truncated or damaged: an image without rows")
    if dataset.get("Modality") not in MODALITIES or "Rows" not in dataset:
        return []  # structures, plans, reports, DICOMDIR
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        return []  # a colour picture of the screen
    if "MOSAIC" in [str(word).upper() for word in dataset.get("ImageType", None) or ()]:
        raise FileError("it is a mosaic, many slices of a functional scan in one image")
    count = int(dataset.get("NumberOfFrames", None) or 1)
    groups = dataset.get(_FUNCTIONAL_GROUPS[0])
    if groups is not None and len(groups) != count:
        raise FileError(f"it holds {count} frames but describes {len(groups)}")
    file = FileHeader(
        path,
        sop_class=str(dataset.get("SOPClassUID", "")),
        sop_instance=str(dataset.get("SOPInstanceUID", "")),
        study=str(dataset.get("StudyInstanceUID", "")),
        series=str(dataset.get("SeriesInstanceUID", "")) or _unnamed_series(dataset),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID", None) or ""),
        modality=str(dataset.Modality),
        number=_whole(dataset.get("SeriesNumber")),
        description=str(dataset.get("SeriesDescription") or dataset.get("ProtocolName") or ""),
        patient_position=str(dataset.get("PatientPosition", None) or ""),
        frames=count,
        lossy=dataset.get("LossyImageCompression") == "01",
    )
    if groups is None and count > 1:
        raise FileError("it holds several frames without their positions")
    return [_frame(file, index, dataset) for index in range(count)]


def _unnamed_series(dataset: Dataset) -> str:
    """Return what stands for the UID of a series that has none: what its slices share."""
    axes = [round(float(n), 2) + 0.0 for n in dataset.get("ImageOrientationPatient", None) or ()]
    shared = (dataset.get("SeriesNumber"), dataset.Rows, dataset.Columns, *axes)
    return UNNAMED + "-".join(str(part) for part in shared)


def _frame(file: FileHeader, index: int, dataset: Dataset) -> Frame:
    lookup = lookup_in(dataset, index)
    position = _numbers(lookup, "ImagePositionPatient", 3)
    orientation = _numbers(lookup, "ImageOrientationPatient", 6)
    spacing = _numbers(lookup, "PixelSpacing", 2)
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    faults = (np.linalg.norm(row) - 1, np.linalg.norm(column) - 1, row @ column)
    if max(map(abs, faults)) > DIRECTION_TOLERANCE or min(spacing) <= 0:
        raise FileError(f"its orientation {orientation} or pixel spacing {spacing} is impossible")
    thickness = lookup("SliceThickness")
    return Frame(
        file,
        index,
        shape=(int(dataset.Rows), int(dataset.Columns)),
        spacing=(spacing[0], spacing[1]),
        position=position,
        orientation=orientation,
        thickness=None if thickness is None else float(thickness),
        measured=_measured(lookup),
    )


def _measured(lookup: Lookup) -> dict[str, str]:
    found = {name: (lookup(keywords), unit) for name, (keywords, unit) in MEASURED.items()}
    return {
        name: f"{_text(value)} {unit}".rstrip()
        for name, (value, unit) in found.items()
        if value is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, str | uid.UID):
        return str(value)
    if np.iterable(value):
        return "\\".join(map(_text, value))
    return f"{float(value):g}"


def _numbers(lookup: Lookup, keyword: str, count: int) -> tuple[float, ...]:
    values = lookup(keyword)
    if values is None or len(values) != count:
        raise FileError(f"it does not state its {keyword}")
    numbers = tuple(float(v) for v in values)
    if not np.isfinite(numbers).all():
        raise FileError(f"its {keyword} is not finite")
    return numbers


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
