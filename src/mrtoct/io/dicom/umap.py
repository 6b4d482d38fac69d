"""An attenuation map of a PET/MR scanner: read as it is stored, written back under its own header.

Nobody but the scanner makes such a header, private groups and all; reconstruction looks for it. So
pixels are exchanged and all else is kept, but for what must be new in a derived series.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import new_folder
from mrtoct.io.dicom.dataset import parsing, read_dataset
from mrtoct.io.dicom.read import grid_of, read_series
from mrtoct.io.dicom.series import Series
from mrtoct.io.dicom.source import references_to
from mrtoct.volume import Array, Volume, require_same_grid

PER_CM = 10_000.0
"""Values as stored, after any rescaling, are 1/cm times this: water is 960."""
HIGHEST_PER_CM, TISSUE_PER_CM = 0.5, 0.05
"""Metal is 0.3 to 0.5; a map of a patient holds tissue."""
SERIES_NUMBER_STEP = 1000


def read_umap(series: Series) -> Volume:
    """Return an attenuation map in 1/cm, float32; raises ValueRangeError if it cannot be one."""
    stored = read_series(series, "a.u.")
    low, high = float(stored.voxels.min()), float(stored.voxels.max())
    if low < 0 or not TISSUE_PER_CM <= high / PER_CM <= HIGHEST_PER_CM:
        raise ValueRangeError(
            f"series {series.name}: its values run from {low:g} to {high:g}; an attenuation map "
            f"holds 0 to about 2000, {PER_CM:g} times 1/cm (water 960): is it another series?"
        )
    return stored.with_voxels((stored.voxels / PER_CM).astype(np.float32), "1/cm")


def write_umap(
    folder: Path, mu: Volume, source: Series, *, description: str, overwrite: bool = False
) -> None:
    """Write a map (1/cm) on the grid of an attenuation map's series, under that series' headers.

    Study, frame of reference, private groups and file names are kept; series and image UIDs, the
    series' number and description are new. Raises FileError for multi-frame files, GeometryError
    for another grid.
    """
    require_same_grid(mu.grid, grid_of(source), "the map", "the attenuation map's series")
    target = Path(folder).resolve()
    if any(path.resolve().is_relative_to(target) for path in source.files):
        raise FileError(f"{folder} holds the original attenuation map; write to another folder")
    uid = generate_uid(prefix=None)
    stack = source.stack
    assert not isinstance(stack, str)  # grid_of has raised otherwise
    with new_folder(folder, overwrite=overwrite) as part:
        for k, place in enumerate(stack.places):
            frame = source.frames[place[0]]
            if frame.file.frames != 1:
                raise FileError(
                    f"{frame.file.path} holds several frames; one file per slice is needed"
                )
            with parsing(frame.file.path):
                image = read_dataset(frame.file.path)
                _set_pixels(image, mu.voxels[:, :, k].T, frame.file.path)
                image.update(references_to([frame], same_place=True))
                image.SeriesInstanceUID = uid
                image.SOPInstanceUID = generate_uid(prefix=None)
                image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
                image.SeriesNumber = (source.number or 0) + SERIES_NUMBER_STEP
                image.SeriesDescription = f"{source.description[:40]} from synthetic CT"
                image.DerivationDescription = description
                image.save_as(part / f"UMAP{k + 1:04d}.dcm", enforce_file_format=True)


def _set_pixels(image: Dataset, mu: Array, path: Path) -> None:
    """Put values into an image, by its own rescaling and in its own type."""
    slope = float(image.get("RescaleSlope", None) or 1.0)
    intercept = float(image.get("RescaleIntercept", None) or 0.0)
    stored = np.rint((mu * PER_CM - intercept) / slope)
    kind = np.dtype(f"<{'i' if image.PixelRepresentation else 'u'}{image.BitsAllocated // 8}")
    low, high = float(stored.min()), float(stored.max())
    most = 2 ** (int(image.BitsStored) - int(image.PixelRepresentation)) - 1
    if low < (-most - 1 if image.PixelRepresentation else 0) or high > most:
        raise ValueRangeError(f"{path} cannot store {low:g} to {high:g}; it holds up to {most}")
    if image.file_meta.TransferSyntaxUID.is_compressed:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if not image.file_meta.TransferSyntaxUID.is_little_endian:
        raise FileError(f"{path} is big-endian; convert it first")
    image.PixelData = np.ascontiguousarray(stored.astype(kind)).tobytes()
    image["PixelData"].VR = "OW" if image.BitsAllocated > 8 else "OB"
    for keyword, value in (("SmallestImagePixelValue", low), ("LargestImagePixelValue", high)):
        if keyword in image:
            setattr(image, keyword, int(value))
