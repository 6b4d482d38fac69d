"""A synthetic CT as a CT series that a treatment planning system takes.

It belongs to the MR's study and frame of reference: contours and plans of one are right on the
other. What only a CT scanner would know stays empty; but tube voltage and kernel are those of the
CTs that its HU are like, where they are known: planning systems choose a calibration by them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import new_folder
from mrtoct.io.calibration import UNKNOWN, CtCalibration
from mrtoct.io.dicom.geometry import LPS_TO_RAS
from mrtoct.io.dicom.planning import is_transverse, planning_grid
from mrtoct.io.dicom.read import find_series, grid_of, uneven_slices
from mrtoct.io.dicom.series import Series
from mrtoct.io.dicom.source import coded, copied_from, references_to
from mrtoct.io.dicom.structures import Structure, write_structures
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Grid, Volume
from mrtoct.volume.picture import share

STRUCTURES = "structures.dcm"
Slices = Literal["transverse", "source"]

INTERCEPT = -1024
"""Stored values are HU + 1024: from 0 in air, as scanners write them, so that a reader who takes
them for unsigned is right, too."""

SERIES_NUMBER_STEP = 1000
"""The sCT of series 5 is series 1005: beside it in the study, clear of the scanner's numbers."""


def write_ct_series(
    folder: Path | str,
    sct: Volume,
    source: Series,
    *,
    derivation: str = "Synthetic CT estimated from MR",
    calibration: CtCalibration = UNKNOWN,
    slices: Slices = "transverse",
    structures: Sequence[Structure] = (),
    overwrite: bool = False,
) -> Volume:
    """Write an sCT (HU, whole numbers) as a folder of CT images beside the MR series it is from.

    The sCT lies in the world of the source: on its grid, or on another in the same frame of
    reference. With transverse slices a sagittal, coronal, oblique or sheared grid is resampled
    onto upright transverse slices, which is all that most planning systems take; source keeps any
    grid. An MR of uneven slices must have been read onto even ones. calibration is of the CTs whose
    HU the sCT has. structures, on the grid of the slices, become an RT structure set in the same
    folder, on the new images. Returns the volume as written. Raises FileError if the folder exists
    and overwrite is false, ValueRangeError for values that are no whole HU, GeometryError for
    structures on another grid.
    """
    _require_hu(sct)
    target = Path(folder).resolve()
    if any(path.resolve().is_relative_to(target) for path in source.files):
        raise FileError(f"{folder} holds the MR that the CT is from; write to another folder")
    written = sct
    if slices == "transverse" and not is_transverse(sct.grid):
        resampled = resample(sct, planning_grid(sct.grid), fill=AIR_HU)
        written = resampled.with_voxels(np.rint(resampled.voxels).astype(np.int16))
    if written.measured is not None:
        # A CT series has no place for a mask: air and what nobody knows are both -1024 HU.
        missing = share(written.unmeasured)
        derivation += f"; {missing} of its voxels were not measured by the MR and hold -1024 HU"
    is_resampled = written is not sct or uneven_slices(source) is not None
    common = _common(source, derivation, calibration, spatially_resampled=is_resampled)
    with new_folder(Path(folder), overwrite=overwrite) as part:
        for k, image in enumerate(_images(written, source, common), start=1):
            image.save_as(part / f"CT{k:04d}.dcm", enforce_file_format=True)
        if structures:
            write_structures(part / STRUCTURES, structures, find_series(part, "HU"))
    return written


def _require_hu(sct: Volume) -> None:
    if sct.unit != "HU" or sct.voxels.dtype.kind not in "iu":
        raise ValueRangeError(
            f"a CT series holds integer HU, got {sct.voxels.dtype} voxels in {sct.unit}"
        )
    low, high = int(sct.voxels.min()), int(sct.voxels.max())
    info = np.iinfo(np.int16)
    if low - INTERCEPT < info.min or high - INTERCEPT > info.max:
        allowed = f"{info.min + INTERCEPT} to {info.max + INTERCEPT}"
        raise ValueRangeError(f"a CT series holds {allowed} HU, got {low} to {high}")


def _common(
    source: Series, derivation: str, calibration: CtCalibration, *, spatially_resampled: bool
) -> Dataset:
    """Return what all images of the new series share."""
    new = copied_from(source)
    now = _now(str(new.get("TimezoneOffsetFromUTC", None) or ""))
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    # Series
    new.Modality = "CT"
    new.SeriesInstanceUID = generate_uid(prefix=None)
    new.SeriesNumber = None if source.number is None else source.number + SERIES_NUMBER_STEP
    new.SeriesDescription = _described(calibration)
    new.SeriesDate, new.SeriesTime = date, time
    # Equipment: what made these images, not what made their source
    new.Manufacturer = "mrtoct"
    new.ManufacturerModelName = "mrtoct"
    new.SoftwareVersions = version("mrtoct")
    # Image
    new.SOPClassUID = CTImageStorage
    new.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    new.InstanceCreationDate, new.InstanceCreationTime = date, time
    new.ContentDate, new.ContentTime = date, time
    new.DerivationDescription = _plain(derivation)
    if spatially_resampled:
        new.DerivationCodeSequence = [coded(codes.DCM.SpatialResampling)]
    new.ImageComments = "Synthetic CT estimated from MR, not measured. Research only."
    new.BurnedInAnnotation = "NO"
    new.AcquisitionNumber = None
    new.KVP = None if calibration.kvp is None else f"{calibration.kvp:g}"
    if calibration.kernel:
        new.ConvolutionKernel = _plain(calibration.kernel[:16])
    # Pixels
    new.SamplesPerPixel = 1
    new.PhotometricInterpretation = "MONOCHROME2"
    new.BitsAllocated, new.BitsStored, new.HighBit = 16, 16, 15
    new.PixelRepresentation = 1
    new.RescaleSlope, new.RescaleIntercept, new.RescaleType = 1, INTERCEPT, "HU"
    new.WindowCenter, new.WindowWidth = 40, 400
    return new


def _described(calibration: CtCalibration) -> str:
    """Return the series' description, with as much of the calibration as fits its 64 letters."""
    parts = [f"{calibration.kvp:g} kVp"] if calibration.kvp else []
    parts += [calibration.kernel[:16]] if calibration.kernel else []
    like = f", HU as at {' '.join(parts)}" if parts else ""
    return _plain(f"Synthetic CT from MR (mrtoct){like}")


def _plain(text: str) -> str:
    """Return letters that every character set of DICOM has."""
    return text.encode("ascii", "replace").decode()


def _images(sct: Volume, source: Series, common: Dataset) -> Iterator[Dataset]:
    """Yield one image for each slice along K."""
    lps = LPS_TO_RAS @ sct.affine
    i, j, k = sct.spacing
    row, column = lps[:3, 0] / i, lps[:3, 1] / j
    normal = np.cross(row, column)
    made_of = _made_of(sct.grid, source)
    for number in range(sct.grid.shape[2]):
        position = lps[:3, 3] + number * lps[:3, 2]
        image = Dataset()
        image.update(common)
        image.update(made_of[number])
        image.SOPInstanceUID = generate_uid(prefix=None)
        image.InstanceNumber = number + 1
        image.ImagePositionPatient = _decimals(position)
        image.ImageOrientationPatient = _decimals([*row, *column])
        image.SliceLocation = _decimals([float(position @ normal)])[0]
        image.SliceThickness = _decimals([k])[0]
        image.SpacingBetweenSlices = _decimals([float(abs(lps[:3, 2] @ normal))])[0]
        image.PixelSpacing = _decimals([j, i])
        pixels = np.ascontiguousarray(sct.voxels[:, :, number].T.astype(np.int32) - INTERCEPT)
        image.Rows, image.Columns = pixels.shape
        image.PixelData = pixels.astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        yield image


def _made_of(grid: Grid, source: Series) -> list[Dataset]:
    """Refer each slice to the source's images in its place; to all of them on another grid.

    On uneven slices a slice of an even grid lies between images, or happens to lie on one.
    """
    stack = source.stack
    if isinstance(stack, str) or uneven_slices(source) or not grid.matches(grid_of(source)):
        return [references_to(source.frames, same_place=False)] * grid.shape[2]
    return [
        references_to([source.frames[n] for n in place], same_place=True) for place in stack.places
    ]


def _decimals(numbers: Array | list[float]) -> list[str]:
    # Directions keep the 16 characters that DICOM gives a number; minus zero is zero.
    return [format_number_as_ds(float(n) + 0.0) for n in numbers]


def _now(offset: str) -> datetime:
    """Return the time in the zone that the source's times are in, such as +0100."""
    try:
        sign, hours, minutes = offset[0], int(offset[1:3]), int(offset[3:5])
    except (IndexError, ValueError):
        return datetime.now().astimezone()
    delta = timedelta(hours=hours, minutes=minutes)
    return datetime.now(timezone(-delta if sign == "-" else delta))
