"""Faces, skulls and planes cut out of heads: what is found is what was taken, else nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.io.files import read_scan
from mrtoct.io.scan import Scan
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.absent import Absent, find_absent
from mrtoct.prepare.blank import blank
from mrtoct.prepare.intensity import from_zero
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.volume import Array, Grid, Volume
from spoilt import turned


def places(volume: Volume, head: Array) -> tuple[Array, Array, Array]:
    """World positions from the foremost point of the forehead, and from the vertex."""
    indices = np.stack(np.meshgrid(*map(np.arange, volume.grid.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(volume.grid.to_world(indices), -1, 0)
    z = z - z[head].max()
    forehead = head & (z < -40) & (z > -70)
    return x - np.median(x[forehead]), y - np.percentile(y[forehead], 99.9), z


def box(x: Array, y: Array, z: Array) -> Array:
    return (z < -85) & (y > -45)


def sheared(x: Array, y: Array, z: Array) -> Array:
    """All in front of a plane from the brows to the throat, as quickshear cuts."""
    return y - 0.9 * (z + 75) > 0


def rounded(x: Array, y: Array, z: Array) -> Array:
    """The face's own shape and the air before it, as pydeface cuts."""
    face = (x / 70) ** 2 + ((y + 5) / 48) ** 2 + ((z + 135) / 58) ** 2 < 1
    return face | ((y > 0) & (z < -85) & (z > -190) & (np.abs(x) < 70))


def ragged(x: Array, y: Array, z: Array) -> Array:
    """Steps of 8 mm, as mri_deface leaves them."""
    depth = (np.floor(x / 8).astype(int) * 7 + np.floor(z / 8).astype(int) * 13) % 3
    return (z < -80) & (y > -50 + 8 * depth) & (np.abs(x) < 75)


def without(volume: Volume, where: Array, value: float = 0) -> Volume:
    return volume.with_voxels(np.where(where, volume.voxels.dtype.type(value), volume.voxels))


def masked(volume: Volume) -> Volume:
    """The air set to 0, a voxel beyond the skin, as exports are."""
    return without(volume, ~ndimage.binary_dilation(head_mask_mr(volume).voxels))


def found(volume: Volume) -> Absent:
    return find_absent(volume, head_mask_mr(volume))


def dice(a: Array, b: Array) -> float:
    return 2 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)


@pytest.fixture(scope="module")
def mr(head) -> Volume:
    return head.mr["T1"]


@pytest.fixture(scope="module")
def whole(mr) -> Array:
    return head_mask_mr(mr).voxels


@pytest.mark.parametrize("cut", [box, sheared, rounded, ragged])
def test_a_face_cut_out_of_noisy_air_is_found_to_the_voxel(mr, whole, cut):
    taken = cut(*places(mr, whole))
    absent = found(without(mr, taken))
    assert absent.face_mm > 30
    assert dice(absent.mask.voxels, taken) > 0.95
    assert set(absent.cut_cm2.values()) == {0}
    assert not absent.stripped


@pytest.mark.parametrize("cut", [box, sheared, rounded, ragged])
def test_a_face_is_missed_where_all_air_was_masked_too(mr, whole, cut):
    taken = cut(*places(mr, whole))
    absent = found(without(masked(mr), taken))
    assert absent.face_mm > 25
    # Where the head ended before is no longer to be known, but within it all is found.
    assert dice(absent.mask.voxels & whole, taken & whole) > 0.88


@pytest.mark.parametrize(
    "change",
    [
        lambda scan: scan,
        masked,
        lambda scan: turned(scan, (12, -6, 9)),
        lambda scan: masked(turned(scan, (12, -6, 9))),
        lambda scan: without(scan, np.indices(scan.grid.shape)[1] > 61),  # padding beside the head
    ],
    ids=["as it is", "masked", "oblique", "oblique and masked", "padded"],
)
def test_a_whole_head_lacks_nothing(mr, change):
    absent = found(change(mr))
    assert (absent.face_mm, absent.stripped, absent.mask.voxels.sum()) == (0, False, 0)
    assert set(absent.cut_cm2.values()) == {0}


def test_a_head_without_noise_lacks_nothing():
    quiet = make_subject([1, 0], replace(TINY, mr_noise=0.0, bias_field=0.0)).mr["T1"]
    assert found(quiet).mask.voxels.sum() == 0
    rng = np.random.default_rng(0)
    steps = quiet.with_voxels(np.rint(quiet.voxels / 400) * 400)  # tissues of one value each
    assert found(steps).mask.voxels.sum() == 0
    assert found(steps.with_voxels(steps.voxels + rng.random(steps.grid.shape))).face_mm == 0


def test_a_face_full_of_quiet_noise_or_of_one_value_is_missing(mr, whole):
    taken = box(*places(mr, whole))
    noise = np.random.default_rng(2).rayleigh(8, mr.grid.shape).astype(mr.voxels.dtype)
    absent = found(mr.with_voxels(np.where(taken, noise, mr.voxels)))
    assert absent.face_mm > 30
    assert dice(absent.mask.voxels & whole, taken & whole) > 0.85
    grey = np.median(mr.voxels[whole])
    assert dice(found(without(mr, taken, grey)).mask.voxels, taken) > 0.95


def test_a_border_of_the_scan_within_the_grid_is_a_cut(mr, whole):
    x, _, z = places(mr, whole)
    side = x > 45
    absent = found(without(mr, side))
    assert (absent.face_mm, absent.stripped) == (0, False)
    assert dice(absent.mask.voxels, side) > 0.99
    surface = whole & side & ~np.roll(side, 1 if mr.affine[0, 0] > 0 else -1, axis=0)
    area = surface.sum() * mr.spacing[1] * mr.spacing[2] / 100
    assert absent.cut_cm2["right"] == pytest.approx(area, rel=0.15)
    tilted = without(masked(mr), z + 0.3 * x > -35)
    above = found(tilted)
    assert above.cut_cm2["top"] > 60
    assert above.face_mm == 0


def test_a_brain_alone_lacks_skull_and_scalp():
    grid = Grid.from_box((-100, -130, -110), (100, 130, 110), (3.0, 3.0, 3.0))
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.to_world(indices), -1, 0)
    brain = (x / 66) ** 2 + (y / 84) ** 2 + (z / 60) ** 2 < 1
    signal = np.random.default_rng(3).normal(500, 40, grid.shape)
    absent = found(Volume(np.where(brain, signal, 0).astype(np.float32), grid, "a.u."))
    assert absent.stripped
    assert absent.face_mm == 0
    away = ndimage.distance_transform_edt(~brain, sampling=grid.spacing)
    assert dice(absent.mask.voxels, (away > 0) & (away < 17)) > 0.9


def test_blank_is_of_one_value_and_three_voxels_wide():
    rng = np.random.default_rng(4)
    grid = Grid((30, 31, 32), np.diag([2.0, 2.0, 2.0, 1.0]))
    voxels = rng.integers(1, 1000, grid.shape).astype(np.int16)
    voxels[:12] = 0
    voxels[20:28, 5:25, 5:25] = 7
    voxels[14:18, 5:25, 5:25] = 5000  # cut off at the top of the scale
    voxels[13, 3] = 0  # a row of zeros that happened
    expected = np.zeros(grid.shape, bool)
    for value in (0, 7):
        here = voxels == value
        core = ndimage.binary_erosion(here, border_value=1)
        expected |= ndimage.binary_dilation(core) & here
    assert expected.sum() == pytest.approx(12 * 31 * 32 + 8 * 20 * 20, rel=0.02)
    np.testing.assert_array_equal(blank(Volume(voxels, grid, "a.u.")), expected)
    few = Volume((voxels // 200).astype(np.int16), grid, "a.u.")
    few.voxels[:12] = np.arange(4).repeat(3)[:, None, None] + 10  # tissues that were drawn
    assert not blank(few)[:12].any()


REAL = [
    "mr_heads/fnndsc/fnndsc_mocoMEMPRAGE_220FOV_RMS_HFS.nii.gz",
    "mr_heads/seg3d/mr_t1.nii.gz",
    "colin27_brainweb/t1.nii.gz",
    "visible_human_male/mr.mha",
    "rire/training_001_mr_T1.mha",
    "pork_phantom_ct_mr/mr_t2_full.nii.gz",
    "dicom_mr_positions/HFP",
    "dicom_mr_positions/HFDL",
]


@pytest.mark.slow
@pytest.mark.parametrize("path", REAL)
def test_real_scans_lack_nothing(path, real_data):
    scan = read_scan(Scan(real_data / path), "a.u.")
    absent = found(from_zero(scan))
    assert absent.mask.voxels.sum() == 0
    assert absent.face_mm == 0
