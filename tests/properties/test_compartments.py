from __future__ import annotations

import numpy as np

from mrtoct.properties.compartments import compartments, with_skull


def test_the_parts_are_the_shells_and_no_scalp_lies_within_the_skull(shells):
    _, radius = shells.radii()
    labels = compartments(shells.ct()).voxels
    assert labels.dtype == np.uint16
    assert (labels[radius < 58] == 2).all()
    assert (labels[(radius > 61) & (radius < 67)] == 4).all()
    assert (labels[(radius > 70) & (radius < 73)] == 5).all()
    assert (labels[radius > 77] == 0).all()
    assert not (labels[radius < 64] == 5).any()


def test_air_in_a_head_is_no_tissue(head):
    labels = compartments(head.ct).voxels
    assert not labels[head.ct.voxels < -500].any()
    assert {0, 2, 4, 5} == set(np.unique(labels).tolist())


def test_a_skull_takes_the_place_of_charms():
    # Along a line: brain, CSF, bone (compact, spongy), scalp, air.
    line = np.array([2, 2, 3, 3, 7, 8, 8, 7, 5, 5, 0, 0], np.uint16)
    labels = np.tile(line, (3, 3, 1))
    skull = np.zeros(labels.shape, bool)
    skull[..., [1, 3, 5, 6, 10]] = True  # over brain and air it has no say
    np.testing.assert_array_equal(
        with_skull(labels, skull)[1, 1], [2, 2, 3, 4, 3, 4, 4, 5, 5, 5, 0, 0]
    )
    nothing = with_skull(labels, labels == 99)
    assert set(np.unique(nothing).tolist()) == {0, 2, 3, 5}
    np.testing.assert_array_equal(with_skull(labels, np.isin(labels, (7, 8))) == 4, labels >= 7)
