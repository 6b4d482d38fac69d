"""A volume as people have it: what is taken, and what is refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.as_volume import ANY_UNIT, as_volume
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.scan import Scan
from mrtoct.volume import Unit, Volume
from volumes import oblique_grid, random_volume


@pytest.fixture
def volume() -> Volume:
    return random_volume(oblique_grid(flip=(1, -1, 1)))


def test_each_kind_gives_the_same_volume(volume: Volume, tmp_path: Path) -> None:
    path = tmp_path / "ct.nii.gz"
    write_volume(path, volume)
    for given in (
        volume,
        path,
        str(path),
        Scan(path),
        nib.load(path),
        volume.to_nibabel(),
        sitk.ReadImage(str(path)),
        volume.to_simpleitk(),
    ):
        found = as_volume(given, ("HU", "a.u."), "CT")
        assert found.unit == "HU"
        np.testing.assert_array_equal(found.voxels, volume.voxels)
        assert found.grid.matches(volume.grid)


@pytest.mark.parametrize("ending", ["nii.gz", "mha"])
def test_images_are_written_as_the_volume_is(volume: Volume, tmp_path: Path, ending: str) -> None:
    for name, given in (("nibabel", volume.to_nibabel()), ("itk", volume.to_simpleitk())):
        path = tmp_path / f"{name}.{ending}"
        write_volume(path, given)
        found = read_volume(path, "HU")
        np.testing.assert_array_equal(found.voxels, volume.voxels)
        assert found.grid.matches(volume.grid)


def test_another_unit_is_refused_unless_all_are_allowed(volume: Volume) -> None:
    with pytest.raises(ValueRangeError) as caught:
        as_volume(volume, "a.u.", "MR", force="to translate it anyway")
    assert (
        str(caught.value)
        == "the MR is in HU, it must be in a.u.; pass force=True to translate it anyway"
    )
    assert as_volume(volume, ("a.u.", *ANY_UNIT), "MR") is volume


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (np.zeros((3, 4, 5)), "got an array (ndarray) without its affine; use Volume.from_numpy("),
        (torch.zeros(3, 4, 5), "got an array (Tensor) without its affine"),
        (None, "must be a Volume, a path, or an image of nibabel or SimpleITK, got NoneType"),
        ([1, 2], "or an image of nibabel or SimpleITK, got list"),
        (b"mr.nii", "got bytes"),
    ],
)
def test_what_is_no_volume_is_refused(given: object, reason: str) -> None:
    with pytest.raises(ValueRangeError) as caught:
        as_volume(given, "a.u.", "MR")  # type: ignore[arg-type]
    assert str(caught.value).startswith("the MR must be")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", ["nibabel", "simpleitk", "volume", "numpy"])
@pytest.mark.parametrize(("unit", "fill"), [("HU", -1024), ("a.u.", 0)])
def test_nan_is_not_measured_however_a_volume_is_given(
    volume: Volume, given: str, unit: Unit, fill: float, caplog: pytest.LogCaptureFixture
) -> None:
    voxels = volume.voxels.astype(np.float32)
    voxels[1, 2, 3] = voxels[4] = np.nan
    holes = Volume(voxels, volume.grid, unit)
    image = {
        "nibabel": holes.to_nibabel,
        "simpleitk": holes.to_simpleitk,
        "volume": lambda: holes,
        "numpy": lambda: Volume.from_numpy(voxels, volume.affine, unit),
    }[given]()
    found = as_volume(image, unit, "scan")
    np.testing.assert_array_equal(found.measured, ~np.isnan(voxels))
    np.testing.assert_array_equal(found.voxels, np.where(np.isnan(voxels), fill, voxels))
    assert np.isnan(voxels).any()  # what was given stays as it was
    told = [record.getMessage() for record in caplog.records]
    wanted = ["the scan: 7.8 % of its voxels are NaN and count as not measured"]
    assert told == ([] if given == "numpy" else wanted)  # an array's own volume shows it


@pytest.mark.parametrize(
    ("bad", "unit", "reason"),
    [
        (np.inf, "a.u.", "1 voxels are infinite; .*, or NaN where nothing was measured"),
        (np.nan, "label", "1 voxels are NaN or infinite; .*, or 0 where a mask or label map has"),
    ],
)
def test_what_is_no_number_and_no_hole_is_refused(
    volume: Volume, bad: float, unit: Unit, reason: str
) -> None:
    voxels = volume.voxels.astype(np.float32)
    voxels[1, 2, 3] = bad
    with pytest.raises(ValueRangeError, match=f"the scan: {reason}"):
        as_volume(Volume(voxels, volume.grid, unit).to_nibabel(), unit, "scan")


def test_a_volume_of_nan_alone_is_refused(volume: Volume) -> None:
    empty = Volume(np.full(volume.grid.shape, np.nan), volume.grid, "a.u.")
    for given in (empty, empty.to_nibabel()):
        with pytest.raises(ValueRangeError, match="every voxel is NaN: nothing was measured"):
            as_volume(given, "a.u.", "MR")


def test_arguments_in_the_wrong_order_and_wrong_units_are_told(
    volume: Volume, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match="path of a volume must be text or a Path, got Volume"):
        write_volume(volume, tmp_path / "ct.nii")  # type: ignore[arg-type]
    with pytest.raises(ValueRangeError, match=r"got (Posix|Windows)Path"):
        write_volume(tmp_path / "ct.nii", tmp_path / "mr.nii")  # type: ignore[arg-type]
    with pytest.raises(ValueRangeError, match="the unit 'banana' is unknown"):
        read_volume(tmp_path / "nothing.nii", "banana")  # type: ignore[arg-type]
    with pytest.raises(FileError, match=r"nothing\.nii does not exist"):
        as_volume(str(tmp_path / "nothing.nii"), "a.u.", "MR")
    assert list(tmp_path.iterdir()) == []
