"""Tiny DICOM series: classic MR and CT, packed, deflated, enhanced."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    MRImageStorage,
    RLELossless,
)

from mrtoct.io.dicom.listing import choose_series, list_series
from mrtoct.io.dicom.write import write_ct_series
from mrtoct.io.files import as_int16
from mrtoct.volume import Volume

from .samples import Files, files_in

SLICES, ROWS, COLUMNS = 3, 6, 5
ROOT = "1.2.826.0.1.3680043.8.498.1."


def series(kind: str) -> Files:
    """Return the files of one series; kind: mr, ct, implicit, deflated, rle, jpeg or enhanced."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind == "enhanced":
            _save(_enhanced(), folder / "enhanced.dcm", ExplicitVRLittleEndian)
            return files_in(folder)
        syntax = {
            "implicit": ImplicitVRLittleEndian,
            "deflated": DeflatedExplicitVRLittleEndian,
        }.get(kind, ExplicitVRLittleEndian)
        for k in range(SLICES):
            image = _classic(k)
            if kind == "rle":
                image.compress(RLELossless)
                syntax = RLELossless
            elif kind == "jpeg":  # only ITK decodes it
                image.PixelData = encapsulate([_jpeg(image.PixelData)])
                image["PixelData"].VR = "OB"
                syntax = JPEGLosslessSV1
            _save(image, folder / f"{k}.dcm", syntax)
        if kind != "ct":
            return files_in(folder)
        source = choose_series(list_series(folder))
        grid_values = np.arange(SLICES * ROWS * COLUMNS).reshape(COLUMNS, ROWS, SLICES)
        from mrtoct.io.dicom.read import grid_of

        sct = as_int16(Volume(grid_values * 10.0 - 500, grid_of(source), "HU"))
        write_ct_series(folder / "ct", sct, source)
        return files_in(folder / "ct")


def _save(image: Dataset, path: Path, syntax: UID) -> None:
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.save_as(path, enforce_file_format=True)


def _common() -> Dataset:
    image = Dataset()
    image.Modality = "MR"
    image.StudyInstanceUID, image.SeriesInstanceUID = ROOT + "1", ROOT + "2"
    image.FrameOfReferenceUID = ROOT + "3"
    image.SeriesNumber, image.SeriesDescription = 5, "t1 mprage"
    image.PatientPosition = "HFS"
    image.PatientName, image.PatientID = "Nobody", "0"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.EchoTime, image.RepetitionTime, image.FlipAngle = "2.5", "1900", "9"
    return image


def _pixels(count: int) -> bytes:
    return (np.arange(count * ROWS * COLUMNS) * 7 % 4000).astype("<u2").tobytes()


def _jpeg(stored: bytes) -> bytes:
    """Return one image as lossless JPEG."""
    image = sitk.GetImageFromArray(np.frombuffer(stored, "<u2").reshape(1, ROWS, COLUMNS))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "jpeg.dcm"
        writer = sitk.ImageFileWriter()
        writer.SetImageIO("GDCMImageIO")
        writer.SetFileName(path)
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.Execute(image)
        return next(generate_frames(dcmread(path).PixelData, number_of_frames=1))


def _classic(k: int) -> Dataset:
    image = _common()
    image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, f"{ROOT}4.{k + 1}"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    image.InstanceNumber = k + 1
    image.PixelSpacing, image.SliceThickness = ["1.3", "0.9"], "2"
    image.ImageOrientationPatient = ["0.8", "0.6", "0", "-0.6", "0.8", "0"]
    image.ImagePositionPatient = ["-10", "5", str(2 * k)]
    image.PixelPaddingValue = 0
    image.PixelData = _pixels(1)
    image["PixelData"].VR = "OW"
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def _enhanced() -> Dataset:
    image = _common()
    image.SOPClassUID, image.SOPInstanceUID = EnhancedMRImageStorage, ROOT + "5"
    image.NumberOfFrames = SLICES
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = ["1.3", "0.9"], "2"
    plane.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    image.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in range(SLICES):
        place, group, content = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = ["-10", "5", str(2 * k)]
        content.StackID, content.InStackPositionNumber = "1", k + 1
        group.PlanePositionSequence = Sequence([place])
        group.FrameContentSequence = Sequence([content])
        frames.append(group)
    image.PerFrameFunctionalGroupsSequence = Sequence(frames)
    image.PixelData = _pixels(SLICES)
    image["PixelData"].VR = "OW"
    return image
