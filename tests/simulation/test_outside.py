"""Hair, headphones and frames: signal in the air around a head, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated
from mrtoct.simulation import outside
from mrtoct.simulation.outside import FOAM_SIGNAL, HAIR_SIGNAL, ROD_SIGNAL
from mrtoct.volume import Array


@pytest.fixture(scope="module")
def around(small: Array) -> Array:
    """The small head's mask with room around it."""
    return np.pad(small != Tissue.AIR, 14)


@pytest.mark.parametrize("put", [outside.hair, outside.headphones, outside.frame])
def test_the_head_itself_is_never_changed(put: object, around: Array) -> None:
    image = np.where(around, np.float32(0.6), np.float32(0))
    for seed in range(4):
        seen = put(image, around, np.random.default_rng(seed))  # type: ignore[operator]
        np.testing.assert_array_equal(seen[around], image[around])
        assert seen.dtype == np.float32 and seen.min() >= 0
        assert 0.001 < (seen[~around] > 0).mean() < 0.5
        again = put(image, around, np.random.default_rng(seed))  # type: ignore[operator]
        np.testing.assert_array_equal(seen, again)
    empty = np.zeros_like(around)
    assert put(image, empty, np.random.default_rng(1)) is image  # type: ignore[operator]


def test_hair_lies_on_the_head_above_and_behind(around: Array) -> None:
    image = np.zeros(around.shape, np.float32)
    for seed in range(4):
        strands = outside.hair(image, around, np.random.default_rng(seed))
        where = strands > 0
        assert not (where & ~dilated(around, 10)).any()
        assert np.median(strands[where]) < 1.5 * HAIR_SIGNAL[1]
        head = np.argwhere(around)
        low, high = head.min(axis=0), head.max(axis=0)
        face = (slice(None), slice(int(high[1] - 8), None), slice(None, int(low[2] + 32)))
        assert not where[face].any()
        assert where[:, :, int(high[2])].any()


def test_headphones_sit_on_both_sides(around: Array) -> None:
    image = np.zeros(around.shape, np.float32)
    for seed in range(4):
        cups = outside.headphones(image, around, np.random.default_rng(seed))
        levels = np.unique(cups[cups > 0])
        assert len(levels) == 2 and levels[1] == pytest.approx(2 * levels[0])  # foam and its rim
        assert FOAM_SIGNAL[0] <= levels[0] <= FOAM_SIGNAL[1]
        middle = around.shape[0] // 2
        left, right = (cups[:middle] > 0).sum(), (cups[middle + 1 :] > 0).sum()
        assert left == pytest.approx(right, rel=0.05) and left > 500


def test_a_frame_is_of_upright_rods_and_a_ring(around: Array) -> None:
    image = np.zeros(around.shape, np.float32)
    for seed in range(4):
        rods = outside.frame(image, around, np.random.default_rng(seed))
        levels = np.unique(rods[rods > 0])
        assert len(levels) == 1 and ROD_SIGNAL[0] <= levels[0] <= ROD_SIGNAL[1]
        per_slice = (rods > 0).sum(axis=(0, 1))
        assert per_slice.max() > 2 * per_slice[-1] > 0  # the ring is below, rods go to the top
