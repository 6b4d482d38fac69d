"""DICOM series as scanners write them, for tests: made tag by tag, without the package's writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from volumes import rotation

PATIENT_NAME = "Planck^Max"
PATIENT_ID = "secret-0815"
BIRTH_DATE = "18580423"

DIRECTIONS = {
    "HFS": (1, 0, 0, 0, 1, 0),
    "HFP": (-1, 0, 0, 0, -1, 0),
    "HFDR": (0, 1, 0, -1, 0, 0),
    "HFDL": (0, -1, 0, 1, 0, 0),
    "FFS": (-1, 0, 0, 0, 1, 0),
    "FFP": (1, 0, 0, 0, -1, 0),
    "FFDR": (0, 1, 0, 1, 0, 0),
    "FFDL": (0, -1, 0, -1, 0, 0),
}
"""Rows and columns of transverse slices seen from the foot of the table, for each position."""


def plane_directions(degrees: tuple[float, float, float] = (0, 0, 0), base: str = "HFS") -> list:
    """Directions of rows and columns (6,), LPS, turned out of those of a patient position."""
    turned = rotation(degrees) @ np.array(DIRECTIONS[base], float).reshape(2, 3).T
    return turned.T.ravel().tolist()


def positions(
    directions: list, distances: np.ndarray, origin=(-31.4, 15.9, 26.5), shear=(0.0, 0.0)
) -> np.ndarray:
    """First voxels' positions (K, 3): along the normal, shifted per mm along rows and columns."""
    row, column = np.array(directions, float).reshape(2, 3)
    along = np.cross(row, column) + shear[0] * row + shear[1] * column
    return np.array(origin) + np.outer(distances, along)


def world_position(directions: list, first: np.ndarray, spacing: tuple, i: int, j: int):
    """RAS position of column i and row j of a plane, as DICOM's formula C.7.6.2.1-1 has it."""
    row, column = np.array(directions, float).reshape(2, 3)
    lps = np.asarray(first) + row * spacing[1] * i + column * spacing[0] * j
    return lps * (-1, -1, 1)


def write_series(
    folder: Path,
    stored: np.ndarray,
    directions: list,
    firsts: np.ndarray,
    *,
    spacing: tuple[float, float] = (1.3, 0.9),
    modality: str = "MR",
    seed: int = 0,
    each=lambda dataset, k: None,
    **tags: object,
) -> list[Path]:
    """Write stored integers (K, rows, columns), one file a slice, in shuffled order of names.

    each may change the dataset of a slice before it is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = _base(modality, **tags)
    order = np.random.default_rng(seed).permutation(len(stored))
    paths = []
    for k, plane in enumerate(stored):
        dataset = Dataset()
        dataset.update(base)
        dataset.SOPInstanceUID = generate_uid()
        dataset.InstanceNumber = int(order[k]) + 1
        dataset.ImagePositionPatient = [f"{v:.10g}" for v in firsts[k]]
        dataset.ImageOrientationPatient = [f"{v:.12g}" for v in directions]
        dataset.PixelSpacing = list(spacing)
        _set_pixels(dataset, plane)
        each(dataset, k)
        paths.append(folder / f"{base.SeriesNumber}-{order[k]:03d}")
        _save(dataset, paths[-1])
    return paths


def write_enhanced(
    path: Path,
    stored: np.ndarray,
    directions: list,
    firsts: np.ndarray,
    *,
    spacing: tuple[float, float] = (1.3, 0.9),
    modality: str = "MR",
    each=lambda groups, k: None,
    **tags: object,
) -> Path:
    """Write one enhanced multi-frame file; each may change the functional groups of a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = _base(modality, **tags)
    dataset.SOPClassUID = EnhancedMRImageStorage if modality == "MR" else EnhancedCTImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.NumberOfFrames = len(stored)
    for keyword in ("RescaleSlope", "RescaleIntercept", "SliceThickness", "EchoTime"):
        if keyword in dataset:
            delattr(dataset, keyword)
    shared = Dataset()
    shared.PlaneOrientationSequence = [
        made(ImageOrientationPatient=[f"{v:.12g}" for v in directions])
    ]
    shared.PixelMeasuresSequence = [made(PixelSpacing=list(spacing), SliceThickness=1)]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for k in range(len(stored)):
        groups = Dataset()
        groups.PlanePositionSequence = [made(ImagePositionPatient=[f"{v:.10g}" for v in firsts[k]])]
        groups.FrameContentSequence = [made(StackID="1", InStackPositionNumber=k + 1)]
        each(groups, k)
        dataset.PerFrameFunctionalGroupsSequence.append(groups)
    _set_pixels(dataset, stored)
    _save(dataset, path)
    return path


def made(**tags: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def _base(modality: str, **tags: object) -> Dataset:
    dataset = made(
        SOPClassUID=MRImageStorage if modality == "MR" else CTImageStorage,
        Modality=modality,
        StudyInstanceUID="1.2.3.4",
        SeriesInstanceUID=generate_uid(),
        FrameOfReferenceUID="1.2.3.5",
        SeriesNumber=5,
        SeriesDescription="t1 head",
        PatientName=PATIENT_NAME,
        PatientID=PATIENT_ID,
        PatientBirthDate=BIRTH_DATE,
        PatientSex="M",
        StudyDate="20240229",
        StudyTime="101500",
        StudyID="S1",
        AccessionNumber="A1",
        ReferringPhysicianName="Bohr^Niels",
        PatientPosition="HFS",
        PositionReferenceIndicator="",
        Manufacturer="ACME",
        ImageType=["ORIGINAL", "PRIMARY", "M"],
        SliceThickness=1,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
    )
    if modality == "CT":
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.KVP = 1, -1024, 120
    else:
        dataset.EchoTime, dataset.RepetitionTime = 3.5, 2000
        dataset.ScanningSequence, dataset.SequenceVariant = "GR", "SP"
        dataset.ScanOptions, dataset.MRAcquisitionType = "", "3D"
        dataset.EchoTrainLength = 1
    dataset.update(made(**tags))
    return dataset


def _set_pixels(dataset: Dataset, stored: np.ndarray) -> None:
    bits = 8 * stored.dtype.itemsize
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset["PixelData"].VR = "OW"


def _save(dataset: Dataset, path: Path) -> None:
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
