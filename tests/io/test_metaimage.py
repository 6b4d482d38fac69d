"""MetaImage against SimpleITK, both ways, and headers that cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from itk_images import LPS, itk_image
from mrtoct.errors import FileError, GeometryError
from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume


def assert_same_positions(grid: Grid, image: sitk.Image) -> None:
    assert grid.shape == image.GetSize()[:3]
    for index in np.ndindex(2, 2, 2):
        corner = [int(i * (n - 1)) for i, n in zip(index, grid.shape, strict=True)]
        lps = image.TransformIndexToPhysicalPoint(corner)
        np.testing.assert_allclose(grid.to_world(corner), lps * LPS, atol=1e-9)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
@pytest.mark.parametrize("compressed", [True, False])
def test_we_read_what_itk_writes(tmp_path, suffix, compressed, flip):
    volume = random_volume(oblique_grid(flip=flip))
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(itk_image(volume), str(path), useCompression=compressed)
    back = read_volume(path, "HU")
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-12)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_itk_reads_what_we_write(tmp_path, suffix, flip):
    volume = random_volume(oblique_grid(flip=flip))
    path = tmp_path / f"ct{suffix}"
    write_volume(path, volume)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, volume.voxels)
    assert_same_positions(volume.grid, image)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_every_type_crosses_both_ways(tmp_path, dtype):
    grid = oblique_grid()
    voxels = np.random.default_rng(0).integers(0, 120, grid.shape).astype(dtype)
    sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(voxels.T)), str(tmp_path / "a.mha"))
    back = read_volume(tmp_path / "a.mha", "a.u.").voxels
    np.testing.assert_array_equal(back, voxels)
    assert back.dtype == (np.float32 if dtype == "f8" else np.dtype(dtype))
    write_volume(tmp_path / "b.mha", Volume(voxels, grid, "a.u."))
    image = sitk.ReadImage(str(tmp_path / "b.mha"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, voxels)


def test_a_single_frame_of_four_dimensions(tmp_path):
    volume = random_volume(oblique_grid(flip=(1, 1, -1)))
    frame = itk_image(volume)
    image = sitk.JoinSeries([frame], 0.0, 2.5)
    sitk.WriteImage(image, str(tmp_path / "f.mha"))
    back = read_volume(tmp_path / "f.mha", "HU")
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    assert_same_positions(back.grid, frame)
    sitk.WriteImage(sitk.JoinSeries([frame, frame]), str(tmp_path / "g.mha"))
    with pytest.raises(GeometryError, match="one frame is allowed, got DimSize 13 10 7 2"):
        read_volume(tmp_path / "g.mha", "HU")


def test_flat_and_coloured_images_are_refused(tmp_path):
    sitk.WriteImage(sitk.Image(5, 6, sitk.sitkInt16), str(tmp_path / "flat.mha"))
    with pytest.raises(GeometryError, match="three dimensions, got 2"):
        read_volume(tmp_path / "flat.mha", "HU")
    sitk.WriteImage(sitk.Image((5, 6, 7), sitk.sitkVectorUInt8, 3), str(tmp_path / "rgb.mha"))
    with pytest.raises(FileError, match="one number per voxel is allowed, got 3 channels"):
        read_volume(tmp_path / "rgb.mha", "HU")


def test_many_copied_tags_in_the_header_do_no_harm(tmp_path):
    volume = random_volume(oblique_grid())
    image = itk_image(volume)
    for n in range(300):
        image.SetMetaData(f"tag_{n:04d}", f"some = value : with separators {n} " * 3)
    sitk.WriteImage(image, str(tmp_path / "t.mha"))
    assert (tmp_path / "t.mha").read_bytes().index(b"LOCAL") > 20_000
    np.testing.assert_array_equal(read_volume(tmp_path / "t.mha", "HU").voxels, volume.voxels)


VOXELS = np.arange(-105, 105, dtype=np.int16).reshape((5, 6, 7), order="F")
HEADER = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "-10 20 30",
    "ElementSpacing": "1 2 3",
    "DimSize": "5 6 7",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def save(path: Path, data: bytes = VOXELS.tobytes(order="F"), newline="\n", **changes) -> Path:
    """Write a header by hand; a value of None leaves its key out."""
    file = HEADER["ElementDataFile"]
    header = {**HEADER, **changes, "ElementDataFile": changes.get("ElementDataFile", file)}
    header["ElementDataFile"] = header.pop("ElementDataFile")
    lines = [f"{key} = {value}{newline}" for key, value in header.items() if value is not None]
    path.write_bytes("".join(lines).encode() + data)
    return path


AFFINE = np.array([[-1, 0, 0, 10], [0, -2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1.0]])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"newline": "\r\n"},
        {"ObjectType": None, "BinaryData": None, "CompressedData": None},
        {"TransformMatrix": None},
        {"TransformMatrix": None, "Rotation": "1 0 0 0 1 0 0 0 1"},
        {"TransformMatrix": None, "Orientation": "1 0 0 0 1 0 0 0 1"},
        {"Offset": None, "Position": "-10 20 30"},
        {"Offset": None, "Origin": "-10 20 30"},
        {"ElementSpacing": None, "ElementSize": "1 2 3"},
        {"ElementSpacing": "1 2 3", "ElementSize": "9 9 9"},
        {"BinaryDataByteOrderMSB": "True", "data": VOXELS.astype(">i2").tobytes(order="F")},
        {"BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True",
         "data": VOXELS.astype(">i2").tobytes(order="F")},
        {"ElementType": "MET_LONG", "data": VOXELS.astype("<i4").tobytes(order="F")},
        {"HeaderSize": "0"},
    ],
)  # fmt: skip
def test_every_way_to_say_the_same_is_read_as_itk_reads_it(tmp_path, changes):
    path = save(tmp_path / "v.mha", **changes)
    back = read_volume(path, "HU")
    np.testing.assert_array_equal(back.voxels, VOXELS)
    np.testing.assert_array_equal(back.affine, AFFINE)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, VOXELS)
    assert_same_positions(back.grid, image)


@pytest.mark.parametrize(("skip", "before"), [("13", b"x" * 13), ("-1", b"x" * 29)])
def test_a_data_file_with_a_header_of_its_own(tmp_path, skip, before):
    (tmp_path / "v.bin").write_bytes(before + VOXELS.tobytes(order="F"))
    path = save(tmp_path / "v.mhd", b"", HeaderSize=skip, ElementDataFile="v.bin")
    np.testing.assert_array_equal(read_volume(path, "HU").voxels, VOXELS)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, VOXELS)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"ElementSpacing": "1 0 3"}, GeometryError, r"positive, got \[1.0, 0.0, 3.0\] mm"),
        ({"ElementSpacing": "1 -2 3"}, GeometryError, "spacing must be positive"),
        ({"ElementSpacing": "1 nan 3"}, GeometryError, "ElementSpacing must be finite"),
        ({"ElementSpacing": "1 2"}, FileError, "ElementSpacing needs 3 numbers, got '1 2'"),
        ({"ElementSpacing": "a 2 3"}, FileError, "ElementSpacing must be numbers"),
        ({"ElementSpacing": None}, FileError, "states no ElementSpacing"),
        ({"DimSize": "5 6"}, FileError, "NDims is 3 but DimSize has 2 numbers"),
        ({"DimSize": "5 6 0"}, GeometryError, "three positive sizes"),
        ({"DimSize": "5 6 -7"}, GeometryError, "three positive sizes"),
        ({"DimSize": "5 6 7.5"}, FileError, "whole numbers"),
        ({"DimSize": "5 6 8"}, FileError, "announces 480 bytes of voxels, the file holds 420"),
        ({"DimSize": "5000 6000 70000"}, FileError, "announces .* holds 420$"),
        ({"NDims": "99"}, FileError, "NDims is 99"),
        ({"NDims": "4", "DimSize": "5 6 1 7"}, GeometryError, "one frame is allowed"),
        ({"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, GeometryError, "independent axes"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, GeometryError, "independent axes"),
        ({"TransformMatrix": "1 0 0 0 1 0"}, FileError, "TransformMatrix needs 9 numbers"),
        ({"Offset": "nan 0 0"}, GeometryError, "Offset must be finite"),
        ({"Offset": "inf31 0 0"}, FileError, "Offset must be numbers"),
        ({"ElementType": "MET_FOO"}, FileError, "1 channels of MET_FOO"),
        ({"ElementType": "MET_SHORT_ARRAY"}, FileError, "one number per voxel"),
        ({"ElementNumberOfChannels": "2"}, FileError, "got 2 channels"),
        ({"BinaryData": "False"}, FileError, "stored as text"),
        ({"ElementToIntensityFunctionSlope": "2"}, FileError, "values are scaled"),
        ({"ElementDataFile": "LIST"}, FileError, "one data file is allowed"),
        ({"ElementDataFile": "s%03d.raw 1 7 1"}, FileError, "one data file is allowed"),
        ({"ElementDataFile": ""}, FileError, "one data file is allowed"),
        ({"ElementDataFile": "absent.raw"}, FileError, r"data file absent\.raw is missing"),
        ({"ElementDataFile": "."}, FileError, "data file . is missing"),
        ({"CompressedData": "True"}, FileError, "compressed voxels are damaged"),
    ],
)
def test_an_impossible_header_is_refused(tmp_path, recwarn, capfd, changes, error, message):
    path = save(tmp_path / "bad.mha", **changes)
    with pytest.raises(error, match=message) as caught:
        read_volume(path, "HU")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_data_file_that_is_missing_or_cut_is_refused(tmp_path, capfd, compressed):
    path = tmp_path / "ct.mhd"
    sitk.WriteImage(itk_image(random_volume(oblique_grid())), str(path), compressed)
    (data,) = (p for p in tmp_path.iterdir() if p != path)
    whole = data.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        data.write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"truncated|announces 1820 bytes"):
            read_volume(path, "HU")
    data.unlink()
    with pytest.raises(FileError, match=rf"ct\.mhd: its data file {data.name} is missing"):
        read_volume(path, "HU")
    assert capfd.readouterr() == ("", "")


def test_a_data_file_in_the_way_is_not_replaced_without_being_asked(tmp_path):
    volume = random_volume(oblique_grid())
    (tmp_path / "ct.zraw").write_bytes(b"precious")
    with pytest.raises(FileError, match=r"ct\.zraw exists already"):
        write_volume(tmp_path / "ct.mhd", volume)
    assert [p.name for p in tmp_path.iterdir()] == ["ct.zraw"]
    assert (tmp_path / "ct.zraw").read_bytes() == b"precious"
    write_volume(tmp_path / "ct.mhd", volume, overwrite=True)
    np.testing.assert_array_equal(read_volume(tmp_path / "ct.mhd", "HU").voxels, volume.voxels)


def test_more_voxels_than_memory_has_addresses(tmp_path):
    write_volume(tmp_path / "a.mha", random_volume(oblique_grid((3, 4, 5))))
    content = (tmp_path / "a.mha").read_bytes()
    many = b"DimSize = 2000000000 2000000000 2000000000"
    (tmp_path / "a.mha").write_bytes(content.replace(b"DimSize = 3 4 5", many))
    with pytest.raises(FileError, match="announces 16000000000000000000000000000 bytes of voxels"):
        read_volume(tmp_path / "a.mha", "HU")
