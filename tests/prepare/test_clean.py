"""Slices that cannot teach, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.prepare.clean import CleanSettings, DroppedSlice, find_bad_slices


def stack(covered_fractions, size=(20, 10)):
    """A head that fills each slice of 200 pixels, of which the MR covers some columns."""
    head = np.ones((*size, len(covered_fractions)), bool)
    covered = np.zeros_like(head)
    for k, fraction in enumerate(covered_fractions):
        covered[: round(fraction * size[0]), :, k] = True
    return head, covered


def test_slices_that_the_mr_does_not_cover_are_dropped_with_the_reason():
    head, covered = stack([0, 0.5, 0.9, 0.95, 1, 1])
    assert find_bad_slices(head, covered, 4.0) == [
        DroppedSlice(0, "the MR covers 0 % of the head, 95 % are needed"),
        DroppedSlice(1, "the MR covers 50 % of the head, 95 % are needed"),
        DroppedSlice(2, "the MR covers 90 % of the head, 95 % are needed"),
    ]


def test_slices_with_little_or_no_head_are_dropped_first_for_that():
    head, covered = stack([1, 0, 1, 1])
    head[..., 0] = False
    head[1:, :, 1] = False  # 10 pixels of 9.9 mm2
    head[4:, :, 2] = False  # 40 pixels: 396 mm2
    head[5:, :, 3] = False  # 50 pixels: 495 mm2
    assert find_bad_slices(head, covered, 9.9) == [
        DroppedSlice(0, "0 mm2 of head, 400 are needed"),
        DroppedSlice(1, "99 mm2 of head, 400 are needed"),
        DroppedSlice(2, "396 mm2 of head, 400 are needed"),
    ]


def test_a_slice_that_falls_short_by_a_pixel_is_not_said_to_cover_what_is_needed():
    head = np.ones((100, 10, 1), bool)
    covered = head.copy()
    covered[:51, 0] = False  # 949 of 1000
    (dropped,) = find_bad_slices(head, covered, 4.0)
    assert dropped.reason == "the MR covers 94 % of the head, 95 % are needed"


@pytest.mark.parametrize(("least", "kept"), [(0.0, 6), (0.6, 4), (1.0, 2)])
def test_settings_decide(least, kept):
    head, covered = stack([0, 0.5, 0.9, 0.95, 1, 1])
    assert 6 - len(find_bad_slices(head, covered, 4.0, CleanSettings(min_coverage=least))) == kept


def test_coverage_outside_the_head_does_not_count():
    head, covered = stack([1.0])
    head[10:] = False
    covered[:10] = False
    assert [d.slice for d in find_bad_slices(head, covered, 9.0)] == [0]
