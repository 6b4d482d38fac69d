"""Volumes from and to nibabel, SimpleITK, NumPy and torch, on odd, oblique and flipped grids."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume

FLIPS = [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)]


def sheared() -> Volume:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[0, 1] = 1.0
    return random_volume(Grid((5, 4, 3), affine))


def saved(image: object, path: Path) -> Path:
    nib.save(image, path)
    return path


@pytest.mark.parametrize("flip", FLIPS)
def test_itk_reads_what_nibabel_wrote_as_the_same_volume(tmp_path: Path, flip) -> None:
    """Two libraries and a file between them say where each voxel is."""
    volume = random_volume(oblique_grid(flip=flip))
    path = saved(volume.to_nibabel(), tmp_path / "v.nii.gz")
    image = sitk.ReadImage(str(path))
    found = Volume.from_simpleitk(image, "HU")
    np.testing.assert_array_equal(found.voxels, volume.voxels)
    assert found.grid.matches(volume.grid)
    lps = image.TransformIndexToPhysicalPoint((3, 4, 5))
    np.testing.assert_allclose(volume.grid.to_world((3, 4, 5)) * (-1, -1, 1), lps, atol=1e-3)


@pytest.mark.parametrize("flip", FLIPS)
def test_nibabel_reads_what_itk_wrote_as_the_same_volume(tmp_path: Path, flip) -> None:
    volume = random_volume(oblique_grid(flip=flip))
    image = volume.to_simpleitk()
    assert image.GetSize() == (13, 10, 7)
    assert image.GetPixel(12, 3, 5) == volume.voxels[12, 3, 5]
    sitk.WriteImage(image, str(tmp_path / "v.nii"))
    loaded = nib.load(tmp_path / "v.nii")
    np.testing.assert_array_equal(np.asanyarray(loaded.dataobj), volume.voxels)
    np.testing.assert_allclose(loaded.affine, volume.affine, atol=1e-4)
    again = Volume.from_nibabel(loaded, "HU")
    np.testing.assert_array_equal(again.voxels, volume.voxels)
    assert again.grid.matches(volume.grid)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, np.bool_])
@pytest.mark.parametrize("way", ["nibabel", "simpleitk", "torch", "numpy"])
def test_there_and_back(way: str, dtype) -> None:
    grid = oblique_grid(flip=(1, -1, 1))
    voxels = np.random.default_rng(1).integers(0, 2, grid.shape).astype(dtype)
    volume = Volume(voxels, grid, "label")
    if way == "nibabel":
        back = Volume.from_nibabel(volume.to_nibabel(), "label")
    elif way == "simpleitk":
        back = Volume.from_simpleitk(volume.to_simpleitk(), "label")
    elif way == "torch":
        back = Volume.from_torch(volume.to_torch(), volume.affine, "label")
    else:
        back = Volume.from_numpy(*volume.to_numpy(), "label")
    files_hold = np.uint8 if dtype is np.bool_ and way in ("nibabel", "simpleitk") else dtype
    assert back.voxels.dtype == files_hold
    np.testing.assert_array_equal(back.voxels, voxels)
    np.testing.assert_allclose(back.affine, grid.affine, atol=1e-12)


def test_an_image_on_disk_becomes_what_its_file_becomes(tmp_path: Path) -> None:
    """Scaled integers, metres instead of millimetres, and a frame axis of one."""
    stored = np.random.default_rng(2).integers(0, 4000, (5, 6, 7, 1)).astype(np.int16)
    image = nib.Nifti1Image(stored, np.diag([0.001, 0.002, 0.003, 1.0]))
    image.header.set_xyzt_units("meter")
    image.header.set_slope_inter(0.5, -1024.0)
    path = saved(image, tmp_path / "scaled.nii")
    read, found = read_volume(path, "HU"), Volume.from_nibabel(nib.load(path), "HU")
    assert found.spacing == pytest.approx((1, 2, 3))
    np.testing.assert_allclose(found.voxels, read.voxels, atol=1e-3)
    assert found.voxels.dtype == read.voxels.dtype == np.float32
    assert found.grid.matches(read.grid)


def test_both_transforms_of_a_header_say_the_same_unless_it_is_sheared() -> None:
    image = random_volume(oblique_grid()).to_nibabel()
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert image.header.get_xyzt_units()[0] == "mm"
    bent = sheared()
    image = bent.to_nibabel()
    assert int(image.header["qform_code"]) == 0
    np.testing.assert_allclose(image.get_sform(), bent.affine)
    assert Volume.from_nibabel(image, "HU").grid.matches(bent.grid)


def test_itk_cannot_hold_a_sheared_grid() -> None:
    with pytest.raises(GeometryError, match="SimpleITK cannot hold a sheared grid; resample"):
        sheared().to_simpleitk()


def test_what_comes_back_shares_no_memory_with_what_went() -> None:
    volume = random_volume(oblique_grid())
    before = volume.voxels.copy()
    tensor, image = volume.to_torch(), volume.to_simpleitk()
    found = Volume.from_simpleitk(image, "HU")
    tensor += 1
    image[0, 0, 0] = 77
    np.testing.assert_array_equal(volume.voxels, before)
    np.testing.assert_array_equal(found.voxels, before)


def test_tensors_of_any_kind_and_order() -> None:
    volume = random_volume(oblique_grid())
    big_endian = volume.with_voxels(volume.voxels[::-1].astype(">i2"))
    np.testing.assert_array_equal(big_endian.to_torch().numpy(), volume.voxels[::-1])
    half = torch.arange(24).reshape(2, 3, 4).to(torch.bfloat16).requires_grad_()
    found = Volume.from_torch(half.permute(2, 1, 0), np.eye(4), "a.u.")
    assert found.voxels.dtype == np.float32
    assert found.voxels[3, 1, 0] == 7
    with pytest.raises(GeometryError, match=r"got a tensor of \(1, 4, 5, 6\)"):
        Volume.from_torch(torch.zeros(1, 4, 5, 6), np.eye(4), "a.u.")


def image_of(kind: str) -> object:
    grid = np.eye(4)
    return {
        "frames": nib.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), grid),
        "flat": nib.Nifti1Image(np.zeros((3, 4), np.int16), grid),
        "colours": nib.Nifti1Image(np.zeros((3, 4, 5), [(c, "u1") for c in "RGB"]), grid),
        "complex": nib.Nifti1Image(np.zeros((3, 4, 5), np.complex64), grid),
        "nowhere": nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None),
        "flat itk": sitk.Image(3, 4, sitk.sitkInt16),
        "vectors": sitk.Image([3, 4, 5], sitk.sitkVectorFloat32, 3),
        "complex itk": sitk.Image([3, 4, 5], sitk.sitkComplexFloat32),
        "array": np.zeros((3, 4, 5)),
        "text": "ct.nii.gz",
    }[kind]


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("frames", GeometryError, r"three dimensions and one frame, got .* \(3, 4, 5, 2\)"),
        ("flat", GeometryError, r"three dimensions and one frame, got .* \(3, 4\)"),
        ("colours", ValueRangeError, "voxels must be real numbers"),
        ("complex", ValueRangeError, "voxels must be real numbers, got complex64"),
        ("nowhere", GeometryError, "has no affine"),
        ("flat itk", GeometryError, r"three dimensions, got an image of size \(3, 4\)"),
        ("vectors", ValueRangeError, "with 3 components per voxel"),
        ("complex itk", ValueRangeError, "voxels must be real numbers, got complex64"),
        ("array", ValueRangeError, "image of nibabel or SimpleITK, got ndarray"),
        ("text", ValueRangeError, "image of nibabel or SimpleITK, got str"),
    ],
)
def test_what_is_no_volume_is_refused_in_a_sentence(kind: str, error, reason: str) -> None:
    with pytest.raises(error, match=reason) as caught:
        Volume.from_image(image_of(kind), "a.u.")
    assert "\n" not in str(caught.value)


def test_an_array_needs_three_real_axes_and_a_known_unit() -> None:
    with pytest.raises(GeometryError, match=r"got an array of \(3, 4\)"):
        Volume.from_numpy(np.zeros((3, 4)), np.eye(4), "a.u.")
    with pytest.raises(ValueRangeError, match="real numbers, got complex"):
        Volume.from_numpy(np.zeros((3, 4, 5), complex), np.eye(4), "a.u.")
    with pytest.raises(ValueRangeError, match="the unit 'banana' is unknown; allowed: HU"):
        Volume.from_numpy(np.zeros((3, 4, 5)), np.eye(4), "banana")  # type: ignore[arg-type]


def test_a_file_that_is_damaged_is_told_when_its_image_is_used(tmp_path: Path) -> None:
    path = saved(random_volume(oblique_grid()).to_nibabel(), tmp_path / "v.nii")
    image = nib.load(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(FileError, match="voxels cannot be read"):
        Volume.from_nibabel(image, "HU")
