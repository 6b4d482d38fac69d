"""Coverage, sparsification and calibration error, against slow sums and known answers."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import erf, sqrt

import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.judging.calibration import (
    BINS,
    CalibrationCurve,
    calibration_curve,
    cohort_curve,
    head_voxels,
)
from mrtoct.volume import Array, Volume
from volumes import oblique_grid, random_volume


def normal_errors(count: int, seed: int = 1) -> tuple[Array, Array]:
    """Errors that are normal with the standard deviations that come with them."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(5, 300, count)
    return rng.normal(0, deviation), deviation


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_normal_errors_are_covered_as_their_distribution_says(factor: float) -> None:
    error, deviation = normal_errors(40_000)
    curve = calibration_curve(error, factor * deviation)
    assert curve.voxels == 40_000
    for name, z in ((0.6827, 1.0), (0.9545, 2.0)):
        assert curve.coverage(name) == pytest.approx(erf(factor * z / sqrt(2)), abs=0.01)
    assert list(curve.observed) == sorted(curve.observed)
    assert curve.rms_deviation == pytest.approx(factor * curve.rmse, rel=0.02)


def test_sparsification_is_what_a_slow_sum_gives() -> None:
    error, deviation = normal_errors(173)
    curve = calibration_curve(error, deviation)
    size = np.abs(error).tolist()
    by_deviation = [s for _, s in sorted(zip(-deviation, size, strict=True))]
    by_error = sorted(size, reverse=True)
    for part, first, second in zip(
        curve.removed, curve.mae_by_deviation, curve.mae_by_error, strict=True
    ):
        start = int(part * 173)
        assert first == pytest.approx(sum(by_deviation[start:]) / (173 - start))
        assert second == pytest.approx(sum(by_error[start:]) / (173 - start))
    above = sum(a - b for a, b in zip(curve.mae_by_deviation, curve.mae_by_error, strict=True))
    mean = sum(size) / 173
    assert curve.ause == pytest.approx(above / sum(mean - b for b in curve.mae_by_error))
    assert 0.1 < curve.ause < 0.9


def test_ause_knows_the_perfect_the_blind_and_the_misleading() -> None:
    error, _ = normal_errors(20_000)
    perfect = calibration_curve(error, np.abs(error))
    assert perfect.ause == 0
    assert perfect.rank_correlation == pytest.approx(1)
    blind = calibration_curve(error, np.random.default_rng(2).uniform(1, 2, error.size))
    assert blind.ause == pytest.approx(1, abs=0.05)
    assert blind.rank_correlation == pytest.approx(0, abs=0.03)
    assert calibration_curve(error, np.full(error.size, 9.0)).rank_correlation == 0
    misleading = calibration_curve(error, 1 / (1 + np.abs(error)))
    assert misleading.ause > 1.5
    assert misleading.rank_correlation == pytest.approx(-1)


def test_the_scale_of_deviations_changes_calibration_and_not_their_order() -> None:
    error, deviation = normal_errors(5_000)
    one, three = (calibration_curve(error, n * deviation) for n in (1, 3))
    assert three.ause == one.ause
    assert three.rank_correlation == pytest.approx(one.rank_correlation)
    assert three.calibration_error > 5 * one.calibration_error


def test_the_calibration_error_is_in_hu() -> None:
    error = np.tile([30.0, -30.0], 50)
    assert calibration_curve(error, np.full(100, 10.0)).calibration_error == pytest.approx(20)
    # Half of the bins are 20 HU off, the others right.
    deviation = np.repeat([10.0, 30.0], 10 * BINS)
    error = np.tile([30.0, -30.0], 10 * BINS)
    assert calibration_curve(error, deviation).calibration_error == pytest.approx(10)


def test_voxels_of_a_head_where_a_deviation_was_estimated() -> None:
    grid = oblique_grid()
    ct, sct = random_volume(grid, seed=1), random_volume(grid, seed=2)
    rng = np.random.default_rng(3)
    deviation = sct.with_voxels(rng.integers(0, 3, grid.shape).astype(np.int16))
    mask = sct.with_voxels(rng.random(grid.shape) < 0.6)
    error, sd = head_voxels(sct, deviation, ct, mask)
    wanted = [
        (int(sct.voxels[index]) - int(ct.voxels[index]), deviation.voxels[index])
        for index in np.ndindex(grid.shape)
        if mask.voxels[index] and deviation.voxels[index]
    ]
    np.testing.assert_array_equal(np.column_stack([error, sd]), wanted)
    few, _ = head_voxels(sct, deviation, ct, mask, most=100)
    assert 50 < few.size <= 100
    assert set(few) <= set(error)
    elsewhere = Volume(sct.voxels, oblique_grid(origin=(0.0, 0.0, 0.0)), "HU")
    with pytest.raises(GeometryError, match="standard deviation"):
        head_voxels(sct, elsewhere, ct, mask)


def test_a_cohort_counts_heads_not_voxels() -> None:
    large, small = (calibration_curve(*normal_errors(n, seed=n)) for n in (900, 100))
    both = cohort_curve([large, small])
    assert both.voxels == 1000
    assert both.rmse == pytest.approx((large.rmse + small.rmse) / 2)
    np.testing.assert_allclose(both.observed, np.mean([large.observed, small.observed], axis=0))
    assert cohort_curve([small]) == small
    assert CalibrationCurve.from_json(json.loads(json.dumps(asdict(both)))) == both
    with pytest.raises(ValueRangeError, match="at least one subject"):
        cohort_curve([])


@pytest.mark.parametrize(
    ("error", "deviation", "message"),
    [
        ([1.0], [1.0], "at least 2 voxels, got 1 and 1"),
        ([1.0, 2.0], [1.0], "got 2 and 1"),
        ([1.0, np.nan], [1.0, 1.0], "finite"),
        ([1.0, 2.0], [1.0, -1.0], "at least 0"),
    ],
)
def test_what_cannot_be_compared(error: list[float], deviation: list[float], message: str) -> None:
    with pytest.raises(ValueRangeError, match=message):
        calibration_curve(np.array(error), np.array(deviation))
