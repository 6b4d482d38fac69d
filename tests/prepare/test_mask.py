"""Head masks against the phantoms' truth, shapes of known volume, and real scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.phantom import TINY, PhantomSettings, Tissue, make_subject
from mrtoct.prepare.intensity import checked_ct
from mrtoct.prepare.mask import (
    _without_cavities,
    bounding_box,
    dilated,
    head_mask_ct,
    head_mask_mr,
)
from mrtoct.resample import coverage, resample
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def distance_outside(mask, spacing):
    return ndimage.distance_transform_edt(~mask, sampling=spacing)


def is_one_body_without_holes(mask):
    return ndimage.label(mask)[1] == 1 and (ndimage.binary_fill_holes(mask) == mask).all()


FINE = PhantomSettings(
    anatomy_spacing=2.0,
    ct_shape=(124, 124, 72),
    ct_spacing=(2.0, 2.0, 2.5),
    mr_shape=(96, 96, 60),
    mr_spacing=(2.4, 2.4, 3.0),
)


def test_ct_mask_is_the_head_without_table_and_holder(heads):
    for subject in (*heads, make_subject(3, FINE)):
        mask = head_mask_ct(checked_ct(subject.ct)).voxels
        truth = subject.labels.voxels != Tissue.AIR
        assert dice(mask, truth) > 0.985
        assert is_one_body_without_holes(mask)
        away = distance_outside(truth, subject.ct.spacing)
        assert away[mask].max() < 6.5  # one thick slice; table and holder are beyond
        left_out = (subject.ct.voxels > -300) & (away > 6.5)
        assert left_out.sum() * subject.ct.grid.voxel_volume / 1000 > 5  # ml of table and holder
        inner = subject.labels.voxels == Tissue.INNER_AIR
        assert mask[inner].mean() > 0.97  # sinuses, mastoid cells, airways


def test_without_a_table_the_mask_is_the_same():
    scans = [
        make_subject(3, replace(TINY, table=table, ct_noise=0.0)).ct for table in (True, False)
    ]
    with_table, without = (head_mask_ct(checked_ct(ct)).voxels for ct in scans)
    assert dice(with_table, without) > 0.998


def test_mr_mask_is_the_head_with_dark_bone_and_sinuses(heads):
    for subject in heads:
        mr = subject.mr["T1"]
        back = np.linalg.inv(subject.ct_to_mr)
        labels = resample(subject.labels, mr.grid, fill=0, transform=back, interpolation="nearest")
        seen = coverage(subject.ct.grid, mr.grid, back)
        mask = head_mask_mr(mr).voxels
        assert dice(mask & seen, (labels.voxels != Tissue.AIR) & seen) > 0.97
        assert is_one_body_without_holes(mask)
        bone = labels.voxels == Tissue.CORTICAL_BONE
        assert mask[bone & seen].mean() > 0.99


def test_mr_mask_does_not_depend_on_the_signal_scale(head):
    mr = head.mr["T1"]
    once = head_mask_mr(mr).voxels
    scaled = head_mask_mr(mr.with_voxels(mr.voxels.astype(np.float32) * 0.037)).voxels
    assert dice(once, scaled) > 0.999


def ball_with_shell(grid, radius=60.0, *, gap=3.0, thickness=3.0):
    """Water of a known volume above a thin bent shell, as a head lies in a holder (HU)."""
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    distance = np.linalg.norm(points, axis=-1)
    shell = (distance > radius + gap) & (distance < radius + gap + thickness) & (points[..., 1] < 0)
    return Volume(np.where((distance < radius) | shell, 20, -1000).astype(np.int16), grid, "HU")


@pytest.mark.parametrize("gap", [3.0, 0.0])
def test_ct_mask_of_a_ball_in_a_shell_has_the_balls_volume(gap):
    grid = oblique_grid((75, 68, 51), (2.1, 2.3, 3.1), origin=(0, 0, 0))
    affine = grid.affine.copy()
    affine[:3, 3] = -grid.center  # the ball's middle is the grid's
    grid = Grid(grid.shape, affine)
    mask = head_mask_ct(ball_with_shell(grid, gap=gap))
    milliliters = mask.voxels.sum() * grid.voxel_volume / 1000
    expected = 4 / 3 * np.pi * 6.0**3
    # A shell glued to the skin cannot be told from skin within the rim of one working voxel.
    assert milliliters == pytest.approx(expected, rel=0.02 if gap else 0.08)
    assert mask.grid is not None and mask.grid.matches(grid)


def test_a_cavity_that_is_cut_by_the_last_slice_is_inside():
    grid = Grid.from_box((-80, -80, 0), (80, 80, 60), (2.5, 2.5, 3.0))
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    across = np.linalg.norm(points[..., :2], axis=-1)
    voxels = np.where((across < 60) & (across > 15), 30, -1000).astype(np.int16)
    np.testing.assert_array_equal(head_mask_ct(Volume(voxels, grid, "HU")).voxels, across < 60)


def test_an_ear_belongs_to_the_head_a_plate_and_a_rod_do_not():
    grid = Grid.from_box((-110, -110, -70), (110, 110, 70), (2.0, 2.0, 2.0))
    x, y, z = np.moveaxis(grid.to_world(np.stack(np.indices(grid.shape), axis=-1)), -1, 0)
    skull = x**2 + y**2 + z**2 < 60**2
    ear = (x > 55) & (x < 72) & (abs(y) < 3) & (abs(z) < 15)
    plate = (x < -55) & (x > -100) & (abs(y) < 3) & (abs(z) < 60)
    rod = (y > 55) & (y < 90) & (abs(x) < 3) & (abs(z) < 3)  # small, but not near
    voxels = np.where(skull | ear | plate | rod, 20, -1000).astype(np.int16)
    mask = head_mask_ct(Volume(voxels, grid, "HU")).voxels
    assert mask[ear].all()
    assert not mask[plate & (x < -70)].any()
    assert not mask[rod & (y > 70)].any()


def test_no_head_and_no_signal_are_refused():
    grid = oblique_grid((20, 21, 22), (2.0, 2.0, 2.0))
    air = Volume(np.full(grid.shape, -1000, np.int16), grid, "HU")
    with pytest.raises(ValueRangeError, match="no head found in the CT"):
        head_mask_ct(air)
    with pytest.raises(ValueRangeError, match="constant"):
        head_mask_mr(Volume(np.full(grid.shape, 7.0, np.float32), grid, "a.u."))
    specks = np.zeros(grid.shape, np.float32)
    specks[::7, ::7, ::7] = 100
    with pytest.raises(ValueRangeError, match="no head found in the MR"):
        head_mask_mr(Volume(specks, grid, "a.u."))


def test_bounding_box_holds_the_mask_and_stays_in_the_array():
    mask = np.zeros((9, 8, 7), bool)
    mask[2, 3, 0] = mask[4, 5, 6] = True
    assert bounding_box(mask) == (slice(2, 5), slice(3, 6), slice(0, 7))
    assert bounding_box(mask, (1, 9, 2)) == (slice(1, 6), slice(0, 8), slice(0, 7))
    with pytest.raises(ValueRangeError, match="empty"):
        bounding_box(np.zeros((3, 3, 3), bool))


@pytest.mark.parametrize(("steps", "radius"), [(1, 1.0), (2, 2.5), (3, 3.4), (4, 4.4)])
def test_dilation_is_nearly_by_a_ball(steps, radius):
    mask = np.zeros((21, 22, 23), bool)
    mask[10, 9:12, 10] = True
    grown = dilated(mask, steps)
    ball = distance_outside(mask, (1, 1, 1)) <= radius
    assert (grown ^ ball).sum() <= 0.15 * ball.sum()
    assert not (grown & (distance_outside(mask, (1, 1, 1)) > steps + 0.5)).any()


def test_cavities_are_filled_as_by_scipy_slice_by_slice():
    rng = np.random.default_rng(4)
    mask = ndimage.binary_closing(rng.random((31, 27, 19)) > 0.6)
    expected = mask.copy()
    for axis in (2, 0):
        for plane in np.moveaxis(expected, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    assert expected.sum() > mask.sum()
    np.testing.assert_array_equal(_without_cavities(mask), expected)


@pytest.mark.parametrize(
    ("name", "litres"),
    [
        ("rire/training_001_mr_T1.mha", (2.0, 3.0)),  # vertex to skull base
        ("visible_human_male/mr.mha", (3.0, 4.2)),
        ("colin27_brainweb/t1.nii.gz", (3.6, 4.6)),  # as cut off below the chin
    ],
)
def test_real_mr_heads_are_one_body_of_a_heads_volume(real_data, name, litres):
    mr = read_volume(real_data / name, "a.u.")
    mask = head_mask_mr(mr)
    assert is_one_body_without_holes(mask.voxels)
    assert litres[0] < mask.voxels.sum() * mr.grid.voxel_volume / 1e6 < litres[1]


def test_colins_head_has_all_that_was_labelled(real_data):
    labels = read_volume(real_data / "colin27_brainweb/labels.nii.gz", "label")
    mask = head_mask_mr(read_volume(real_data / "colin27_brainweb/t1.nii.gz", "a.u.")).voxels
    tissue = labels.voxels > 0
    assert mask[tissue].mean() > 0.97
    assert distance_outside(tissue, labels.spacing)[mask].max() < 25  # unlabelled sinuses at most


def test_a_real_holder_is_left_out(real_data):
    ct = checked_ct(read_volume(real_data / "pork_phantom_ct_mr/ct_full.nii.gz", "HU"))
    grid = ct.grid.upright((2.0, 2.0, 2.0))
    ct = resample(ct, grid, fill=-1024)
    mask = head_mask_ct(ct).voxels
    assert is_one_body_without_holes(mask)
    assert 3.5 < mask.sum() * grid.voxel_volume / 1e6 < 4.1
    left_out = (ct.voxels > -300) & ~ndimage.binary_dilation(mask, iterations=3)
    assert left_out.sum() * grid.voxel_volume / 1e6 > 0.1  # table and box, in litres
