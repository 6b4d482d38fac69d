"""One pair through the whole preparation, against what the phantom knows."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import mrtoct.prepare.subject as module
from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.phantom import Tissue
from mrtoct.prepare.bias import Corrected
from mrtoct.prepare.intensity import checked_ct
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.registration.register import register
from mrtoct.resample import coverage, resample
from mrtoct.volume import Volume
from volumes import oblique_grid

SETTINGS = PrepareSettings(spacing=(4.0, 4.0, 5.0), judge_given=False)


def prepare(head, *, mr=None, ct=None, ct_to_mr=None, **options):
    """A phantom, or parts of it replaced; registered where no transform is given."""
    raw = RawSubject("one", {"mr": mr or head.mr["T1"]}, ct or head.ct, ct_to_mr)
    return prepare_subject(raw, SETTINGS, **options)


@pytest.fixture(scope="module")
def prepared(head):
    return prepare(head, ct_to_mr=head.ct_to_mr, fingerprint="f")


def test_all_volumes_lie_on_one_upright_grid_around_the_head(head, prepared):
    grid = prepared.ct.grid
    for volume in (prepared.mr, prepared.head, prepared.mr_head, prepared.covered):
        assert volume.grid.matches(grid)
    np.testing.assert_allclose(grid.affine[:3, :3], np.diag(SETTINGS.spacing), atol=1e-9)
    truth = resample(head.labels, grid, fill=0, interpolation="nearest").voxels != Tissue.AIR
    whole = (head.labels.voxels != Tissue.AIR).sum() * head.ct.grid.voxel_volume
    assert truth.sum() * grid.voxel_volume == pytest.approx(whole, rel=0.02)  # nothing cut off
    # 6 mm of air are 2 voxels along each axis, unless the CT ends before.
    first, last = np.argwhere(prepared.head.voxels)[[0, -1]][:, 0]
    assert (first, grid.shape[0] - 1 - last) == (2, 2)


def test_ct_keeps_its_hu_inside_and_is_air_outside(head, prepared):
    same = resample(checked_ct(head.ct), prepared.ct.grid, fill=-1024).voxels
    inside = prepared.head.voxels
    assert prepared.ct.voxels.dtype == np.int16
    np.testing.assert_allclose(prepared.ct.voxels[inside], same[inside], atol=0.5)
    assert (prepared.ct.voxels[~inside] == -1024).all()


def test_mr_is_carried_by_the_transform_and_coverage_says_where(head, prepared):
    grid = prepared.ct.grid
    points = grid.to_world(np.argwhere(np.ones(grid.shape, bool)))
    index = head.mr["T1"].grid.to_index(points @ head.ct_to_mr[:3, :3].T + head.ct_to_mr[:3, 3])
    inside = ((index > -0.5) & (index < np.array(head.mr["T1"].grid.shape) - 0.5)).all(axis=1)
    np.testing.assert_array_equal(prepared.covered.voxels.ravel(), inside)
    assert 0.5 < inside.mean() < 1
    assert (prepared.mr.voxels[~prepared.covered.voxels] == 0).all()
    labels = resample(head.labels, grid, fill=0, interpolation="nearest").voxels
    white, fluid, bone = (
        np.median(prepared.mr.voxels[(labels == tissue) & prepared.covered.voxels])
        for tissue in (Tissue.WHITE_MATTER, Tissue.CSF, Tissue.CORTICAL_BONE)
    )
    assert white > 1.3 * fluid > 1.3 * bone  # T1, and in the right place


def test_slices_and_provenance_are_recorded(head, prepared):
    seen = (prepared.head.voxels & prepared.covered.voxels).sum(axis=(0, 1))
    total = prepared.head.voxels.sum(axis=(0, 1))
    usable = np.flatnonzero((total * 4.0 * 4.0 >= 400) & (seen >= 0.95 * total)).tolist()
    assert prepared.kept_slices == usable
    assert 10 < len(usable) < len(total)
    assert prepared.registration == {"source": "given", "transform": head.ct_to_mr.tolist()}
    assert (prepared.name, prepared.fingerprint, prepared.warnings) == ("one", "f", [])


def test_registration_replaces_a_given_transform(head):
    found = prepare(head)
    assert found.registration["source"] == "mutual information"
    transform = np.array(found.registration["transform"])
    corners = found.ct.grid.corners()
    distance = np.linalg.norm(corners @ (transform - head.ct_to_mr)[:3, :3].T
                              + (transform - head.ct_to_mr)[:3, 3], axis=1)  # fmt: skip
    assert distance.max() < 4.0  # mm, at the corners of the box, with voxels of 3.75 x 3.75 x 6


def test_a_given_transform_is_judged_by_the_data(head):
    judging = replace(SETTINGS, judge_given=True)
    raw = RawSubject("one", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr)
    right = prepare_subject(raw, judging)
    assert right.registration["source"] == "given"
    assert right.registration["verdict"] == "good"
    assert right.registration["transform"] == head.ct_to_mr.tolist()
    assert right.distrust is None
    assert right.warnings == []
    wrong = head.ct_to_mr.copy()
    wrong[0, 3] += 25
    subject = prepare_subject(replace(raw, ct_to_mr=wrong), judging)
    assert subject.registration["transform"] == wrong.tolist()  # taken all the same
    assert re.search(r"is 2\d\.\d mm from", subject.distrust)  # the best alignment found
    json.dumps(subject.registration, allow_nan=False)


def test_a_wrong_transform_leaves_a_warning(head):
    wrong = head.ct_to_mr.copy()
    wrong[0, 3] += 40
    subject = prepare(head, ct_to_mr=wrong)
    assert "overlap poorly" in subject.warnings[0]


def test_heads_that_overlap_poorly_are_distrusted_where_a_verdict_was_asked_for(head):
    """The brain alone, where it belongs: nothing is wrong with how the pair lies."""
    mr = head.mr["T1"]
    back = np.linalg.inv(head.ct_to_mr)
    labels = resample(head.labels, mr.grid, fill=0, interpolation="nearest", transform=back)
    brain = np.isin(labels.voxels, [Tissue.WHITE_MATTER, Tissue.GREY_MATTER, Tissue.CSF])
    stripped = mr.with_voxels(np.where(brain, mr.voxels, 0), "a.u.")
    raw = RawSubject("one", {"mr": stripped}, head.ct, head.ct_to_mr)
    subject = prepare_subject(raw, replace(SETTINGS, judge_given=True))
    assert subject.registration["verdict"] == "doubtful"
    assert "overlap poorly (Dice 0." in subject.distrust


def test_a_ct_named_as_an_mr_is_refused(head):
    hu = Volume(head.ct.voxels, head.ct.grid, "a.u.")
    with pytest.raises(ValueRangeError, match=r"the MR holds HU .* it is a CT; give the MR"):
        prepare_subject(RawSubject("one", {"mr": hu}, head.ct, np.eye(4)), SETTINGS)
    moved = Volume(np.maximum(head.ct.voxels, -1024) + 1024, head.ct.grid, "a.u.")
    raw = RawSubject("one", {"mr": moved}, head.ct, np.eye(4))
    subject = prepare_subject(raw, replace(SETTINGS, judge_given=True))
    assert "looks like a CT with HU shifted by 1024" in subject.distrust


def test_hu_moved_by_their_intercept_are_refused_whatever_their_padding(head):
    voxels = head.ct.voxels + 1024
    voxels[:2] = -976  # padding of -2000, moved up too: the lowest value looks like air
    moved = head.ct.with_voxels(voxels, "HU")
    with pytest.raises(ValueRangeError, match="HU shifted up by about 1024"):
        prepare_subject(RawSubject("one", {"mr": head.mr["T1"]}, moved, head.ct_to_mr), SETTINGS)


def test_a_doubtful_registration_leaves_a_warning(head, monkeypatch):
    def doubtful(*arguments):
        return replace(register(*arguments), verdict="doubtful", reason="it is flat")

    monkeypatch.setattr(module, "register", doubtful)
    subject = prepare(head)
    assert subject.registration["verdict"] == "doubtful"
    assert subject.warnings[0] == "the registration is doubtful: it is flat" == subject.distrust


def test_what_has_hardly_any_bone_is_not_called_good(head):
    """Verdicts are right for heads: a block of meat matches its MR as well as any."""
    raw = RawSubject("one", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr)
    meat = np.minimum(head.ct.voxels, 280)
    meat[20:22, 20:22, 10] = 900
    subject = prepare_subject(
        replace(raw, ct=head.ct.with_voxels(meat)), replace(SETTINGS, judge_given=True)
    )
    assert subject.registration["verdict"] == "doubtful"
    assert "10 to 25 % of a head is usual: not a head" in subject.distrust
    assert subject.warnings[0] == subject.distrust
    # Where no verdict is asked for, none is given.
    assert prepare(head, ct=head.ct.with_voxels(meat), ct_to_mr=head.ct_to_mr).distrust is None


def test_a_bias_field_is_taken_off_before_all_else(head, prepared, monkeypatch):
    def halve(mr):
        return Corrected(mr.with_voxels(mr.voxels / 2), 2.71828)

    monkeypatch.setattr(module, "correct_bias", halve)
    raw = RawSubject("one", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr)
    subject = prepare_subject(raw, replace(SETTINGS, bias_correct=True))
    assert subject.shading == {"mr": 2.718}
    np.testing.assert_allclose(subject.mr.voxels, prepared.mr.voxels / 2, rtol=1e-5)
    assert prepared.shading == {}


def test_padding_and_negative_mr_change_nothing(head, prepared):
    padded = head.ct.voxels.copy()
    padded[:, :3] = -3024
    lowered = head.mr["T1"].voxels - np.int16(500)
    other = prepare(
        head,
        mr=head.mr["T1"].with_voxels(lowered),
        ct=head.ct.with_voxels(padded),
        ct_to_mr=head.ct_to_mr,
    )
    np.testing.assert_array_equal(other.ct.voxels, prepared.ct.voxels)
    zero = float(head.mr["T1"].voxels.min())  # what was lowest is now no signal
    np.testing.assert_allclose(
        other.mr.voxels[prepared.head.voxels & prepared.covered.voxels] + zero,
        prepared.mr.voxels[prepared.head.voxels & prepared.covered.voxels],
        rtol=0.02, atol=zero + 1,
    )  # fmt: skip


def test_pairs_that_cannot_be_used_are_refused_with_the_reason(head):
    def refused(error, match, *, mr=head.mr["T1"], ct=head.ct, ct_to_mr=head.ct_to_mr):
        with pytest.raises(error, match=match):
            prepare(head, mr=mr, ct=ct, ct_to_mr=ct_to_mr)

    away = np.eye(4)
    away[:3, 3] = 1000
    refused(GeometryError, "do not overlap", ct_to_mr=away)
    aside = head.ct_to_mr.copy()
    aside[0, 3] += 120  # the MR's field of view holds half of the head
    refused(
        GeometryError, r"no slice is usable; the middle one: the MR covers \d\d %", ct_to_mr=aside
    )
    flat = np.full(head.ct.grid.shape, 5, np.int16)
    refused(ValueRangeError, "the CT is constant: every voxel is 5", ct=head.ct.with_voxels(flat))
    flat = np.full(head.mr["T1"].grid.shape, 5, np.int16)
    mr = head.mr["T1"].with_voxels(flat)
    refused(ValueRangeError, "the MR is constant: every voxel is 5", mr=mr)
    half = np.arange(flat.shape[0]) % 2 == 0
    with_holes = Volume.from_numpy(np.where(half[:, None, None], flat, np.nan), mr.affine, "a.u.")
    refused(ValueRangeError, "the MR is constant: every voxel is 5", mr=with_holes)
    shifted = head.ct.with_voxels(np.maximum(head.ct.voxels, -1024) + 1024)
    refused(ValueRangeError, "lowest value is 0; in HU .* rescale intercept", ct=shifted)
    hole = shifted.voxels.astype(np.float32)
    hole[0] = np.nan
    with_hole = Volume.from_numpy(hole, shifted.affine, "HU")
    refused(ValueRangeError, "lowest value is 0; in HU .* rescale intercept", ct=with_hole)
    water = head.ct.with_voxels(np.minimum(head.ct.voxels, 50))
    refused(ValueRangeError, "highest value is 50 HU; a skull is above 300", ct=water)


def test_aligned_subjects_are_not_registered(head):
    on_ct = resample(head.mr["T1"], head.ct.grid, fill=0, transform=head.ct_to_mr)
    raw = RawSubject("one", {"mr": replace(on_ct, measured=None)}, head.ct, aligned=True)
    subject = prepare_subject(raw, SETTINGS)
    assert subject.registration == {"source": "aligned", "transform": np.eye(4).tolist()}
    # What the MR's scan missed is not covered, though its grid now is the CT's.
    seen = coverage(head.mr["T1"].grid, subject.ct.grid, head.ct_to_mr)
    known = prepare_subject(replace(raw, mr={"mr": on_ct}), SETTINGS)
    assert 0.8 < seen.mean() < 0.99
    assert (known.covered.voxels == seen).mean() > 0.95
    # Filled with 0 beyond its view as by another tool, which no file says, the MR still shows it.
    inside = subject.head.voxels
    assert 0.02 < (inside & ~seen).sum() / inside.sum() < 0.2
    assert (subject.covered.voxels == seen)[inside].mean() > 0.95
    assert subject.covered.voxels[inside & ~seen].mean() < 0.4  # the most of it
    [(reason, part)] = subject.left_out.items()
    assert reason == "blank in the MR"
    either = inside | subject.mr_head.voxels
    assert part == pytest.approx((either & ~subject.covered.voxels).sum() / either.sum(), abs=1e-4)
    labels = resample(head.labels, subject.ct.grid, fill=0, interpolation="nearest").voxels
    white, bone = (
        np.median(subject.mr.voxels[(labels == tissue) & (subject.mr.voxels > 0)])
        for tissue in (Tissue.WHITE_MATTER, Tissue.CORTICAL_BONE)
    )
    assert white > 1.5 * bone


def test_a_mask_of_the_data_is_carried_to_the_store(head):
    mask = head.labels.with_voxels(np.uint8(head.labels.voxels == Tissue.WHITE_MATTER) * 7, "label")
    raw = RawSubject("one", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr, mask=mask)
    stored = prepare_subject(raw, SETTINGS)
    labels = resample(head.labels, stored.ct.grid, fill=0, interpolation="nearest").voxels
    white = labels == Tissue.WHITE_MATTER
    overlap = 2 * (stored.mask.voxels & white).sum() / (stored.mask.voxels.sum() + white.sum())
    assert overlap > 0.85
    elsewhere = Volume(np.ones((3, 3, 3), bool), oblique_grid((3, 3, 3)), "label")
    with pytest.raises(GeometryError, match="the mask"):
        prepare_subject(replace(raw, mask=elsewhere), SETTINGS)


def test_checked_ct_raises_padding_and_keeps_the_type():
    ct = Volume(np.zeros((3, 3, 3), np.int16), oblique_grid((3, 3, 3)), "HU")
    ct.voxels[0] = -2048
    ct.voxels[2] = 1500
    raised = checked_ct(ct).voxels
    assert raised.dtype == np.int16
    np.testing.assert_array_equal(np.unique(raised), [-1024, 0, 1500])


@pytest.mark.parametrize("spacing", [(1, 1), (0, 1, 1), (1, -1, 1), (1, 1, 11), (1, 1, np.nan)])
def test_impossible_spacings_are_refused(spacing):
    with pytest.raises(ValueRangeError, match=r"three numbers of 0\.2 to 10 mm"):
        PrepareSettings(spacing=spacing)
