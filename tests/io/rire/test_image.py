"""RIRE's header.ascii and image; MetaImage, read by ITK, is the reference for a real volume."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.files import files_of, read_volume
from mrtoct.io.rire import image as rire
from mrtoct.io.scan import Scan
from mrtoct.io.unpack import pack, unpack
from mrtoct.volume import Grid, Volume
from rire_archives import metaimage_header
from volumes import oblique_grid, random_volume

# As RIRE lays it out, with a key that is in several groups and trailing blanks.
HEADER = """\
Group length := 57
Length to end := 640
Modality := CT
Comments := not for sale

Group length := 26
Other Patient ID := 001

Group length := 80
Slice thickness := 4.000000
KVP := 120
Gantry tilt := 0
Comments := none

Group length := 33
Patient Orientation := L : P : H

Group length := 180
Image dimensions := 3
Rows := 3
Columns := 5
Slices := 2
Pixel size := 0.900000 : 1.250000
Bits allocated := 16
Bits stored := 16
High bit := 15
Pixel representation := 1
"""
VALUES = (np.arange(30) * 100 - 1024).astype(">i2")


def scan(folder: Path, header: str = HEADER, image: bytes = VALUES.tobytes(), name="image.bin"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "header.ascii").write_text(header)
    (folder / name).write_bytes(image)
    return folder / "header.ascii"


def test_voxels_run_along_rows_from_the_right_front_bottom(tmp_path: Path) -> None:
    volume = read_volume(scan(tmp_path), "HU")
    # (slices, rows, columns) as the file has it; I is the column.
    expected = VALUES.astype(np.int16).reshape(2, 3, 5).transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.voxels, expected)
    assert volume.voxels.dtype == np.int16
    assert volume.unit == "HU"
    # Rows are 0.9 mm apart, columns 1.25 mm; to the left and back is negative in RAS.
    np.testing.assert_array_equal(volume.affine, np.diag([-1.25, -0.9, 4.0, 1.0]))


PACKINGS = {
    "raw": ("image.bin", VALUES.tobytes()),
    "compress": ("image.bin.Z", pack(VALUES.tobytes())),
    "gzip named .Z": ("image.bin.Z", gzip.compress(VALUES.tobytes())),
    "compress named .bin": ("image.bin", pack(VALUES.tobytes())),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_image_may_be_packed(packing: str, tmp_path: Path) -> None:
    name, content = PACKINGS[packing]
    header = scan(tmp_path / "ct", image=content, name=name)
    expected = read_volume(scan(tmp_path / "raw"), "HU")
    for path in (header, header.parent):
        np.testing.assert_array_equal(read_volume(path, "HU").voxels, expected.voxels)
        assert files_of(Scan(path)) == [header, header.parent / name]


def test_a_first_voxel_like_a_magic_number_is_a_voxel(tmp_path: Path) -> None:
    values = VALUES.copy()
    values[0] = 0x1F9D
    volume = read_volume(scan(tmp_path, image=values.tobytes()), "HU")
    assert volume.voxels[0, 0, 0] == 0x1F9D


@pytest.mark.parametrize("name", ["patient_001_ct.bin", "patient_001_ct.bin.Z"])
def test_metaimage_in_a_modality_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "patient_001" / "ct"
    folder.mkdir(parents=True)
    text = metaimage_header(HEADER.replace("0.900000", "1.250000"), "patient_001_ct.bin")
    (folder / "patient_001_ct.mhd").write_bytes(text)
    raw = VALUES.tobytes()
    (folder / name).write_bytes(pack(raw) if name.endswith(".Z") else raw)
    expected = VALUES.astype(np.int16).reshape(2, 3, 5).transpose(2, 1, 0)
    for path in (folder, folder / "patient_001_ct.mhd"):
        read = read_volume(path, "HU")
        np.testing.assert_array_equal(read.voxels, expected)
        np.testing.assert_array_equal(read.affine, np.diag([-1.25, -1.25, 4.0, 1.0]))
        assert files_of(Scan(path)) == [folder / "patient_001_ct.mhd", folder / name]
    # header.ascii is preferred where its image is there, too.
    scan(folder, image=(VALUES + 1).astype(">i2").tobytes())
    assert read_volume(folder, "HU").voxels[0, 0, 0] == -1023
    (folder / "image.bin").unlink()
    assert read_volume(folder, "HU").voxels[0, 0, 0] == -1024


def test_a_metaimage_of_a_damaged_packed_file(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_bytes(metaimage_header(HEADER, "a.bin"))
    (tmp_path / "a.bin.Z").write_bytes(pack(VALUES.tobytes())[:20])
    with pytest.raises(FileError, match=r"a\.mhd: its header announces 60 bytes"):
        read_volume(tmp_path / "a.mhd", "HU")
    (tmp_path / "a.bin.Z").write_bytes(pack(VALUES.tobytes() + b"more"))
    with pytest.raises(FileError, match=r"a\.mhd: it unpacks to more than 60 bytes"):
        read_volume(tmp_path / "a.mhd", "HU")


@pytest.mark.parametrize(
    ("letters", "diagonal"),
    [
        ("R : A : F", [[1.25, 0, 0], [0, 0.9, 0], [0, 0, -4]]),
        ("P : H : R", [[0, 0, 4], [-1.25, 0, 0], [0, 0.9, 0]]),
    ],
)
def test_other_orientations(letters: str, diagonal: list, tmp_path: Path) -> None:
    path = scan(tmp_path, HEADER.replace("L : P : H", letters))
    np.testing.assert_array_equal(read_volume(path, "HU").affine[:3, :3], diagonal)


WRONG = {
    "no rows": (("Rows := 3\n", ""), FileError, "states no Rows"),
    "rows no number": (("Rows := 3", "Rows := three"), FileError, "Rows must be 1 number"),
    "half a row": (("Rows := 3", "Rows := 3.5"), FileError, "whole number"),
    "negative": (("Rows := 3", "Rows := -3"), FileError, "whole number"),
    "one pixel size": (("0.900000 : 1.250000", "0.9"), FileError, "Pixel size must be 2"),
    "zero pixel size": (("0.900000", "0"), GeometryError, "positive"),
    "infinite": (("4.000000", "inf"), FileError, "finite"),
    "too large": (("Rows := 3", "Rows := 30"), FileError, r"holds 60 bytes.* says 600"),
    "too small": (("Rows := 3", "Rows := 2"), FileError, r"holds 60 bytes.* says 40"),
    "bytes": (("Bits allocated := 16", "Bits allocated := 8"), FileError, "16-bit"),
    "one axis twice": (("L : P : H", "L : R : H"), GeometryError, "one direction each"),
    "two letters": (("L : P : H", "L : P"), GeometryError, "one direction each"),
    "no letters": (("L : P : H", "1 : 2 : 3"), GeometryError, "one direction each"),
    "tilted": (("tilt := 0", "tilt := -15.0"), GeometryError, "Gantry tilt is -15.0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_headers_name_file_and_key(name: str, tmp_path: Path) -> None:
    (old, new), kind, said = WRONG[name]
    assert old in HEADER
    path = scan(tmp_path, HEADER.replace(old, new))
    with pytest.raises(kind, match=said) as caught:
        read_volume(path, "HU")
    assert str(tmp_path) in str(caught.value)


def test_unsigned_voxels(tmp_path: Path) -> None:
    values = np.full(30, 40_000, ">u2")
    header = HEADER.replace("Pixel representation := 1", "Pixel representation := 0")
    volume = read_volume(scan(tmp_path, header, values.tobytes()), "a.u.")
    assert volume.voxels.dtype == np.uint16
    assert volume.voxels.min() == 40_000


def test_a_header_without_image(tmp_path: Path) -> None:
    path = scan(tmp_path)
    (tmp_path / "image.bin").unlink()
    for read in (path, tmp_path):
        with pytest.raises(FileError, match="its image is missing"):
            read_volume(read, "HU")


def test_a_packed_image_that_is_cut_short(tmp_path: Path) -> None:
    packed = pack(np.random.default_rng(0).bytes(60))
    for kept in (60, 30, 3):  # 60: as many bytes as there are to be voxels
        path = scan(tmp_path, image=packed[:kept], name="image.bin.Z")
        with pytest.raises(FileError, match=r"image\.bin\.Z holds \d+ bytes"):
            read_volume(path, "HU")


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1)])
def test_round_trip_from_any_storage_order(flip: tuple[int, int, int], tmp_path: Path) -> None:
    shape, spacing = (7, 5, 4), np.array([0.653595, 1.3, 4.1])
    values = random_volume(Grid(shape, np.eye(4))).voxels
    # The same scan, stored (K, I, J) and with some axes the other way round.
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing * flip)[:, [2, 0, 1]]
    affine[:3, 3] = (11.0, -12.0, 13.0)
    stored = values.transpose(2, 0, 1)
    volume = Volume(stored, Grid(stored.shape, affine), "HU")
    rire.write(tmp_path / "ct", rire.in_rire_frame(volume), "CT")
    read = read_volume(tmp_path / "ct", "HU")
    np.testing.assert_array_equal(read.affine, np.diag([*(-1, -1, 1) * spacing, 1]))
    # Each voxel is where it was, but for one translation.
    index = np.argwhere(np.ones(stored.shape, bool))
    world = volume.grid.to_world(index)
    lowest = np.array([world[:, 0].max(), world[:, 1].max(), world[:, 2].min()])
    at = np.rint(read.grid.to_index(world - lowest)).astype(int)
    np.testing.assert_array_equal(read.voxels[tuple(at.T)], stored[tuple(index.T)])


def test_lengths_count_bytes(tmp_path: Path) -> None:
    volume = rire.in_rire_frame(random_volume(Grid((3, 4, 5), np.eye(4))))
    rire.write(tmp_path / "mr_T1", volume, "MR", "T1")
    text = (tmp_path / "mr_T1" / "header.ascii").read_text()
    groups = text.removesuffix("\n\n").split("\n\n")
    assert len(groups) == 5
    for group in groups:
        first, rest = (group + "\n").split("\n", 1)
        assert first == f"Group length := {len(rest)}"
    before, after = text.split("Length to end := ")
    assert before.startswith("Group length") and int(after.split("\n")[0]) == len(
        after.split("\n", 1)[1]
    )
    assert rire.read_header(tmp_path / "mr_T1" / "header.ascii").modality == "MR"
    assert "Comments := T1\n" in text


def test_writing_loses_nothing_in_silence(tmp_path: Path) -> None:
    volume = random_volume(oblique_grid())
    with pytest.raises(GeometryError, match="no position"):
        rire.write(tmp_path / "a", volume, "CT")
    shifted = np.diag([-1.0, -1.0, 2.0, 1.0])
    shifted[2, 3] = 0.5
    with pytest.raises(GeometryError, match="no position"):
        rire.write(tmp_path / "a", random_volume(Grid((3, 4, 5), shifted)), "CT")
    floats = volume.with_voxels(volume.voxels.astype(np.float32))
    with pytest.raises(ValueRangeError, match="float32"):
        rire.write(tmp_path / "a", rire.in_rire_frame(floats), "CT")
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    with pytest.raises(GeometryError, match="sheared"):
        rire.in_rire_frame(random_volume(Grid((3, 4, 5), sheared)))
    rire.write(tmp_path / "a", rire.in_rire_frame(volume), "CT")
    with pytest.raises(FileError, match="exists already"):
        rire.write(tmp_path / "a", rire.in_rire_frame(volume), "CT")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_real_scan(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "rire" / "training_001_mr_T1.mha"
    volume = read_volume(path, "a.u.")
    rire.write(tmp_path / "mr_T1", volume, "MR", "T1")
    read = read_volume(tmp_path / "mr_T1", "a.u.")
    assert read.grid.matches(volume.grid)
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    # ITK, asked where a voxel is and what it holds.
    image = sitk.ReadImage(path)
    for index in ((0, 0, 0), (200, 31, 25), (131, 140, 12)):
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(read.grid.to_world(index), lps * (-1, -1, 1), atol=1e-6)
        assert read.voxels[index] == image[index]
    raw = unpack((tmp_path / "mr_T1" / "image.bin.Z").read_bytes(), 1 << 24)
    assert raw == sitk.GetArrayFromImage(image).astype(">i2").tobytes()
