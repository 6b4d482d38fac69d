import base64
import zlib
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from mrtoct.report.voxels import (
    mask_box,
    pack,
    pack_mask,
    pack_subjects,
    to_ras,
    unpack,
    unpack_mask,
)
from mrtoct.volume import Grid, Volume

LPS = np.array([[-3.0, 0, 0, 36], [0, -2.5, 0, 30], [0, 0, 4, -10], [0, 0, 0, 1]])
SAGITTAL = np.array([[0.0, 0.1, 3, -30], [2.5, 0, 0, -40], [0, -4, 0.1, 60], [0, 0, 0, 1]])


@pytest.mark.parametrize(("size", "step"), [(2, 2.0), (1, 40.0)])
def test_packing_loses_less_than_half_a_step(size, step):
    generator = np.random.default_rng(1)
    voxels = generator.uniform(-1024, 3071, (7, 5, 9))
    mask = generator.random(voxels.shape) < 0.6
    packed = pack(voxels, mask, -1024.0, step, size)
    again = unpack(packed, mask)
    assert np.abs(again - voxels)[mask].max() <= step / 2
    assert (again[~mask] == -1024).all()


def test_values_beyond_the_codes_saturate():
    voxels = np.array([-2000.0, 0.0, 1e6]).reshape(3, 1, 1)
    again = unpack(
        pack(voxels, np.ones((3, 1, 1), bool), -1024.0, 2.0, 2), np.ones((3, 1, 1), bool)
    )
    assert again.ravel().tolist() == [-1024.0, 0.0, -1024 + 2 * 32767]


def test_bytes_are_laid_out_as_documented():
    # Codes 3, 2, 1000 (first index fastest): differences 3, -1, 998, folded 6, 1, 1996.
    voxels = np.array([[3.0, 1000.0], [2.0, 0.0]])[:, :, None]
    mask = np.array([[True, True], [True, False]])[:, :, None]
    data = zlib.decompress(base64.b64decode(pack(voxels, mask, 0.0, 1.0, 2).data))
    assert list(data) == [6, 1, 1996 & 255, 0, 0, 1996 >> 8]
    assert list(zlib.decompress(base64.b64decode(pack_mask(mask)))) == [0b0111]


def test_masks_survive():
    mask = np.random.default_rng(0).random((5, 7, 3)) < 0.5
    assert np.array_equal(unpack_mask(pack_mask(mask), mask.shape), mask)


@pytest.mark.parametrize("affine", [LPS, SAGITTAL])
def test_reordering_keeps_every_voxel_where_it_is(affine):
    grid = Grid((4, 5, 6), affine)
    volume = Volume(np.arange(120.0).reshape(4, 5, 6), grid, "HU")
    turned = to_ras(volume)
    assert nib.aff2axcodes(turned.affine) == ("R", "A", "S")
    for index in np.ndindex(turned.voxels.shape):
        at = np.rint(grid.to_index(turned.grid.to_world(index))).astype(int)
        assert volume.voxels[tuple(at)] == turned.voxels[index]


def test_box_is_the_mask_with_a_margin_inside_the_volume():
    mask = np.zeros((9, 8, 7), bool)
    mask[1:3, 4, 5] = True
    volume = Volume(mask, Grid(mask.shape, np.eye(4)), "label")
    assert mask_box(volume) == (slice(0, 5), slice(2, 7), slice(3, 7))


def test_subject_is_stored_as_measured_when_it_fits(subjects):
    [packed] = pack_subjects(subjects[:1], budget=10**6)
    subject = subjects[0]
    box = mask_box(subject.mask)
    mask = unpack_mask(packed.mask, packed.shape)
    assert packed.stored_as_measured
    assert packed.spacing == (3.0, 2.5, 4.0)
    assert np.array_equal(mask, subject.mask.voxels[box])
    for stored, volume, tolerance in (
        (packed.ct, subject.ct, 1.0),
        (packed.sct, subject.sct, 1.0),
        (packed.mr, subject.mr, packed.mr.step * 0.51),
    ):
        difference = np.abs(unpack(stored, mask) - volume.voxels[box])[mask]
        # Of the MR, the brightest and darkest 0.2 % saturate.
        assert np.quantile(difference, 0.99) <= tolerance


def test_deviations_are_stored_in_a_byte_from_zero(subjects):
    subject = subjects[0]
    generator = np.random.default_rng(3)
    deviation = generator.uniform(0, 90, subject.ct.grid.shape).astype(np.float32)
    [packed] = pack_subjects(
        [replace(subject, deviation=subject.ct.with_voxels(deviation))], budget=10**6
    )
    mask = unpack_mask(packed.mask, packed.shape)
    assert packed.deviation.low == 0
    assert packed.deviation.highest == 127
    error = np.abs(unpack(packed.deviation, mask) - deviation[mask_box(subject.mask)])[mask]
    assert error.max() <= 90 / 127 / 2 + 0.2


def test_large_cohorts_are_stored_coarser_over_the_same_box(subjects):
    packed = pack_subjects(subjects, budget=6000)
    assert sum(np.prod(p.shape) for p in packed) <= 6000
    for p, subject in zip(packed, subjects, strict=True):
        assert not p.stored_as_measured
        grid = Grid(p.shape, np.array(p.affine))
        full = subject.mask.grid.cropped(mask_box(subject.mask))
        low, high = grid.corners(outer=True).min(0), grid.corners(outer=True).max(0)
        assert np.allclose(low, full.corners(outer=True).min(0), atol=1e-3)
        assert (high >= full.corners(outer=True).max(0) - 1e-3).all()
        # Bone is still bone, where it was.
        mask = unpack_mask(p.mask, p.shape)
        center = subject.ct.grid.to_world((14.5, 19.5, 11))
        at = tuple(np.rint(grid.to_index(center)).astype(int))
        assert unpack(p.ct, mask)[at] == pytest.approx(1000, abs=60)


def test_voxel_axes_do_not_change_what_is_shown(make_subject):
    upright = make_subject()
    turned = make_subject()
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:3, 3] = (22, 28, 0)
    grid = Grid(upright.ct.grid.shape, upright.ct.affine @ flip)
    for name in ("mr", "ct", "sct", "mask"):
        voxels = getattr(upright, name).voxels[::-1, ::-1]
        object.__setattr__(turned, name, Volume(voxels, grid, getattr(upright, name).unit))
    [first], [second] = (pack_subjects([s], budget=10**6) for s in (upright, turned))
    assert first.affine == second.affine
    assert (first.mask, first.ct, first.mr) == (second.mask, second.ct, second.mr)
