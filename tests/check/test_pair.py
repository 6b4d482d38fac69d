"""CT and MR that do not fit together."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.head import measure_head
from mrtoct.check.pair import check_overlap, check_position, check_size, coarse_ct, coarse_mr
from mrtoct.phantom import Tissue
from mrtoct.prepare.mask import head_mask_ct, head_mask_mr
from mrtoct.resample import resample
from mrtoct.volume import Grid, Volume
from volumes import rotation


@pytest.fixture(scope="module")
def ct(phantom):
    return phantom.ct.with_voxels(np.maximum(phantom.ct.voxels, -1024))


@pytest.fixture(scope="module")
def ct_head(ct):
    return head_mask_ct(ct)


@pytest.fixture(scope="module")
def mr(phantom):
    return phantom.mr["T1"]


@pytest.fixture(scope="module")
def mr_head(mr):
    return head_mask_mr(mr)


def moved(volume, matrix):
    return Volume(volume.voxels, Grid(volume.grid.shape, matrix @ volume.affine), volume.unit)


def about_middle(volume, turn):
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = volume.grid.center - matrix[:3, :3] @ volume.grid.center
    return matrix


def scaled(volume, factor):
    return moved(volume, np.diag([factor, factor, factor, 1]))


def test_heads_of_one_size_are_fine_and_others_are_not(ct_head, mr_head):
    ct_facts = measure_head(ct_head)
    assert check_size(ct_facts, measure_head(mr_head), "MR") == []
    (finding,) = check_size(ct_facts, measure_head(scaled(mr_head, 1.15)), "MR")
    assert "a wrong spacing or another patient" in finding.sentence
    (finding,) = check_size(ct_facts, measure_head(scaled(mr_head, 0.82)), "MR")
    assert (finding.kind, finding.scan) == ("size-mismatch", "MR")


def test_a_brain_without_its_skull_is_smaller(phantom, ct_head, mr):
    brain = phantom.labels.with_voxels(
        np.isin(phantom.labels.voxels, [Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.CSF])
    )
    kept = resample(brain, mr.grid, fill=0.0, transform=np.linalg.inv(phantom.ct_to_mr)).voxels
    stripped = mr.with_voxels(np.where(kept > 0.5, mr.voxels, 0).astype(np.int16))
    facts = measure_head(head_mask_mr(stripped))
    (finding,) = check_size(measure_head(ct_head), facts, "MR")
    assert "a brain without its skull" in finding.sentence


def test_a_true_transform_overlaps_and_a_wrong_one_does_not(phantom, ct_head, mr_head):
    truth = phantom.ct_to_mr
    assert check_overlap(ct_head, mr_head, truth, "MR") == []
    off = truth.copy()
    off[:3, 3] += (0, 25, 20)
    (finding,) = check_overlap(ct_head, mr_head, off, "MR")
    assert (finding.weight, finding.kind) == ("doubtful", "poor-overlap")
    off[:3, 3] += 2000
    (finding,) = check_overlap(ct_head, mr_head, off, "MR")
    assert (finding.weight, finding.kind) == ("unusable", "apart")


def test_an_mr_of_a_part_of_the_head_is_told(phantom, ct_head, mr_head):
    part = mr_head.cropped((slice(0, 64), slice(0, 64), slice(18, 32)))
    (finding,) = check_overlap(ct_head, part, phantom.ct_to_mr, "MR")
    assert finding.kind == "little-overlap"
    assert "% of the CT's head" in finding.sentence


def test_the_stated_position_is_right(ct, ct_head, phantom):
    for scan in phantom.mr.values():
        head = head_mask_mr(scan)
        assert check_position(coarse_ct(ct, ct_head), coarse_mr(scan, head), "MR") == []


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (np.diag([1, -1, -1]), "180 degrees about the right-left axis"),
        (np.diag([-1, 1, -1]), "180 degrees about the back-front axis"),
        (np.diag([-1, -1, 1]), "180 degrees about the foot-head axis"),
        (rotation((90, 0, 0)), "after a quarter turn"),
        (rotation((0, 0, -90)), "after a quarter turn"),
    ],
)
def test_a_wrong_position_is_found(ct, ct_head, mr, mr_head, turn, words):
    matrix = about_middle(mr, turn)
    coarse = coarse_mr(moved(mr, matrix), moved(mr_head, matrix))
    (finding,) = check_position(coarse_ct(ct, ct_head), coarse, "MR")
    assert finding.kind == "position"
    assert words in finding.sentence
