"""Ear canals: a tube from the skin into the bone on each side, around nothing that matters."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.ears import open_ear_canals
from mrtoct.simulation.landmarks import Landmarks
from mrtoct.volume import Array

MARKS = Landmarks((60, 115, 75))


def block() -> Array:
    """A head of muscle with a brain inside, 110 wide."""
    head = np.zeros((120, 140, 100), dtype=np.uint8)
    head[5:115, 5:135, 5:95] = Tissue.MUSCLE
    head[30:90, 10:90, 30:80] = Tissue.WHITE_MATTER
    return head


def test_a_canal_opens_on_each_side() -> None:
    for seed in range(4):
        head = block()
        open_ear_canals(head, MARKS, np.random.default_rng(seed))
        air = head == Tissue.INNER_AIR
        assert set(np.unique(head[head != block()])) == {int(Tissue.INNER_AIR)}
        assert not air[block() == Tissue.WHITE_MATTER].any()
        for side in (air, air[::-1]):
            places = np.argwhere(side[:60])
            assert places[:, 0].min() == 5  # at the skin
            assert 22 - 1 <= places[:, 0].max() - 5 <= 32 + 6
            j, k = places[:, 1:].mean(axis=0)
            assert 115 - 80 - 5 < j < 115 - 66 + 5 and 75 - 28 - 5 < k < 75 - 14 + 5
            assert 200 < len(places) < np.pi * 4.2**2 * 33 + 4 / 3 * np.pi * 6**3


def test_a_head_cut_above_its_ears_has_none() -> None:
    head = block()
    open_ear_canals(head, Landmarks((60, 115, 10)), np.random.default_rng(1))
    np.testing.assert_array_equal(head, block())
