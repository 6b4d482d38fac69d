"""Each way in which a CT is not in HU is told from the others."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.hounsfield import check_bone, check_scale, is_hu
from mrtoct.check.values import find_peaks
from mrtoct.prepare.mask import head_mask_ct


def judged(ct, voxels):
    return check_scale(ct.with_voxels(voxels), find_peaks(voxels))


def air_at(padding, voxels):
    return np.where(voxels < -1024, padding, voxels)


WRONG = {
    # Without slope and intercept, as unsigned numbers: padding at 0 or below.
    "moved up": (lambda v: (np.maximum(v, -1024) + 1024).astype(np.uint16), "moved-hu", "1024"),
    "shifted by 1000": (lambda v: np.maximum(v, -1024) + 1000, "moved-hu", "subtract 10"),
    # Its lowest value alone looks like HU.
    "moved up, padded": (lambda v: air_at(-2000, v) + 1024, "moved-hu", "subtract 1024"),
    "moved twice": (lambda v: v - 1024, "moved-hu", "add 1024"),
    "0 to 1": (lambda v: np.float32((v.clip(-1024, 3071) + 1024) / 4095), "normalised", "network"),
    "-1 to 1": (lambda v: np.float32((v.clip(-1000, 1000)) / 1000), "normalised", "network"),
    "soft tissue window": (lambda v: v.clip(-160, 240), "window", "from -160 to 240"),
    "brain window": (lambda v: v.clip(0, 80), "window", "from 0 to 80"),
    "picture": (
        lambda v: ((v.clip(-160, 240) + 160.0) * 255 / 400).astype(np.uint8), "window", "0 to 255",
    ),
    "halved": (lambda v: v // 2, "no-hu", "scaled"),
    "tenfold": (lambda v: v.astype(np.int32) * 10, "no-hu", "scaled"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_values_is_said(phantom, name):
    alter, kind, word = WRONG[name]
    (finding,) = judged(phantom.ct, alter(phantom.ct.voxels))
    assert (finding.weight, finding.kind, finding.scan) == ("unusable", kind, "CT")
    assert word in finding.sentence
    assert "in HU air is at -1000" in finding.sentence


@pytest.mark.parametrize("contrast", ["T1", "T2", "PD"])
def test_an_mr_named_ct_is_recognised(phantom, contrast):
    mr = phantom.mr[contrast]
    (finding,) = judged(mr, mr.voxels)
    assert (finding.weight, finding.kind) == ("unusable", "looks-like-mr")


@pytest.mark.parametrize("padding", [-1000, -1024, -2000, -2048, -3024, -32768])
def test_any_padding_is_still_hu(phantom, padding):
    ct = phantom.ct
    outside = ct.voxels == ct.voxels.min()
    padded = np.where(outside, padding, np.maximum(ct.voxels, -1024)).astype(np.int16)
    assert judged(ct, padded) == []
    assert find_peaks(padded).background == pytest.approx(-1000, abs=25)


def test_air_that_was_masked_is_hu(phantom):
    ct = phantom.ct
    head = head_mask_ct(ct.with_voxels(np.maximum(ct.voxels, -1024))).voxels
    assert judged(ct, np.where(head, ct.voxels, -1024)) == []


def test_hu_is_a_place_not_a_distance(phantom):
    peaks = find_peaks(phantom.ct.voxels)
    assert is_hu(peaks)
    assert peaks.body == pytest.approx(33, abs=15)
    assert not is_hu(find_peaks(phantom.ct.voxels + 1024))


def test_bone_that_is_cut_off_or_missing_is_doubtful(phantom):
    ct = phantom.ct.with_voxels(np.maximum(phantom.ct.voxels, -1024))
    head = head_mask_ct(ct).voxels
    assert check_bone(ct, head) == []
    (cut,) = check_bone(ct.with_voxels(ct.voxels.clip(-1024, 900)), head)
    assert (cut.weight, cut.kind) == ("doubtful", "cut-bone")
    share = np.mean(ct.voxels[head & (ct.voxels > 300)] >= 900)
    assert f"{share:.0%} of the bone has the highest value, 900 HU" in cut.sentence
    soft = np.where(ct.voxels > 150, 40, ct.voxels)
    (little,) = check_bone(ct.with_voxels(soft), head)
    assert (little.weight, little.kind) == ("doubtful", "little-bone")
    assert "0.0% of the body is bone" in little.sentence
