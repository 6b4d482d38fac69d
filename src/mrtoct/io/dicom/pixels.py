"""Stored pixels to numbers that mean something: decoded, rescaled, padding replaced.

What pydicom cannot decode with the plugins at hand goes to the codecs inside SimpleITK, which know
lossless JPEG and JPEG-LS: no further packages for what hospitals send every day.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import (
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    generate_uid,
)

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.dicom.dataset import parsing, read_dataset
from mrtoct.io.dicom.decoder import CannotDecodeError, DecoderEndedError, decode
from mrtoct.io.dicom.headers import lookup_in
from mrtoct.volume import Array, Unit, outside

log = logging.getLogger(__name__)

PADDING_BELOW_HU = -900.0
"""Padding that would be tissue is a wrong header: those voxels were measured."""

HU_TYPES = ("HU", "US", "")
"""Rescale types that mean HU; US is unspecified, which scanners write for HU."""


PIXEL_KEYWORDS = (
    "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "PixelData",
)  # fmt: skip
"""What a decoder needs to know, and nothing else."""


def read_planes(path: Path, indices: list[int], unit: Unit) -> list[Array]:
    """Return planes (rows, columns) of a file in HU or arbitrary units.

    Integers where slope and intercept are whole, else float32. Raises FileError for a damaged file
    or an unknown compression, ValueRangeError where values cannot be what the unit says.
    """
    try:
        with parsing(path):
            dataset = read_dataset(path)
            stored = _stored(dataset, path)
            return [_values(dataset, stored[index], index, unit) for index in indices]
    except (FileError, ValueRangeError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error


def _stored(dataset: Dataset, path: Path) -> Array:
    """Decode all planes (frames, rows, columns) as the integers that were stored."""
    photometric = dataset.PhotometricInterpretation
    if photometric != "MONOCHROME2":
        # MONOCHROME1 says that low values are bright: whether they were inverted nobody tells.
        raise FileError(f"grey values must be MONOCHROME2, got {photometric}")
    if dataset.HighBit != dataset.BitsStored - 1:
        raise FileError(f"its highest bit {dataset.HighBit} is not the last of those stored")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pixels = dataset.pixel_array
    except Exception as error:  # plugins raise what they like
        reason = " ".join(str(error).split())
        # What pydicom has a decoder for is damaged; a broken RLE ends the process inside ITK.
        decoder = _decoder_for(syntax)
        known = decoder is not None and decoder.is_available
        if not syntax.is_compressed or syntax.is_deflated or known:
            raise FileError(f"its pixels cannot be read: {reason}") from error
        pixels = _decoded_by_itk(dataset, reason)
    shape = (int(dataset.get("NumberOfFrames", None) or 1), dataset.Rows, dataset.Columns)
    pixels = np.asarray(pixels).reshape(shape)
    # Bits above those stored may hold anything, such as an overlay; the sign is the last one's.
    unused = 8 * pixels.dtype.itemsize - int(dataset.BitsStored)
    kind = "i" if dataset.PixelRepresentation else "u"
    return np.asarray(pixels.view(f"{kind}{pixels.dtype.itemsize}") << unused >> unused)


def _decoded_by_itk(dataset: Dataset, reason: str) -> Array:
    """Decode through a bare file without what would rescale or rearrange the values."""
    syntax = dataset.file_meta.TransferSyntaxUID
    bare = Dataset()
    for keyword in PIXEL_KEYWORDS:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare["PixelData"].VR = "OB"
    bare.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.SOPInstanceUID = generate_uid(prefix=None)
    bare.file_meta = FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = syntax
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bare.dcm"
            bare.save_as(path, enforce_file_format=True)
            return decode(path)
    except DecoderEndedError as error:
        raise FileError(
            f"its pixels ({syntax.name}) are damaged, {error}; copy or export it again"
        ) from error
    except (CannotDecodeError, ValueError) as error:
        raise FileError(
            f"its pixels ({syntax.name}) cannot be decoded; if the file is intact, install a "
            f"pydicom plugin for them ({_plugins(syntax) or reason})"
        ) from error


def _decoder_for(syntax: str) -> Decoder | None:
    """Return pydicom's decoder of a transfer syntax, which may lack its plugins, if it has one."""
    try:
        return get_decoder(syntax)
    except (NotImplementedError, KeyError):
        return None


def _plugins(syntax: str) -> str:
    decoder = _decoder_for(syntax)
    return "; ".join(decoder.missing_dependencies) if decoder else ""


def _values(dataset: Dataset, stored: Array, index: int, unit: Unit) -> Array:
    """Apply slope and intercept of one plane, and put what padding stands for in its place."""
    lookup = lookup_in(dataset, index)
    slope, intercept = lookup("RescaleSlope"), lookup("RescaleIntercept")
    if lookup("ModalityLUTSequence") is not None:
        raise FileError("its values come through a lookup table, which is not allowed")
    if unit == "HU":
        kind = str(lookup("RescaleType") or "").upper()
        if slope is None or intercept is None:
            raise ValueRangeError("it states no rescale slope and intercept, so no HU")
        if kind not in HU_TYPES:
            raise ValueRangeError(f"its values must be HU, got {kind}")
    a = 1.0 if slope is None else float(slope)
    b = 0.0 if intercept is None else float(intercept)
    if not (np.isfinite([a, b]).all() and a):
        raise ValueRangeError(f"its rescale slope {a} and intercept {b} are impossible")
    if a.is_integer() and b.is_integer():
        values = narrowed(stored.astype(np.int64) * int(a) + int(b))
    else:
        values = (stored * a + b).astype(np.float32)
    padding = lookup("PixelPaddingValue")
    if padding is None:
        return values
    limit = lookup("PixelPaddingRangeLimit")
    low, high = sorted((int(padding), int(padding if limit is None else limit)))
    if unit == "HU" and max(low * a + b, high * a + b) > PADDING_BELOW_HU:
        log.warning("voxels with the padding value of %g HU count as measured", high * a + b)
        return values
    values[(stored >= low) & (stored <= high)] = outside(unit)
    return values


def narrowed(values: Array) -> Array:
    """Store whole numbers as int16 where they fit, else uint16, else int32."""
    low, high = int(values.min()), int(values.max())
    for kind in (np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind, copy=False)
    return values
