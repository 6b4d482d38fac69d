"""A series into a volume: every value and every position, or an error that says where."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, HTJ2KLossless, JPEGLSLossless, RLELossless

from dicom_series import (
    DIRECTIONS,
    made,
    plane_directions,
    positions,
    world_position,
    write_enhanced,
    write_series,
)
from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.dicom import decoder, find_series, pixels, read_series
from mrtoct.io.files import files_of, read_scan, read_volume
from mrtoct.io.scan import Scan

SHAPE = (7, 10, 13)
"""Slices, rows, columns."""
OBLIQUE = plane_directions((12, -7, 25))
FIRSTS = positions(OBLIQUE, 2.5 * np.arange(7))
STORED = np.random.default_rng(3).integers(0, 4096, SHAPE).astype(np.uint16)
SIGNED = np.random.default_rng(4).integers(-1024, 3072, SHAPE).astype(np.int16)


def read(folder, unit="a.u.", **options):
    return read_series(find_series(folder, unit), unit, **options)


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("kind", ["classic", "enhanced"])
@pytest.mark.parametrize("position", DIRECTIONS)
def test_all_patient_positions(tmp_path, position, kind, modality):
    directions = plane_directions((3, -4, 5), base=position)
    firsts = positions(directions, 2.5 * np.arange(7))

    def slope(groups, _k):
        if modality == "CT":
            transform = made(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
            groups.PixelValueTransformationSequence = [transform]

    if kind == "classic":
        write_series(tmp_path, STORED, directions, firsts, modality=modality)
    else:
        write_enhanced(tmp_path / "x", STORED, directions, firsts, modality=modality, each=slope)
    volume = read(tmp_path, "HU" if modality == "CT" else "a.u.")
    assert volume.voxels.dtype == np.int16
    expected = STORED.astype(int) - (1024 if modality == "CT" else 0)
    np.testing.assert_array_equal(volume.voxels, expected.transpose(2, 1, 0))
    for i, j, k in [(0, 0, 0), (12, 0, 6), (5, 9, 3), (12, 9, 6)]:
        point = world_position(directions, firsts[k], (1.3, 0.9), i, j)
        np.testing.assert_allclose(volume.grid.to_world((i, j, k)), point, atol=1e-6)


def test_agrees_with_itk(tmp_path):
    """GDCM is a reader of its own; it wants the files in order and works in LPS."""
    write_series(tmp_path, SIGNED, OBLIQUE, FIRSTS, modality="CT", RescaleIntercept=-24)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path))
    image = sitk.ReadImage(names)
    volume = read(tmp_path, "HU")
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image).T)
    for index in [(0, 0, 0), (12, 3, 6)]:
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(volume.grid.to_world(index), lps * (-1, -1, 1), atol=1e-6)


def test_slope_and_intercept_of_each_slice(tmp_path):
    def scaled(dataset, k):
        dataset.RescaleSlope, dataset.RescaleIntercept = 0.25 * (k + 1), 3 * k

    write_series(tmp_path, STORED, OBLIQUE, FIRSTS, each=scaled)
    volume = read(tmp_path)
    k = np.arange(7)[:, None, None]
    assert volume.voxels.dtype == np.float32
    np.testing.assert_array_equal(volume.voxels.T, (STORED * 0.25 * (k + 1) + 3 * k).astype("f4"))


@pytest.mark.parametrize(
    ("low", "high", "kept"),
    [(-32768, 32767, "i2"), (0, 65535, "u2"), (-40000, 40000, "i4")],
)
def test_whole_values_stay_whole(tmp_path, low, high, kept):
    stored = np.full(SHAPE, 7, np.uint16)
    stored[0, 0, :2] = 0, high - low if high - low < 65536 else 65535
    slope = 1 if high - low < 65536 else 2
    write_series(tmp_path, stored, OBLIQUE, FIRSTS, RescaleSlope=slope, RescaleIntercept=low)
    voxels = read(tmp_path).voxels
    assert voxels.dtype == np.dtype(kept)
    np.testing.assert_array_equal(voxels.T, stored.astype(int) * slope + low)


def test_bits_above_those_stored_do_not_count(tmp_path):
    """Twelve bits with sign in sixteen, an overlay in one of the four above."""
    values = np.random.default_rng(5).integers(-2048, 2048, SHAPE)
    stored = ((values & 0xFFF) | 0x4000).astype(np.uint16)

    def twelve(dataset, _k):
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 1

    write_series(tmp_path, stored, OBLIQUE, FIRSTS, each=twelve)
    np.testing.assert_array_equal(read(tmp_path).voxels.T, values)


def test_padding_was_never_measured(tmp_path, caplog):
    stored = SIGNED.clip(0)
    stored[:, :3] = -1500
    stored[:, 3] = -1400

    def padded(dataset, _k):
        dataset.add_new("PixelPaddingValue", "SS", -1500)
        dataset.add_new("PixelPaddingRangeLimit", "SS", -1390)

    write_series(tmp_path / "ct", stored, OBLIQUE, FIRSTS, modality="CT", each=padded)
    voxels = read(tmp_path / "ct", "HU").voxels.T
    assert (voxels[:, :4] == -1024).all()
    np.testing.assert_array_equal(voxels[:, 4:], stored[:, 4:] - 1024)
    write_series(tmp_path / "mr", stored, OBLIQUE, FIRSTS, each=padded)
    assert (read(tmp_path / "mr").voxels.T[:, :4] == 0).all()

    def tissue(dataset, _k):
        dataset.add_new("PixelPaddingValue", "SS", 1040)

    write_series(tmp_path / "wrong", SIGNED, OBLIQUE, FIRSTS, modality="CT", each=tissue)
    with caplog.at_level(logging.WARNING):
        wrong = read(tmp_path / "wrong", "HU")
    np.testing.assert_array_equal(wrong.voxels.T, SIGNED.astype(int) - 1024)
    assert "16 HU count as measured" in caplog.text


@pytest.mark.parametrize(
    ("tags", "error", "match"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, FileError, "MONOCHROME2, got MONOCHROME1"),
        ({"RescaleType": "ED"}, ValueRangeError, "must be HU, got ED"),
        ({"RescaleSlope": 0}, ValueRangeError, "slope 0.0 and intercept -1024.0 are impossible"),
        ({"RescaleIntercept": None}, ValueRangeError, "no rescale slope and intercept"),
        ({"HighBit": 12}, FileError, "highest bit 12"),
        ({"PixelData": b"\0\0"}, FileError, "cannot be read"),
    ],
)
def test_what_cannot_be_hu_is_refused(tmp_path, tags, error, match):
    def wrong(dataset, _k):
        dataset.update(made(**tags))

    paths = write_series(tmp_path, STORED, OBLIQUE, FIRSTS, modality="CT", each=wrong)
    with pytest.raises(error, match=match) as caught:
        read(tmp_path, "HU")
    assert any(str(path) in str(caught.value) for path in paths)
    assert "\n" not in str(caught.value)


def test_a_gantrys_tilt_is_shear_and_no_voxel_is_interpolated(tmp_path):
    firsts = positions(OBLIQUE, 2.5 * np.arange(7), shear=(0, np.tan(np.deg2rad(-18))))
    write_series(tmp_path, SIGNED, OBLIQUE, firsts, modality="CT")
    volume = read(tmp_path, "HU")
    np.testing.assert_array_equal(volume.voxels.T, SIGNED.astype(int) - 1024)
    for k in range(7):
        point = world_position(OBLIQUE, firsts[k], (1.3, 0.9), 4, 8)
        np.testing.assert_allclose(volume.grid.to_world((4, 8, k)), point, atol=1e-6)


def test_missing_slices_are_refused_or_interpolated(tmp_path):
    kept = [0, 1, 2, 4, 5, 6]
    ramp = np.broadcast_to(100.0 * np.arange(7)[:, None, None], SHAPE).astype(np.uint16)
    names = [p.name for p in write_series(tmp_path, ramp[kept], OBLIQUE, FIRSTS[kept])]
    with pytest.raises(GeometryError, match=f"missing.* 1 between {names[2]} and {names[3]}"):
        read(tmp_path)
    volume = read(tmp_path, uneven="resample")
    np.testing.assert_array_equal(volume.voxels.T, ramp)
    point = world_position(OBLIQUE, FIRSTS[6], (1.3, 0.9), 0, 0)
    np.testing.assert_allclose(volume.grid.to_world((0, 0, 6)), point, atol=1e-6)


def test_uneven_slices_are_interpolated_where_they_lie(tmp_path):
    distances = np.array([0, 3, 6, 9.7, 12.7, 15.7, 18.0])
    write_series(tmp_path, STORED, OBLIQUE, positions(OBLIQUE, distances))
    with pytest.raises(GeometryError, match=r"uneven, 2\.3 to 3\.7 mm"):
        read(tmp_path)
    volume = read(tmp_path, uneven="resample")
    assert volume.spacing == pytest.approx((0.9, 1.3, 3.0))
    at = np.linspace(0, 18, 7)
    expected = [np.interp(at, distances, STORED[:, j, i]) for j, i in ((0, 0), (9, 12), (4, 7))]
    got = [volume.voxels[i, j] for j, i in ((0, 0), (9, 12), (4, 7))]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_copies_are_dropped_and_contradictions_refused(tmp_path, caplog):
    again = np.vstack([FIRSTS, FIRSTS[2:4]])
    write_series(tmp_path / "same", np.vstack([STORED, STORED[2:4]]), OBLIQUE, again)
    with caplog.at_level(logging.WARNING):
        volume = read(tmp_path / "same")
    np.testing.assert_array_equal(volume.voxels.T, STORED)
    assert "2 identical copies" in caplog.text
    other = np.vstack([STORED, STORED[2:4] + 1])
    write_series(tmp_path / "other", other, OBLIQUE, again)
    with pytest.raises(FileError, match="at one position with different voxels"):
        read(tmp_path / "other")


def test_parts_of_a_file_are_read_each_for_itself(tmp_path):
    def echo(groups, k):
        groups.MREchoSequence = [made(EffectiveEchoTime=(14.0, 98.0)[k % 2])]

    both, firsts = np.repeat(STORED, 2, axis=0), np.repeat(FIRSTS, 2, axis=0)
    both[1::2] += 7
    write_enhanced(tmp_path / "x", both, OBLIQUE, firsts, each=echo)
    scan = Scan(tmp_path, "5:2")
    np.testing.assert_array_equal(read_scan(scan, "a.u.").voxels.T, STORED + 7)
    assert files_of(scan) == [tmp_path / "x"]


def encoded_by_itk(path, compressor):
    """Replace a file's pixels by ITK's encoding of them."""
    dataset = dcmread(path)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor(compressor)
    writer.SetFileName(str(path.with_suffix(".enc")))
    writer.Execute(sitk.GetImageFromArray(dataset.pixel_array))
    compressed = dcmread(path.with_suffix(".enc"))
    path.with_suffix(".enc").unlink()
    dataset.PixelData = compressed.PixelData
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = compressed.file_meta.TransferSyntaxUID
    dataset.save_as(path, enforce_file_format=True)
    return dataset.file_meta.TransferSyntaxUID.name


@pytest.mark.parametrize("stored", [STORED, SIGNED], ids=["unsigned", "signed"])
@pytest.mark.parametrize("codec", ["RLE", "JPEG2000", "JPEG"])
def test_compressed_pixels(tmp_path, codec, stored):
    paths = write_series(tmp_path, stored, OBLIQUE, FIRSTS, modality="CT")
    for path in paths:
        if codec == "RLE":
            dataset = dcmread(path)
            dataset.compress(RLELossless)
            dataset.save_as(path)
        else:
            assert "Lossless" in encoded_by_itk(path, codec)
    volume = read(tmp_path, "HU")
    np.testing.assert_array_equal(volume.voxels.T, stored.astype(int) - 1024)


JPEG_LS = (
    "ffd8fff7000b0c0006000a01011100ffda0008010100000000a0c58f4d756bf3d891ab66ee0c9a36709400b0a4"
    "a8acb0b4b8bcc0e40003435363738393a3b3c160dd88444351b960b25a2d842000000090c0613118cc8653319ce8ffd9"
)
"""(arange(60) ** 2 % 4093) in 6 rows of 10, encoded by CharLS."""


PLANE = (np.arange(60) ** 2 % 4093).astype(np.uint16).reshape(6, 10)


def jpeg_ls(dataset, _k):
    """Put PLANE's code in the place of the pixels."""
    dataset.PixelData = encapsulate([bytes.fromhex(JPEG_LS)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = made_meta(JPEGLSLossless)


def test_jpeg_ls_needs_no_further_package(tmp_path):
    write_series(tmp_path, np.stack([PLANE] * 3), OBLIQUE, FIRSTS[:3], each=jpeg_ls)
    np.testing.assert_array_equal(read(tmp_path).voxels, np.stack([PLANE.T] * 3, axis=2))


def test_damaged_pixels_that_end_the_decoder_are_named(tmp_path, monkeypatch):
    """And the next file is decoded all the same; pixels of a real codec are left to benchmarks."""
    ends = tmp_path / "ends.py"
    ends.write_text("import os, sys; sys.stdin.readline(); os.abort()")
    write_series(tmp_path / "mr", np.stack([PLANE] * 3), OBLIQUE, FIRSTS[:3], each=jpeg_ls)
    with monkeypatch.context() as patched:
        patched.setattr(decoder, "_decoder", decoder._Decoder())
        patched.setattr(decoder.decode_apart, "__file__", str(ends))
        with pytest.raises(FileError, match=r"JPEG-LS.* are damaged, the decoder ended.*again"):
            read(tmp_path / "mr")
    np.testing.assert_array_equal(read(tmp_path / "mr").voxels, np.stack([PLANE.T] * 3, axis=2))


def test_a_decoder_that_does_not_come_back_is_stopped(tmp_path, monkeypatch):
    hangs = tmp_path / "hangs.py"
    hangs.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(decoder, "_decoder", decoder._Decoder())
    monkeypatch.setattr(decoder.decode_apart, "__file__", str(hangs))
    monkeypatch.setattr(decoder, "SECONDS", 0.1)
    with pytest.raises(decoder.DecoderEndedError):
        decoder.decode(tmp_path / "any.dcm")


def test_a_broken_run_length_code_does_not_reach_itk(tmp_path, monkeypatch):
    """There it divides by zero, which ends Python; pydicom decodes the code itself."""

    def broken(dataset, _k):
        dataset.file_meta = made_meta(ExplicitVRLittleEndian)
        dataset.compress(RLELossless)
        dataset.PixelData = encapsulate([b"\x01\0\0\0" + 64 * b"\xff"])

    def never(_path):
        raise AssertionError("it was asked")

    monkeypatch.setattr(pixels, "decode", never)
    write_series(tmp_path, STORED, OBLIQUE, FIRSTS, each=broken)
    with pytest.raises(FileError, match="pixels cannot be read"):
        read(tmp_path)


def test_pixels_nobody_can_decode_name_the_compression(tmp_path):
    def encoded(dataset, _k):
        dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51 not an image"])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta = made_meta(HTJ2KLossless)

    write_series(tmp_path, STORED, OBLIQUE, FIRSTS, each=encoded)
    with pytest.raises(FileError, match=r"High-Throughput JPEG 2000.*pylibjpeg-openjpeg"):
        read(tmp_path)


def made_meta(syntax):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    return meta


def test_folders_are_read_like_files(tmp_path):
    write_series(tmp_path / "mr", STORED, OBLIQUE, FIRSTS)
    write_series(tmp_path / "ct", SIGNED, OBLIQUE, FIRSTS, modality="CT", SeriesNumber=6)
    np.testing.assert_array_equal(read_volume(tmp_path, "a.u.").voxels.T, STORED)
    ct = read_scan(Scan(tmp_path, "6"), "HU")
    np.testing.assert_array_equal(ct.voxels.T, SIGNED.astype(int) - 1024)
    assert len(files_of(Scan(tmp_path, "6"))) == 7
    with pytest.raises(FileError, match="labels are read from"):
        read_volume(tmp_path, "label")
    with pytest.raises(FileError, match="only a folder of DICOM files"):
        read_scan(Scan(tmp_path / "x.nii.gz", "6"), "HU")


@pytest.mark.parametrize(
    ("name", "unit", "block"), [("ct", "HU", (2, 2, 2)), ("mr_t2", "a.u.", (2, 2, 1))]
)
def test_a_real_scan_lies_where_its_nifti_lies(real_data, name, unit, block):
    """The NIfTI holds means of blocks of voxels, rounded, made by other software."""
    folder = real_data / "pork_phantom_ct_mr"
    if not folder.is_dir():
        pytest.skip("the pork phantom is absent")
    scan = read_volume(folder / f"dicom_{name[:2]}", unit)
    image = nib.load(folder / f"{name}_full.nii.gz")
    full = np.asanyarray(image.dataobj)
    # Centre of each block of voxels, in the NIfTI's indices.
    counts = np.array(scan.grid.shape) // block
    centres = [
        scan.grid.to_world((np.array(c) * block) + (np.array(block) - 1) / 2)
        for c in ((0, 0, 0), counts - 1)
    ]
    low, high = ((np.linalg.inv(image.affine) @ np.append(c, 1))[:3] for c in centres)
    np.testing.assert_allclose(np.rint(low), low, atol=1e-3)
    np.testing.assert_allclose(high - low, counts - 1, atol=1e-3)
    box = tuple(slice(round(a), round(b) + 1) for a, b in zip(low, high, strict=True))
    blocks = scan.voxels.astype(float).reshape(np.stack([counts, block]).T.ravel())
    # Where padding met measured voxels, the NIfTI mixed both; ours is air there.
    whole = (blocks > -1024).all(axis=(1, 3, 5))
    difference = np.abs(blocks.mean(axis=(1, 3, 5)) - full[box])[whole]
    assert difference.max() <= 0.501
    assert whole.mean() > 0.75
