"""Each way in which an MR's values are odd."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.signal import check_modality, check_signal_range
from mrtoct.check.values import find_peaks
from mrtoct.prepare.mask import head_mask_mr


@pytest.fixture(scope="module")
def head(phantom):
    return head_mask_mr(phantom.mr["T1"]).voxels


def z_scores(v):
    return np.float32((v - v.mean()) / v.std())


ODD = {
    "z-scores": (z_scores, "negative", "never negative"),
    "cut": (lambda v: np.minimum(v, np.percentile(v, 97)), "saturated", "highest value"),
    "coarse": (lambda v: v // (v.max() // 20), "few-values", "different values"),
    "inverted": (lambda v: v.max() - v, "bright-background", "inverted"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_doubtful(phantom, head, name):
    alter, kind, words = ODD[name]
    mr = phantom.mr["T1"]
    assert check_signal_range(mr, head, "MR") == []
    (finding,) = check_signal_range(mr.with_voxels(alter(mr.voxels)), head, "MR T2")
    assert (finding.weight, finding.kind, finding.scan) == ("doubtful", kind, "MR T2")
    assert words in finding.sentence


def test_how_much_is_saturated_is_told(phantom, head):
    mr = phantom.mr["T1"]
    ceiling = np.percentile(mr.voxels[head], 90)
    cut = np.minimum(mr.voxels, int(ceiling))
    (finding,) = check_signal_range(mr.with_voxels(cut), head, "MR")
    assert finding.sentence.startswith(f"{np.mean(cut[head] == int(ceiling)):.1%} of the head")


def test_a_ct_named_mr_is_recognised(phantom):
    ct = phantom.ct
    (finding,) = check_modality(ct, find_peaks(ct.voxels), "MR")
    assert (finding.weight, finding.kind) == ("unusable", "looks-like-ct")
    moved = ct.with_voxels((np.maximum(ct.voxels, -1024) + 1024).astype(np.uint16))
    (finding,) = check_modality(moved, find_peaks(moved.voxels), "MR")
    assert (finding.weight, finding.kind) == ("doubtful", "looks-like-ct")


@pytest.mark.parametrize("contrast", ["T1", "T2", "PD"])
def test_no_contrast_is_taken_for_a_ct_at_any_scale(phantom, contrast):
    mr = phantom.mr[contrast]
    body = find_peaks(mr.voxels).body
    for target in (900, 1000, 1060, 1200):  # where HU without an intercept have soft tissue
        scaled = mr.with_voxels(np.int16(mr.voxels * (target / body)))
        assert check_modality(scaled, find_peaks(scaled.voxels), "MR") == []
