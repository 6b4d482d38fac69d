"""Steps across tile borders against a loop over neighbours."""

import math

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics.seams import TileGrid, seam


def by_loop(sct, ct, mask, tiles):
    sums = {True: [0.0, 0.0, 0], False: [0.0, 0.0, 0]}
    for index in np.argwhere(mask):
        for axis in range(3):
            after = index.copy()
            after[axis] += 1
            if after[axis] >= mask.shape[axis] or not mask[*after]:
                continue
            tile = [(i[axis] - tiles.origin[axis]) // tiles.size[axis] for i in (index, after)]
            of = sums[tile[0] != tile[1]]
            of[0] += abs(float(sct[*after]) - float(sct[*index]))
            of[1] += abs(float(ct[*after]) - float(ct[*index]))
            of[2] += 1
    return sums[True][2], sums[True][0] / sums[True][1], sums[False][0] / sums[False][1]


@pytest.mark.parametrize(
    "tiles", [TileGrid((3, 4, 2)), TileGrid((4, 3, 5), (2, -1, 3)), TileGrid((5, 5, 5), (7, 9, 11))]
)
def test_agrees_with_a_loop(tiles):
    generator = np.random.default_rng(2)
    ct = generator.normal(0, 300, (11, 9, 10)).astype(np.float32)
    sct = (ct + generator.normal(0, 200, ct.shape)).astype(np.float32)
    mask = generator.random(ct.shape) < 0.7
    found = seam(sct, ct, mask, tiles)
    steps, across, elsewhere = by_loop(sct, ct, mask, tiles)
    assert steps > 50
    assert (found.steps, found.across, found.elsewhere) == (
        steps,
        pytest.approx(across),
        pytest.approx(elsewhere),
    )
    assert found.tiles == tiles


def test_offsets_of_tiles_show_at_their_borders_alone():
    generator = np.random.default_rng(3)
    ct = np.cumsum(generator.normal(0, 20, (24, 24, 24)), axis=0)
    mask = np.ones(ct.shape, dtype=bool)
    offset = generator.normal(0, 100, (4, 4, 4)).repeat(8, 0).repeat(8, 1).repeat(8, 2)
    sct = ct + offset[3:27, :24, :24]  # tiles of 8 that begin at voxel 5 along I
    right = seam(sct, ct, mask, TileGrid((8, 8, 8), (5, 0, 0)))
    assert right.elsewhere == pytest.approx(1)
    assert right.across > 1.5
    assert seam(sct, ct, mask, TileGrid((8, 8, 8), (0, 0, 0))).elsewhere > 1.02
    assert seam(ct, ct, mask, TileGrid((8, 8, 8))).across == 1
    assert seam(0.5 * ct, ct, mask, TileGrid((8, 8, 8))).across == pytest.approx(0.5)


def test_without_a_border_in_the_mask_there_is_no_ratio():
    ct = np.random.default_rng(0).normal(0, 1, (5, 5, 5))
    found = seam(ct, ct, np.ones(ct.shape, bool), TileGrid((9, 9, 9)))
    assert found.steps == 0
    assert math.isnan(found.across)
    assert found.elsewhere == 1
    flat = seam(ct, np.zeros(ct.shape), np.ones(ct.shape, bool), TileGrid((2, 2, 2)))
    assert math.isnan(flat.across)


def test_tiles_have_a_size():
    with pytest.raises(ValueRangeError, match=r"at least 1 voxel, got \[4, 0, 4\]"):
        TileGrid((4, 0, 4))
