"""Masks as an RT structure set on a CT or MR series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from mrtoct._version import __version__
from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file
from mrtoct.io.dicom.contours import outlines
from mrtoct.io.dicom.geometry import LPS_TO_RAS
from mrtoct.io.dicom.headers import Frame
from mrtoct.io.dicom.planning import require_transverse
from mrtoct.io.dicom.read import grid_of
from mrtoct.io.dicom.series import Series
from mrtoct.io.dicom.source import copied_from
from mrtoct.volume import Volume, require_same_grid

DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
SERIES_NUMBER_STEP = 2000
"""Clear of the scanner's series and of the synthetic CT's."""
OF_IMAGES = (
    "PatientPosition", "Laterality", "BodyPartExamined", "AcquisitionDate", "AcquisitionTime",
    "AcquisitionDateTime", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)  # fmt: skip
"""What images share with their source and a structure set has no place for."""


@dataclass(frozen=True, eq=False)
class Structure:
    """A mask with the name and the type that a planning system shows."""

    name: str
    mask: Volume
    type: Literal["EXTERNAL", "ORGAN", "CAVITY"]
    color: tuple[int, int, int]


def write_structures(
    path: Path,
    structures: Sequence[Structure],
    source: Series,
    *,
    label: str = "mrtoct",
    overwrite: bool = False,
) -> None:
    """Write masks (boolean, on a series' own grid) as one RT structure set that refers to it.

    Raises FileError for a name that is there or does not end in .dcm, GeometryError for slices
    that are not transverse or masks on another grid.
    """
    if path.suffix.lower() != ".dcm":
        raise FileError(f"{path} is not the name of a structure set: it must end in .dcm")
    grid = grid_of(source)
    require_transverse(grid)
    for structure in structures:
        require_same_grid(structure.mask.grid, grid, structure.name, "the series")
    with new_file(path, overwrite=overwrite) as part:
        _dataset(structures, source, label).save_as(part, enforce_file_format=True)


def _dataset(structures: Sequence[Structure], source: Series, label: str) -> Dataset:
    new = copied_from(source)
    frame_of_reference = new.FrameOfReferenceUID
    for keyword in OF_IMAGES:
        if keyword in new:
            delattr(new, keyword)
    now = datetime.now()
    new.SOPClassUID, new.SOPInstanceUID = RTStructureSetStorage, generate_uid(prefix=None)
    new.Modality = "RTSTRUCT"
    new.SeriesInstanceUID = generate_uid(prefix=None)
    new.SeriesNumber = (source.number or 0) + SERIES_NUMBER_STEP
    new.SeriesDescription = "Structures from synthetic CT (mrtoct)"
    new.OperatorsName = None
    new.Manufacturer = new.ManufacturerModelName = "mrtoct"
    new.SoftwareVersions = __version__
    new.StructureSetLabel = label[:16]
    new.StructureSetDate, new.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    new.InstanceNumber = "1"
    new.ApprovalStatus = "UNAPPROVED"
    new.ReferencedFrameOfReferenceSequence = [_reference(source, frame_of_reference)]
    new.StructureSetROISequence, new.ROIContourSequence = [], []
    new.RTROIObservationsSequence = []
    for number, structure in enumerate(structures, start=1):
        roi, drawn, observed = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, structure.name
        roi.ReferencedFrameOfReferenceUID = frame_of_reference
        roi.ROIGenerationAlgorithm = "AUTOMATIC"
        drawn.ReferencedROINumber = number
        drawn.ROIDisplayColor = list(structure.color)
        drawn.ContourSequence = _contours(structure.mask, source)
        observed.ObservationNumber = observed.ReferencedROINumber = number
        observed.RTROIInterpretedType = structure.type
        observed.ROIInterpreter = None
        new.StructureSetROISequence.append(roi)
        new.ROIContourSequence.append(drawn)
        new.RTROIObservationsSequence.append(observed)
    new.file_meta = FileMetaDataset()
    # In explicit VR the points of a long contour do not fit the length field and are lost.
    new.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return new


def _contours(mask: Volume, source: Series) -> list[Dataset]:
    lps = LPS_TO_RAS @ mask.affine
    pixel_mm2 = mask.spacing[0] * mask.spacing[1]
    stack = source.stack
    assert not isinstance(stack, str)  # its grid is known
    items = []
    for k, place in enumerate(stack.places):
        for outline in outlines(mask.voxels[:, :, k], pixel_mm2):
            points = outline.points @ lps[:3, :2].T + lps[:3, 2] * k + lps[:3, 3]
            item = Dataset()
            item.ContourImageSequence = [_image(source.frames[place[0]])]
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(points)
            item.ContourData = [f"{value:.2f}" for value in points.ravel()]
            items.append(item)
    return items


def _reference(source: Series, frame_of_reference: str) -> Dataset:
    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.uid
    series.ContourImageSequence = [_image(frame) for frame in source.frames]
    study.ReferencedSOPClassUID = DETACHED_STUDY
    study.ReferencedSOPInstanceUID = source.frames[0].file.study
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = frame_of_reference
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(frame: Frame) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = frame.file.sop_class
    item.ReferencedSOPInstanceUID = frame.file.sop_instance
    if frame.file.frames > 1:
        item.ReferencedFrameNumber = frame.index + 1
    return item
