"""What a volume knows of where nothing was measured, through all that is done with volumes."""

from __future__ import annotations

import io

import matplotlib.image
import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.resample import coverage, resample
from mrtoct.volume import Grid, Volume
from mrtoct.volume.picture import STRIPES, png, share
from volumes import oblique_grid, random_volume


def half_measured(volume: Volume, count: int = 8, fill: float = -1024) -> Volume:
    """The volume of which only the first planes along I were measured, the others filled."""
    measured = np.zeros(volume.grid.shape, bool)
    measured[:count] = True
    return volume.with_voxels(np.where(measured, volume.voxels, fill)).measured_where(measured)


def test_measured_everywhere_is_none_and_a_part_is_counted() -> None:
    volume = random_volume(oblique_grid())
    assert volume.measured is None
    assert volume.unmeasured == 0
    assert volume.measured_where(np.ones(volume.grid.shape, bool)).measured is None
    assert half_measured(volume).unmeasured == pytest.approx(5 / 13)


def test_what_was_measured_stays_with_other_voxels_and_in_a_crop() -> None:
    volume = half_measured(random_volume(oblique_grid()))
    map_of = volume.with_voxels(volume.voxels * 0.5, "kg/m3")
    np.testing.assert_array_equal(map_of.measured, volume.measured)
    assert volume.with_voxels(volume.voxels > 0, "label").measured is None
    box = (slice(6, 11), slice(1, 4), slice(0, 2))
    np.testing.assert_array_equal(volume.cropped(box).measured, volume.measured[box])
    assert volume.cropped((slice(2, 8), slice(0, 10), slice(0, 7))).measured is None


def test_two_reasons_add_up() -> None:
    volume = half_measured(random_volume(oblique_grid()))
    other = np.zeros(volume.grid.shape, bool)
    other[:, 3:] = True
    both = volume.measured_where(other)
    assert both.measured.sum() == 8 * 7 * 7
    assert both.measured_where(None).measured is both.measured


def test_what_is_no_mask_of_the_grid_is_refused() -> None:
    volume = random_volume(oblique_grid())
    with pytest.raises(GeometryError, match=r"booleans of shape \(13, 10, 7\), got bool of"):
        volume.measured_where(np.ones((13, 10), bool))
    with pytest.raises(GeometryError, match=r"booleans of shape .* got uint8"):
        volume.measured_where(np.ones(volume.grid.shape, np.uint8))
    with pytest.raises(ValueRangeError, match="labels is not measured"):
        Volume(volume.voxels, volume.grid, "label", np.zeros(volume.grid.shape, bool))


def test_another_grid_is_measured_where_the_volume_covers_it() -> None:
    volume = random_volume(oblique_grid())
    grid = oblique_grid(shape=(31, 29, 27), spacing=(1.1, 0.9, 1.3), degrees=(3, 40, -8))
    for interpolation in ("linear", "nearest"):
        out = resample(volume, grid, fill=-1024, interpolation=interpolation)
        np.testing.assert_array_equal(out.measured, coverage(volume.grid, grid))
    assert resample(volume.with_voxels(volume.voxels, "label"), grid, fill=0).measured is None
    assert resample(volume, volume.grid, fill=-1024).measured is None


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_an_unmeasured_half_is_as_if_it_were_not_there(interpolation) -> None:
    """Masked and cut away are the same: in value, in what is measured, in fill."""
    volume = random_volume(oblique_grid())
    masked = half_measured(volume, fill=30000)
    cut = volume.cropped((slice(0, 8), slice(0, 10), slice(0, 7)))
    grid = oblique_grid(shape=(41, 33, 57), spacing=(0.61, 0.6, 0.59), degrees=(3, 20, -8))
    found = resample(masked, grid, fill=-7, interpolation=interpolation)
    wanted = resample(cut, grid, fill=-7, interpolation=interpolation)
    assert 0.05 < wanted.unmeasured < 0.95
    np.testing.assert_array_equal(found.measured, wanted.measured)
    np.testing.assert_allclose(found.voxels, wanted.voxels, atol=0.05)


def test_a_centre_on_the_border_of_the_measured_is_out_on_both_sides() -> None:
    volume = Volume(np.full((8, 3, 3), 50, np.float32), Grid((8, 3, 3), np.eye(4)), "HU")
    measured = np.zeros(volume.grid.shape, bool)
    measured[2:6] = True
    affine = np.diag([0.5, 1, 1, 1.0])
    out = resample(volume.measured_where(measured), Grid((15, 3, 3), affine), fill=-1024)
    expected = np.zeros((15, 3, 3), bool)
    expected[4:11] = True  # 2 to 5; 1.5 and 5.5 are as far from the unmeasured
    np.testing.assert_array_equal(out.measured, expected)
    assert set(out.voxels[expected]) == {50}
    assert set(out.voxels[~expected]) == {-1024}


def test_a_coarse_voxel_is_the_mean_of_what_was_measured_in_it() -> None:
    """One missing voxel leaves no dent, one measured among missing ones makes no voxel."""
    fine = Grid((24, 24, 24), np.diag([0.5, 0.5, 0.5, 1]))
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = 0.75
    coarse = Grid((6, 6, 6), affine)
    measured = np.ones(fine.shape, bool)
    measured[5:7, 5:7, 5:7] = False
    voxels = np.where(measured, 40, -1024).astype(np.int16)
    out = resample(Volume(voxels, fine, "HU", measured), coarse, fill=-1024)
    assert out.measured is None
    np.testing.assert_allclose(out.voxels, 40, rtol=1e-5)
    few = ~measured
    out = resample(Volume(np.where(few, 40, 0), fine, "HU", few), coarse, fill=-1024)
    assert not out.measured.any()
    assert (out.voxels == -1024).all()


def test_what_a_volume_is_called_and_shown_says_so() -> None:
    hu = np.full((20, 20, 20), -1024, np.int16)
    hu[:10] = 40
    measured = np.ones(hu.shape, bool)
    measured[10:] = False
    volume = Volume(hu, Grid(hu.shape, np.eye(4)), "HU", measured)
    assert repr(volume).endswith("40 to 40 HU, int16, 50.0 % not measured)")
    assert ">50.0 %, striped in blue</td>" in volume._repr_html_()
    shown = matplotlib.image.imread(io.BytesIO(png(volume)))
    transverse = np.rint(shown[:, : shown.shape[1] // 3, :3] * 255).reshape(-1, 3)
    assert set(STRIPES) <= set(map(tuple, transverse))
    whole = matplotlib.image.imread(io.BytesIO(png(Volume(hu, volume.grid, "HU"))))
    assert (whole[..., 0] == whole[..., 2]).all()


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (1e-9, "under 0.1 %"),
        (0.0312, "3.1 %"),
        (0.5, "50.0 %"),
        (1 - 1e-9, "over 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(part: float, said: str) -> None:
    assert share(part) == said
