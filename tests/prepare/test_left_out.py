"""What of a pair is left out: what was taken out of either scan, and what metal spoilt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.phantom import TINY, Tissue, make_subject
from mrtoct.prepare.left_out import shares
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.resample import resample

SETTINGS = PrepareSettings(spacing=(4.0, 4.0, 4.0), judge_given=False)


def prepare(head, **parts):
    given = {"mr": {"mr": head.mr["T1"]}, "ct": head.ct, "ct_to_mr": head.ct_to_mr, **parts}
    return prepare_subject(RawSubject("one", **given), SETTINGS)


def face_of(volume, head):
    """The lower front of a head on a volume's grid: 85 mm below the vertex, 45 behind the front."""
    indices = np.stack(np.meshgrid(*map(np.arange, volume.grid.shape), indexing="ij"), axis=-1)
    _, y, z = np.moveaxis(volume.grid.to_world(indices), -1, 0)
    return (z < z[head].max() - 85) & (y > y[head].max() - 50)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def whole(head):
    return prepare(head)


def test_nothing_is_left_out_of_a_whole_pair(whole):
    assert whole.left_out == {}


def test_a_face_taken_from_the_mr_neither_teaches_nor_counts(head, whole):
    mr = head.mr["T1"]
    taken = face_of(mr, head_mask_mr(mr).voxels)
    subject = prepare(head, mr={"mr": mr.with_voxels(np.where(taken, 0, mr.voxels))})
    gone = resample(
        mr.with_voxels(taken, "label"), subject.ct.grid, fill=0, transform=head.ct_to_mr,
        interpolation="nearest",
    ).voxels  # fmt: skip
    inside = whole.head.voxels & whole.covered.voxels
    lost = ~subject.covered.voxels
    assert lost[inside & gone].mean() > 0.98
    rim = ndimage.binary_dilation(gone, iterations=2)  # into which interpolation drew zeros
    assert not lost[inside & ~rim].any()
    assert dice(inside & lost, inside & gone) > 0.85
    assert list(subject.left_out) == ["blank in the MR"]
    assert subject.left_out["blank in the MR"] == pytest.approx(
        (inside & gone).sum() / inside.sum(), rel=0.25
    )
    np.testing.assert_array_equal(subject.ct.voxels, whole.ct.voxels)
    assert subject.dropped == whole.dropped


def test_a_brain_without_its_skull_leaves_out_what_is_not_there(head, whole):
    mr = head.mr["T1"]
    brains = [Tissue.WHITE_MATTER, Tissue.GREY_MATTER, Tissue.CSF]
    brain = head.labels.with_voxels(np.isin(head.labels.voxels, brains), "label")
    on_mr = resample(
        brain, mr.grid, fill=0, transform=np.linalg.inv(head.ct_to_mr), interpolation="nearest"
    ).voxels
    subject = prepare(head, mr={"mr": mr.with_voxels(np.where(on_mr, mr.voxels, 0))})
    away = ndimage.distance_transform_edt(
        ~resample(brain, subject.ct.grid, fill=0, interpolation="nearest").voxels,
        sampling=subject.ct.spacing,
    )
    rest = whole.head.voxels & whole.covered.voxels & (away > 12)
    assert (subject.covered.voxels & rest).sum() < 0.12 * rest.sum()
    deep = whole.covered.voxels & ndimage.binary_erosion(away == 0)
    assert (subject.covered.voxels & deep).sum() > 0.99 * deep.sum()


@pytest.mark.parametrize("value", [-1024, -1000])
def test_a_face_taken_from_the_ct_is_no_air(head, whole, value):
    taken = face_of(head.ct, resample(whole.head, head.ct.grid, fill=0.0).voxels > 0.5)
    cut = head.ct.with_voxels(np.where(taken, np.int16(value), head.ct.voxels))
    subject = prepare(head, ct=cut)
    gone = resample(
        head.ct.with_voxels(taken, "label"), subject.ct.grid, fill=0, interpolation="nearest"
    ).voxels
    face = resample(whole.head, subject.ct.grid, fill=0.0).voxels > 0.5
    scanned = resample(whole.covered, subject.ct.grid, fill=0.0).voxels > 0.5
    lost = face & scanned & gone
    assert (subject.covered.voxels & lost).sum() < 0.06 * lost.sum()
    assert list(subject.left_out) == ["blank in the CT"]


def test_metal_its_streaks_and_its_void_are_left_out():
    head = make_subject([8, 0], replace(TINY, metal_probability=1.0))
    subject = prepare(head)
    grid = subject.ct.grid
    labels = resample(head.labels, grid, fill=0, interpolation="nearest").voxels
    metal = labels == Tissue.METAL
    assert metal.any()
    assert not subject.covered.voxels[metal].any()
    slices = np.flatnonzero(metal.any(axis=(0, 1)))
    inside = subject.head.voxels & (subject.mr.voxels > 0)
    left = (inside & ~subject.covered.voxels).sum(axis=(0, 1)) / np.maximum(
        inside.sum(axis=(0, 1)), 1
    )
    assert left[slices].min() > 0.5  # streaks of a filling cross the slice
    assert left[slices[-1] + 5 :].max() == 0
    assert 0 < subject.left_out["metal"] < 0.2


def test_shares_are_of_the_head_and_of_what_is_left_out_at_all():
    head = np.zeros((10, 10, 10), bool)
    head[:, :, :8] = True
    where = np.zeros_like(head)
    where[0] = True
    assert shares([("moved", where), ("metal", where & False)], head) == {"moved": 0.1}
