"""Several MR channels of one head: checked, brought to the first, composed with the CT's map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import CohortError, ValueRangeError
from mrtoct.phantom import TINY, Tissue, make_subject
from mrtoct.prepare.channels import align_channels, channel_transforms, checked_channels
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.resample import resample
from volumes import rotation


@pytest.fixture(scope="module")
def head():
    return make_subject(3, replace(TINY, contrasts=("T1", "T2")))


@pytest.fixture(scope="module")
def shift():
    """How T2 was displaced: points of T1 to points of T2."""
    moved = np.eye(4)
    moved[:3, :3] = rotation((2.0, -3.0, 4.0))
    moved[:3, 3] = (5.0, -4.0, 3.0)
    return moved


@pytest.fixture(scope="module")
def displaced(head, shift):
    """T1 as it was, and T2 as if the patient had moved between the scans."""
    grid = head.mr["T1"].grid
    t2 = resample(head.mr["T2"], grid, fill=0, transform=np.linalg.inv(shift))
    return {"T1": head.mr["T1"], "T2": t2}


def corner_error(grid, found, truth):
    corners = grid.corners()
    change = found - truth
    return np.linalg.norm(corners @ change[:3, :3].T + change[:3, 3], axis=1).max()


def test_a_displaced_channel_is_found(displaced, shift):
    found = align_channels(displaced)
    assert list(found) == ["T2"]
    # Voxels of 3.75 x 3.75 x 6 mm, at the corners of the whole field of view.
    assert corner_error(displaced["T1"].grid, found["T2"].transform, shift) < 4.0


def test_maps_are_composed_in_the_order_of_the_points(displaced, shift):
    found = align_channels(displaced)
    to_first = np.diag([1.0, -1.0, -1.0, 1.0])
    transforms = channel_transforms(displaced, found, to_first)
    np.testing.assert_array_equal(transforms["T1"], to_first)
    np.testing.assert_allclose(transforms["T2"], found["T2"].transform @ to_first)
    shared = channel_transforms(displaced, {}, to_first)
    np.testing.assert_array_equal(shared["T2"], to_first)


def test_preparation_lays_every_channel_on_the_ct(head, displaced):
    settings = PrepareSettings(spacing=(4.0, 4.0, 5.0), channels=("T1", "T2"), judge_given=False)
    raw = RawSubject("one", displaced, head.ct, head.ct_to_mr)
    subject = prepare_subject(raw, settings)
    assert list(subject.channels) == ["T1", "T2"]
    assert subject.registration["channels"]["T2"]["verdict"] in ("good", "doubtful")
    labels = resample(head.labels, subject.ct.grid, fill=0, interpolation="nearest").voxels
    for name, brighter, darker in (
        ("T1", Tissue.WHITE_MATTER, Tissue.CSF),
        ("T2", Tissue.CSF, Tissue.WHITE_MATTER),
    ):
        mr = subject.channels[name].voxels
        a, b = (np.median(mr[(labels == t) & (mr > 0)]) for t in (brighter, darker))
        assert a > 1.2 * b, name
    # What one channel did not see is not covered, whatever the other saw.
    for channel in subject.channels.values():
        assert (channel.voxels[subject.covered.voxels] > 0).mean() > 0.95
    one = prepare_subject(raw, replace(settings, channels=("T2",)))
    assert list(one.channels) == ["T2"]


def test_channels_are_checked_by_name(head):
    mr = head.mr["T1"]
    flat = mr.with_voxels(np.zeros(mr.grid.shape, np.int16))
    broken = mr.with_voxels(np.full(mr.grid.shape, np.nan, np.float32))
    broken.voxels[0] = 1
    with pytest.raises(CohortError, match="channels T1, T2 are needed, got T1"):
        checked_channels({"T1": mr}, ("T1", "T2"))
    with pytest.raises(ValueRangeError, match="MR channel T2 is constant"):
        checked_channels({"T1": mr, "T2": flat}, ("T1", "T2"))
    with pytest.raises(ValueRangeError, match="the MR holds NaN"):
        checked_channels({"T2": broken}, ("T2",))
    lowered = mr.with_voxels(mr.voxels - np.int16(300))
    checked = checked_channels({"b": lowered, "a": mr}, ("a", "b"))
    assert list(checked) == ["a", "b"]
    assert checked["b"].voxels.min() == 0
    with pytest.raises(ValueRangeError, match="channels that differ"):
        PrepareSettings(channels=("T1", "T1"))
