"""Windows and percentiles against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.intensity import HuWindow, MrScaling, from_zero
from mrtoct.volume import Grid, Volume


def test_the_hu_window_is_linear_clipped_and_has_an_inverse():
    window = HuWindow(-1000.0, 3000.0)
    hu = np.array([-3024, -1000, 0, 1000, 3000, 32767], np.int16)
    scaled = window.normalise(hu)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, np.float32([0, 0, 0.25, 0.5, 1, 1]))
    back = window.to_hu(np.float64([-0.3, 0, 0.25, 0.5, 1, 7]))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, [-1000, -1000, 0, 1000, 3000, 3000])


def test_every_12_bit_value_survives_the_default_window():
    hu = np.arange(-1024, 3072, dtype=np.int16)
    window = HuWindow()
    np.testing.assert_array_equal(np.rint(window.to_hu(window.normalise(hu))), hu)


@pytest.mark.parametrize("ends", [(5, 5), (10, -10), (np.nan, 3), (-np.inf, 3), (0, np.inf)])
def test_a_window_that_does_not_rise_is_refused(ends):
    with pytest.raises(ValueError, match="low must be below high"):
        HuWindow(*ends)


def test_mr_scaling_measures_inside_the_head_only():
    mr = np.zeros((4, 101, 1), np.int16)
    mr[0, :, 0] = np.arange(101) * 10  # 0 to 1000: percentile p is 10 p
    mr[1:] = 30000
    head = np.zeros(mr.shape, bool)
    head[0] = True
    assert MrScaling().measure(mr, head) == (10.0, 990.0)
    assert MrScaling(0, 50).measure(mr, head) == (0.0, 500.0)


def test_mr_scaling_maps_percentiles_to_0_and_1_and_outside_to_0():
    mr = np.array([[[-50, 100, 200, 300, 400, 10000]]], np.float64)
    head = np.array([[[True, True, True, True, False, True]]])
    scaled = MrScaling().normalise(mr, head, 100.0, 300.0)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, np.float32([[[0, 0, 0.5, 1, 0, 1.5]]]))


def test_scaling_forgets_gain_and_offset_of_the_scanner():
    rng = np.random.default_rng(2)
    mr = rng.gamma(3.0, 100.0, (9, 8, 7))
    head = rng.random(mr.shape) > 0.3
    scaling = MrScaling()
    one, other = (
        scaling.normalise(v, head, *scaling.measure(v, head)) for v in (mr, 7.3 * mr + 55)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_constant_or_empty_head_is_refused():
    mr = np.full((3, 3, 3), 12.0)
    with pytest.raises(ValueRangeError, match=r"constant \(12\)"):
        MrScaling().measure(mr, np.ones(mr.shape, bool))
    with pytest.raises(ValueRangeError, match="empty"):
        MrScaling().measure(mr, np.zeros(mr.shape, bool))


@pytest.mark.parametrize(
    "wrong", [(99, 1, 1.5), (50, 50, 1.5), (-1, 99, 1.5), (1, 101, 1.5), (1, 99, 0.5),
              (np.nan, 99, 1.5), (1, 99, np.nan), (1, 99, np.inf)],
)  # fmt: skip
def test_impossible_scalings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"low_percentile must be below|ceiling must be"):
        MrScaling(*wrong)


def test_values_below_zero_move_the_whole_mr_up():
    def moved(voxels: np.ndarray, measured: np.ndarray | None = None) -> list[float]:
        grid = Grid((len(voxels), 1, 1), np.eye(4))
        measured = None if measured is None else measured.reshape(grid.shape)
        return from_zero(Volume(voxels.reshape(grid.shape), grid, "a.u.", measured)).voxels.tolist()

    assert moved(np.array([-2, 0, 5], np.int16)) == [[[0]], [[2]], [[7]]]
    assert moved(np.array([3.0, 5.0])) == [[[3]], [[5]]]
    assert max(moved(np.array([-32768, 32767], np.int16))) == [[65535]]
    # What was not measured is no signal, not that of an average voxel of z-scores.
    assert moved(np.array([-2.0, 0, 0]), np.array([True, True, False])) == [[[0]], [[2]], [[0]]]
