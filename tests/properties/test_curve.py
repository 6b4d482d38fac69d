from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.properties.curve import Curve, through

BENT = through("bent", ((-1000, 0.0), (0, 1.0), (100, 1.5), (1000, 1.5)), "made up")


def test_values_are_linear_between_points_and_held_beyond():
    hu = np.array([-2000, -1000, -500, 0, 50, 100, 5000], dtype=np.int16)
    assert BENT(hu).tolist() == [0, 0, 0.5, 1, 1.25, 1.5, 1.5]
    assert BENT(hu).dtype == np.float32


def test_many_whole_numbers_are_looked_up_to_the_same_values():
    hu = np.random.default_rng(1).integers(-1200, 3000, (50, 60, 41)).astype(np.int16)
    np.testing.assert_array_equal(BENT(hu), BENT(hu.astype(np.float32)))
    np.testing.assert_allclose(BENT(hu), np.interp(hu, BENT.hu, BENT.values), atol=1e-6)


@pytest.mark.parametrize("hu", [-600.0, -20.0, 60.0, 100.0, 400.0])
def test_the_deviation_is_that_of_many_draws(hu):
    draws = np.random.default_rng(2).normal(hu, 80, 400_000)
    sampled = np.interp(draws, BENT.hu, BENT.values).std()
    found = float(BENT.deviation(np.array([hu]), np.array([80.0]))[0])
    assert found == pytest.approx(sampled, rel=0.03, abs=0.003)


def test_the_deviation_on_a_line_is_the_slope_times_the_sd():
    found = BENT.deviation(np.array([-500, 50]), np.array([30, 5]))
    np.testing.assert_allclose(found, [0.03, 0.025], rtol=1e-6)


def test_a_bound_cuts_the_curve_where_it_crosses_it():
    bounded = BENT.at_least(0.25)
    assert bounded(np.array([-1000, -760, -750, -500])).tolist() == [0.25, 0.25, 0.25, 0.5]
    assert -750 in bounded.hu


@pytest.mark.parametrize(
    ("hu", "values", "reason"),
    [
        ((0, 1), (1, np.nan), "finite"),
        ((0,), (1,), "two points"),
        ((0, 1, 2), (1, 2), "two points"),
        ((0, 5, 5), (1, 2, 3), "5 does not"),
        ((0, 5, 4), (1, 2, 3), "4 does not"),
    ],
)
def test_points_that_are_no_curve_are_refused(hu, values, reason):
    with pytest.raises(ValueRangeError, match=reason):
        Curve("wrong", hu, values, "nobody")
