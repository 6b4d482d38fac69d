"""What a derived image takes from the images it was made of: patient, study, frame, references."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from mrtoct.io.dicom.dataset import parsing, read_dataset
from mrtoct.io.dicom.headers import Frame
from mrtoct.io.dicom.series import Series

log = logging.getLogger(__name__)

REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
    "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber", "PatientPosition",
    "FrameOfReferenceUID", "PositionReferenceIndicator", "Laterality",
)  # fmt: skip
"""Must be there, empty where the source does not know them (types 1, 2 and 2C)."""

OPTIONAL = (
    "SpecificCharacterSet", "TimezoneOffsetFromUTC",
    # Patient, and how far it was made anonymous
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "PatientBirthTime", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames",
    "QualityControlSubject", "EthnicGroup", "PatientComments", "ReferencedPatientSequence",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription",
    "PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson",
    "ResponsiblePersonRole", "ResponsibleOrganization", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
    # Clinical trial
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription",
    # Study, and the patient at its time
    "StudyDescription", "IssuerOfAccessionNumberSequence", "PhysiciansOfRecord",
    "ReferencedStudySequence", "ProcedureCodeSequence", "AdmittingDiagnosesDescription",
    "PatientAge", "PatientSize", "PatientWeight", "MedicalAlerts", "Allergies",
    "PregnancyStatus", "PatientSexNeutered", "Occupation", "AdditionalPatientHistory",
    # When and of what the data were acquired
    "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "BodyPartExamined",
)  # fmt: skip
"""Copied where the source states them."""

_LOSSY = ("LossyImageCompressionRatio", "LossyImageCompressionMethod")


def copied_from(source: Series) -> Dataset:
    """Return what a new series in the same study and frame of reference shares with its source."""
    first = source.frames[0].file
    new = Dataset()
    with parsing(first.path):
        header = read_dataset(first.path, tags=[*REQUIRED, *OPTIONAL, *_LOSSY])
        for keyword in (*REQUIRED, *OPTIONAL):
            if keyword in header:
                _copy(header, new, keyword)
            elif keyword in REQUIRED:
                setattr(new, keyword, None)
        if any(frame.file.lossy for frame in source.frames):
            for keyword in _LOSSY:
                if keyword in header:
                    _copy(header, new, keyword)
    if new.get("BodyPartExamined") and not new.Laterality:
        del new.Laterality  # only to be there, empty, where the part of the body is not known
    if not new.StudyInstanceUID:
        log.warning("the MR states no study: the CT series gets a new one")
        new.StudyInstanceUID = generate_uid(prefix=None)
    if not (str(new.PatientName or "").strip() and str(new.PatientID or "").strip()):
        log.warning(
            "the MR has an empty patient name or ID, and so has the CT series: most planning "
            "systems refuse it"
        )
    # A scanner without a frame of reference leaves none to share, but planes need one.
    new.FrameOfReferenceUID = first.frame_of_reference or generate_uid(prefix=None)
    new.LossyImageCompression = "00"
    if any(frame.file.lossy for frame in source.frames):
        new.LossyImageCompression = "01"  # once lossy, always lossy
    return new


def _copy(header: Dataset, new: Dataset, keyword: str) -> None:
    """Copy a value, as of the kind that DICOM says it is: a damaged file may say another."""
    setattr(new, keyword, header[keyword].value)


def references_to(frames: Sequence[Frame], *, same_place: bool) -> Dataset:
    """Return the attributes that name the images of one series that a plane was made of.

    Images that were stripped of their UIDs cannot be named: none are.
    """
    new, series = Dataset(), Dataset()
    if not all(frame.file.sop_instance and frame.file.sop_class for frame in frames):
        return new
    new.SourceImageSequence = _instances(frames)
    for item in new.SourceImageSequence:
        item.SpatialLocationsPreserved = "YES" if same_place else "NO"
        item.PurposeOfReferenceCodeSequence = [
            coded(codes.DCM.SourceImageForImageProcessingOperation)
        ]
    series.SeriesInstanceUID = frames[0].file.series
    series.ReferencedInstanceSequence = _instances(frames)
    new.ReferencedSeriesSequence = [series]
    return new


def coded(code: Code) -> Dataset:
    """Return a code as an item of a code sequence."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    return item


def _instances(frames: Sequence[Frame]) -> list[Dataset]:
    numbers: dict[str, list[int]] = {}
    files = {}
    for frame in frames:
        files[frame.file.sop_instance] = frame.file
        numbers.setdefault(frame.file.sop_instance, []).append(frame.index + 1)
    items = []
    for instance, file in files.items():
        item = Dataset()
        item.ReferencedSOPClassUID = file.sop_class
        item.ReferencedSOPInstanceUID = instance
        if len(numbers[instance]) < file.frames:
            item.ReferencedFrameNumber = sorted(numbers[instance])
        items.append(item)
    return items
