from __future__ import annotations

import numpy as np
import pytest

from mrtoct.properties.bone_hu import USUAL, BoneHu, bone_in, bone_of, usual_for


def test_bone_is_what_is_hard_and_in_the_head():
    hu = np.array([[[310, 300, 900], [1500, 40, 2000]]], np.int16)
    head = np.array([[[True, True, True], [True, True, False]]])
    np.testing.assert_array_equal(bone_of(hu, head), [310, 900, 1500])


def test_the_range_is_that_of_the_heads_percentiles():
    heads = [np.arange(400, 1401), np.array([]), np.arange(600, 1801)]
    assert bone_in(heads) == BoneHu(2, (900.0, 1200.0), (1300.0, 1680.0))
    assert bone_in([np.array([])]) is None


def test_a_trainings_bone_sets_bounds_with_room_where_slices_are_thin():
    trained = BoneHu(3, (900.0, 1000.0), (1300.0, 1500.0))
    near = usual_for((1.0, 1.0, 2.0), trained)
    assert near.median == pytest.approx((720, 1200))
    assert near.high == pytest.approx((1040, 1800))
    assert usual_for((1.0, 1.0, 6.0), trained) is USUAL
    assert usual_for((1.0, 1.0, 1.0), None) is USUAL
