"""DICOM files that would fill the memory, or that pydicom stumbles over."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_series import plane_directions, positions, write_series
from mrtoct.errors import FileError
from mrtoct.io.dicom import dataset
from mrtoct.io.dicom.dataset import _Whole, parsing, read_dataset
from mrtoct.io.files import read_volume

STORED = np.random.default_rng(1).integers(0, 2000, (4, 5, 6)).astype(np.uint16)


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    directions = plane_directions()
    firsts = positions(directions, 2.0 * np.arange(len(STORED)))
    return write_series(tmp_path / "mr", STORED, directions, firsts)


def deflated(path: Path, inner: bytes | None = None) -> None:
    """Write a file anew, deflated; inner takes the place of what follows its own elements."""
    image = read_dataset(path)
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    image.save_as(path, enforce_file_format=True)
    if inner is not None:
        content = path.read_bytes()
        start = 144 + struct.unpack_from("<I", content, 140)[0]
        path.write_bytes(content[:start] + inner)


def test_no_room_is_made_for_what_a_length_promises(slices: list[Path]) -> None:
    content = slices[0].read_bytes()
    with _Whole(slices[0]) as stream:
        assert stream.read(1 << 62) == content
    with _Whole(slices[0]) as stream:
        assert stream.read(10) + stream.read() == content


def test_a_deflated_series_is_read(slices: list[Path]) -> None:
    before = read_volume(slices[0].parent, "a.u.")
    for path in slices:
        deflated(path)
    after = read_volume(slices[0].parent, "a.u.")
    np.testing.assert_array_equal(after.voxels, before.voxels)
    np.testing.assert_array_equal(after.affine, before.affine)


def test_a_deflated_bomb_is_left_out(
    slices: list[Path], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "MOST_INFLATED", 1 << 22)
    pressing = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated(slices[-1], pressing.compress(bytes(8 << 20)) + pressing.flush())
    with pytest.raises(FileError, match="it unpacks to more than 4194304 bytes"):
        read_dataset(slices[-1])
    assert read_volume(slices[0].parent, "a.u.").grid.shape == (6, 5, 3)
    assert "left out: it unpacks to more than" in caplog.text


@pytest.mark.parametrize("inner", [b"", b"\xff\xff no deflate", zlib.compress(b"abc")])
def test_damaged_deflated_files_are_left_out(slices: list[Path], inner: bytes) -> None:
    deflated(slices[-1], inner)
    assert read_volume(slices[0].parent, "a.u.").grid.shape == (6, 5, 3)


def test_a_length_that_fits_no_number(slices: list[Path]) -> None:
    content = slices[-1].read_bytes()
    rows = content.index(b"\x28\0\x10\0US\2\0")
    slices[-1].write_bytes(content[: rows + 6] + b"\3\0" + content[rows + 8 :])
    assert read_volume(slices[0].parent, "a.u.").grid.shape == (6, 5, 3)


@pytest.mark.parametrize("error", dataset.PARSE_ERRORS)
def test_whatever_parsing_raises_is_one_of_our_errors(error: type[Exception]) -> None:
    with pytest.raises(FileError, match=r"a\.dcm is damaged: why"), parsing(Path("a.dcm")):
        raise error("why")
