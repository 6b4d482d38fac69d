"""NIfTI against nibabel and SimpleITK, and headers that cannot be right."""

from __future__ import annotations

import gzip
import logging
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid
from volumes import oblique_grid, random_volume


def ras_of(image: sitk.Image) -> np.ndarray:
    """The RAS affine of an ITK image, from four positions that ITK computes."""
    points = [image.TransformIndexToPhysicalPoint(i) for i in
              ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]  # fmt: skip
    ras = np.array(points) * (-1, -1, 1)
    affine = np.eye(4)
    affine[:3, :3] = (ras[1:] - ras[0]).T
    affine[:3, 3] = ras[0]
    return affine


def save(path: Path, voxels: np.ndarray, affine: np.ndarray, kind=nib.Nifti1Image, **changes):
    """Write by nibabel, then change header fields in the file without any repair."""
    image = kind(voxels, affine, dtype=voxels.dtype)
    content = bytearray(image.to_bytes())
    header = image.header
    for name, value in changes.items():
        field, place = header.template_dtype.fields[name][:2]
        content[place : place + field.itemsize] = (
            np.array(value, field.base).tobytes().ljust(field.itemsize, b"\0")
        )
    content = bytes(content)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_others_read_what_we_write(tmp_path, suffix, flip):
    volume = random_volume(oblique_grid(flip=flip))
    path = tmp_path / f"ct{suffix}"
    write_volume(path, volume)
    image = nib.load(path)
    np.testing.assert_array_equal(np.asarray(image.dataobj), volume.voxels)
    np.testing.assert_allclose(image.affine, volume.affine, atol=1e-5)
    np.testing.assert_allclose(image.get_qform(), volume.affine, atol=1e-4)
    content = gzip.decompress(path.read_bytes()) if suffix == ".nii.gz" else path.read_bytes()
    stored = nib.Nifti1Header(content[:348])  # as stored: nibabel forgets a scaling that it read
    assert stored.get_slope_inter() == (1, 0)
    assert len(content) == 352 + volume.voxels.nbytes
    assert image.header.get_xyzt_units()[0] == "mm"
    other = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(other).T, volume.voxels)
    np.testing.assert_allclose(ras_of(other), volume.affine, atol=1e-4)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_both_versions_and_both_byte_orders(tmp_path, kind, order, suffix):
    volume = random_volume(oblique_grid(flip=(1, -1, 1)))
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    path = tmp_path / f"ct{suffix}"
    nib.save(kind(volume.voxels, volume.affine, header), path)
    back = read_volume(path, "HU")
    assert back.voxels.dtype == np.dtype("=i2")
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-5)


def test_a_single_frame_in_four_or_five_dimensions(tmp_path):
    volume = random_volume(oblique_grid())
    for extra in ((1,), (1, 1)):
        path = save(tmp_path / "f.nii", volume.voxels.reshape(*volume.grid.shape, *extra),
                    volume.affine)  # fmt: skip
        back = read_volume(path, "HU")
        np.testing.assert_array_equal(back.voxels, volume.voxels)
        np.testing.assert_allclose(back.affine, volume.affine, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 6, 7, 2), (5, 6, 7, 1, 3), (5, 6), (5,)])
def test_several_frames_and_flat_images_are_refused(tmp_path, shape):
    path = save(tmp_path / "f.nii", np.zeros(shape, np.int16), np.eye(4))
    with pytest.raises(GeometryError, match="one frame" if len(shape) > 3 else "three dimensions"):
        read_volume(path, "HU")


@pytest.mark.parametrize(("slope", "inter"), [(1, -1024), (2, 0), (0.25, -300.5), (-1, 12)])
@pytest.mark.parametrize("dtype", ["u2", "i2", "i4", "f4"])
def test_scaling_in_the_header_is_applied(tmp_path, slope, inter, dtype):
    stored = np.random.default_rng(0).integers(0, 4096, (5, 6, 7)).astype(dtype)
    path = save(tmp_path / "s.nii", stored, np.eye(4), scl_slope=slope, scl_inter=inter)
    back = read_volume(path, "HU").voxels
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, stored.astype(float) * slope + inter)
    np.testing.assert_allclose(back, nib.load(path).get_fdata(), atol=1e-3)


@pytest.mark.parametrize(("slope", "inter"), [(1, 0), (0, 0), (np.nan, 0), (0, 7)])
def test_scaling_that_means_none_keeps_integers(tmp_path, slope, inter):
    stored = np.arange(-105, 105, dtype=np.int16).reshape(5, 6, 7)
    path = save(tmp_path / "s.nii", stored, np.eye(4), scl_slope=slope, scl_inter=inter)
    back = read_volume(path, "HU").voxels
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, stored)


def test_scaling_without_a_finite_offset_is_refused(tmp_path):
    voxels = np.zeros((5, 6, 7), np.int16)
    path = save(tmp_path / "s.nii", voxels, np.eye(4), scl_slope=2, scl_inter=np.nan)
    with pytest.raises(FileError, match="intercept"):
        read_volume(path, "HU")


@pytest.mark.parametrize("flip", [(1, 1, 1), (1, 1, -1)])
def test_a_qform_alone_is_used(tmp_path, flip):
    volume = random_volume(oblique_grid(flip=flip))
    image = nib.Nifti1Image(volume.voxels, None)
    image.set_qform(volume.affine, code="scanner")
    image.set_sform(None)
    nib.save(image, tmp_path / "q.nii")
    back = read_volume(tmp_path / "q.nii", "HU")
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-4)
    np.testing.assert_allclose(back.affine, ras_of(sitk.ReadImage(str(tmp_path / "q.nii"))),
                               atol=1e-4)  # fmt: skip


def test_a_qform_with_handedness_zero_means_one(tmp_path):
    volume = random_volume(oblique_grid())
    pixdim = np.array([0, *volume.spacing, 1, 1, 1, 1])
    path = save(tmp_path / "q.nii", volume.voxels, volume.affine)
    image = nib.load(path)
    image.set_qform(volume.affine, code="scanner")
    image.set_sform(None)
    content = bytearray(image.to_bytes())
    content[76 : 76 + 32] = pixdim.astype(np.float32).tobytes()
    path.write_bytes(content)
    np.testing.assert_allclose(read_volume(path, "HU").affine, volume.affine, atol=1e-4)


def test_no_orientation_at_all_is_read_with_a_warning(tmp_path, caplog):
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), None)
    image.header.set_zooms((1, 2, 3))
    image.set_sform(None)
    image.set_qform(None)
    nib.save(image, tmp_path / "n.nii")
    with caplog.at_level(logging.WARNING):
        back = read_volume(tmp_path / "n.nii", "HU")
    np.testing.assert_array_equal(back.affine, nib.load(tmp_path / "n.nii").affine)
    assert [r.getMessage() for r in caplog.records] == [
        "n.nii: states no orientation (sform and qform codes are 0), so left and right are "
        "guessed; convert it again from the scanner's DICOM files"
    ]


def two_ways(path: Path, sform: np.ndarray, qform: np.ndarray, qform_code: int) -> Path:
    """A file whose sform, and whose qform with pixdim, are these."""
    image = nib.Nifti1Image(np.zeros((5, 6, 7), np.int16), qform)
    image.set_qform(qform, code=qform_code)
    content = bytearray(image.to_bytes())
    content[252:256] = np.array([qform_code, 1], np.int16).tobytes()
    content[280:328] = sform[:3].astype(np.float32).tobytes()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("qform_code", [0, 1])
def test_a_sform_of_unit_vectors_gives_way_to_the_qform(tmp_path, caplog, qform_code):
    qform = oblique_grid(shape=(5, 6, 7), spacing=(1.2, 1.2, 3.0)).affine
    sform = qform.copy()
    sform[:3, :3] /= np.linalg.norm(sform[:3, :3], axis=0)
    path = two_ways(tmp_path / "u.nii", sform, qform, qform_code)
    with caplog.at_level(logging.WARNING):
        back = read_volume(path, "HU")
    np.testing.assert_allclose(back.affine, qform, atol=1e-4)
    (said,) = (r.getMessage() for r in caplog.records)
    assert said == (
        "u.nii: its sform has voxels of 1 x 1 x 1 mm, its pixdim of 1.2 x 1.2 x 3 mm; the qform, "
        "which agrees, is used"
    )


def test_a_spacing_that_nothing_settles_is_refused(tmp_path):
    qform = np.diag([1.2, 1.2, 3.0, 1])  # uncoded, and in other directions than the sform
    sform = oblique_grid(spacing=(1.0, 1.0, 1.0), degrees=(40, 0, 0)).affine
    with pytest.raises(GeometryError, match=r"u\.nii: its sform .* there is no qform to decide"):
        read_volume(two_ways(tmp_path / "u.nii", sform, qform, 0), "HU")


def test_two_places_are_named_wherever_a_file_is_read(tmp_path, caplog):
    sform = oblique_grid(spacing=(1.0, 1.0, 3.0)).affine
    qform = sform.copy()
    qform[:3, 3] += (20, 0, 0)
    with caplog.at_level(logging.WARNING):
        back = read_volume(two_ways(tmp_path / "u.nii", sform, qform, 1), "HU")
    np.testing.assert_allclose(back.affine, sform, atol=1e-4)
    assert "place voxels up to 20 mm apart; they should agree. The sform is used" in caplog.text


def test_a_sheared_grid_is_written_with_a_word_about_itk(tmp_path, caplog):
    affine = np.diag([1.0, 1, 3, 1])
    affine[0, 1] = 0.02
    volume = random_volume(Grid((5, 6, 7), affine))
    with caplog.at_level(logging.WARNING):
        write_volume(tmp_path / "s.nii.gz", volume)
    assert "s.nii.gz: its axes are not at right angles" in caplog.text
    np.testing.assert_allclose(read_volume(tmp_path / "s.nii.gz", "HU").affine, affine, atol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 0.001), ("mm", 1),
                                              ("unknown", 1)])  # fmt: skip
def test_lengths_are_in_the_unit_the_header_states(tmp_path, unit, factor):
    volume = random_volume(oblique_grid())
    affine = np.vstack([volume.affine[:3] / factor, [0, 0, 0, 1]])
    image = nib.Nifti1Image(volume.voxels, affine)
    image.header.set_xyzt_units(unit, "sec")
    nib.save(image, tmp_path / "u.nii")
    back = read_volume(tmp_path / "u.nii", "HU")
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-4)
    np.testing.assert_allclose(back.affine, ras_of(sitk.ReadImage(str(tmp_path / "u.nii"))),
                               atol=1e-4)  # fmt: skip


def test_a_sheared_affine_is_not_straightened(tmp_path):
    affine = oblique_grid().affine.copy()
    affine[:3, 0] += 0.3 * affine[:3, 1]
    volume = random_volume(Grid((5, 6, 7), affine))
    write_volume(tmp_path / "s.nii", volume)
    image = nib.load(tmp_path / "s.nii")
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    assert int(image.header["qform_code"]) == 0


def pixdim(i: float, j: float, k: float) -> list[float]:
    return [1, i, j, k, 1, 1, 1, 1]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"pixdim": pixdim(1, 0, 3)}, GeometryError, r"spacing must be positive, got \[1.0, 0.0"),
        ({"pixdim": pixdim(-1, 2, 3)}, GeometryError, "spacing must be positive"),
        ({"pixdim": pixdim(1, np.nan, 3)}, GeometryError, "spacing must be positive"),
        ({"pixdim": pixdim(1, 2, np.inf)}, GeometryError, "spacing must be positive"),
        ({"srow_x": [0, 0, 0, 0]}, GeometryError, "three independent axes"),
        ({"srow_y": [1, 0, 0, 0], "srow_x": [1, 0, 0, 0]}, GeometryError, "independent axes"),
        ({"srow_z": [0, 0, np.nan, 0]}, GeometryError, "finite 4 x 4 affine"),
        ({"dim": [3, 5, 0, 7, 1, 1, 1, 1]}, GeometryError, "three positive sizes"),
        ({"dim": [3, 5, -6, 7, 1, 1, 1, 1]}, GeometryError, "three positive sizes"),
        ({"dim": [3, 500, 600, 700, 1, 1, 1, 1]}, FileError, "announces 420000000 bytes"),
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, FileError, "announces .* holds 420$"),
        ({"datatype": 7}, FileError, "data type 7 is unknown"),
        ({"datatype": 32}, FileError, "real numbers, got data type 32"),
        ({"datatype": 128}, FileError, "real numbers, got data type 128"),
        ({"vox_offset": 0}, FileError, "inside the header"),
        ({"vox_offset": np.nan}, FileError, "not a readable NIfTI file"),
        ({"magic": b"ni1"}, FileError, "not a NIfTI file"),
        ({"magic": b"abc"}, FileError, "not a NIfTI file"),
    ],
)
def test_an_impossible_header_is_refused(tmp_path, recwarn, capfd, suffix, changes, error, message):
    voxels = np.zeros((5, 6, 7), np.int16)
    path = save(tmp_path / f"bad{suffix}", voxels, np.diag([1, 2, 3, 1.0]), **changes)
    with pytest.raises(error, match=message) as caught:
        read_volume(path, "HU")
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_a_plain_file_named_gz_and_the_reverse_are_read(tmp_path):
    volume = random_volume(oblique_grid())
    write_volume(tmp_path / "a.nii", volume)
    write_volume(tmp_path / "b.nii.gz", volume)
    (tmp_path / "a.nii").rename(tmp_path / "plain.nii.gz")
    (tmp_path / "b.nii.gz").rename(tmp_path / "packed.nii")
    for name in ("plain.nii.gz", "packed.nii"):
        np.testing.assert_array_equal(read_volume(tmp_path / name, "HU").voxels, volume.voxels)


def test_empty_and_cut_off_files_say_what_to_do(tmp_path):
    write_volume(tmp_path / "a.nii.gz", random_volume(oblique_grid()))
    content = (tmp_path / "a.nii.gz").read_bytes()
    for size, message in (
        (0, r"a\.nii\.gz: the file is empty; copy or export it again"),
        (len(content) // 2, r"a\.nii\.gz is truncated; copy or export it again"),
        (len(content) - 3, r"a\.nii\.gz is truncated; copy or export it again"),
    ):
        (tmp_path / "a.nii.gz").write_bytes(content[:size])
        with pytest.raises(FileError, match=message):
            read_volume(tmp_path / "a.nii.gz", "HU")


def test_colours_and_complex_numbers_say_what_to_export(tmp_path):
    colours = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for voxels, remedy in (
        (colours, "export grey values, not colours"),
        (np.ones((3, 4, 5), np.complex64), "export the magnitude"),
    ):
        nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii")
        with pytest.raises(FileError, match=rf"voxels must be real numbers.*; {remedy}"):
            read_volume(tmp_path / "a.nii", "a.u.")


def test_header_extensions_are_skipped(tmp_path):
    volume = random_volume(oblique_grid())
    image = nib.Nifti1Image(volume.voxels, volume.affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a long note " * 9))
    nib.save(image, tmp_path / "e.nii")
    assert int(nib.load(tmp_path / "e.nii").dataobj.offset) > 352
    np.testing.assert_array_equal(read_volume(tmp_path / "e.nii", "HU").voxels, volume.voxels)


def deflated_zeros(count: int) -> bytes:
    """A gzip file of so many times 2^20 zeros."""
    return gzip.compress(bytes(1 << 20)) * count


def test_a_bomb_behind_the_voxels_is_not_unpacked(tmp_path):
    volume = random_volume(oblique_grid())
    write_volume(tmp_path / "a.nii.gz", volume)
    content = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(content + deflated_zeros(2))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz", "HU").voxels, volume.voxels)
    (tmp_path / "a.nii.gz").write_bytes(content + deflated_zeros(70))
    tracemalloc.start()
    with pytest.raises(FileError, match="more than 67108864 bytes behind its voxels"):
        read_volume(tmp_path / "a.nii.gz", "HU")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6


def test_no_more_memory_than_the_file_holds_whatever_the_header_announces(tmp_path):
    grid = oblique_grid((3, 4, 5))
    path = save(
        tmp_path / "a.nii.gz", random_volume(grid).voxels, grid.affine, dim=[3] + 3 * [32000]
    )
    tracemalloc.start()
    with pytest.raises(
        FileError, match="announces 65536000000000 bytes of voxels, the file holds 120"
    ):
        read_volume(path, "HU")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
