import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.judging.baselines import IntensityMap, water


def subject(seed, shape=(21, 18, 17)):
    """MR whose value determines HU up to skewed noise, not monotonically."""
    generator = np.random.default_rng(seed)
    mr = generator.random(shape)
    ct = 900 * np.cos(5 * mr) + 200 * generator.exponential(1, shape)
    return mr.astype(np.float32), ct.astype(np.float32), generator.random(shape) < 0.8


def test_water_is_zero_inside_and_air_outside():
    mask = np.array([True, False]).reshape(2, 1, 1)
    assert water(mask).ravel().tolist() == [0.0, -1024.0]


def test_map_finds_the_conditional_median():
    fitted = IntensityMap.fit([subject(1), subject(2), subject(3)], bins=50)
    value = np.linspace(0.02, 0.98, 40).reshape(-1, 1, 1)
    expected = 900 * np.cos(5 * value) + 200 * np.log(2)
    found = fitted.apply(value, np.ones(value.shape, bool))
    # A bin is 0.02 wide, over which the curve falls by up to 90 HU.
    assert np.abs(found - expected).max() < 90
    assert np.abs(found - expected).mean() < 30


def test_no_other_constant_per_bin_has_a_lower_error_on_the_training_subjects():
    mr, ct, mask = subject(4)
    fitted = IntensityMap.fit([(mr, ct, mask)], bins=12)
    best = np.abs(fitted.apply(mr, mask) - ct)[mask].mean()
    assert len(fitted.hu) == 12
    for n in range(12):
        for change in (-30, -3, 3, 30):
            moved = IntensityMap(
                fitted.edges, tuple(h + change * (m == n) for m, h in enumerate(fitted.hu))
            )
            assert np.abs(moved.apply(mr, mask) - ct)[mask].mean() >= best - 1e-6


def test_bins_hold_equal_numbers_of_voxels():
    mr, ct, mask = subject(5)
    fitted = IntensityMap.fit([(mr, ct, mask)], bins=10)
    counts = np.bincount(np.searchsorted(fitted.edges, mr[mask], side="right"))
    assert counts.max() - counts.min() <= 2


def test_repeated_values_do_not_break_the_bins():
    mr = np.concatenate([np.zeros(700), np.full(200, 0.5), np.ones(100)]).reshape(10, 10, 10)
    ct = np.concatenate([np.full(700, -900.0), np.full(200, 40.0), np.full(100, 60.0)])
    mask = np.ones(mr.shape, bool)
    fitted = IntensityMap.fit([(mr, ct.reshape(mr.shape), mask)])
    assert np.array_equal(fitted.apply(mr, mask).ravel(), ct)
    assert len(fitted.hu) == len(fitted.edges) + 1


def test_values_beyond_the_training_range_take_the_nearest_bin():
    fitted = IntensityMap.fit([subject(6)], bins=20)
    found = fitted.apply(np.array([-5.0, 7.0]).reshape(2, 1, 1), np.ones((2, 1, 1), bool))
    assert found.ravel().tolist() == pytest.approx([fitted.hu[0], fitted.hu[-1]])


def test_outside_the_mask_is_air_and_a_seed_decides():
    mr, ct, mask = subject(7, (70, 70, 60))
    first = IntensityMap.fit([(mr, ct, mask)], seed=1)
    assert (first.apply(mr, mask)[~mask] == -1024).all()
    assert first == IntensityMap.fit([(mr, ct, mask)], seed=1)
    # 200 000 of 235 000 voxels are drawn, so another seed sees others.
    assert first != IntensityMap.fit([(mr, ct, mask)], seed=2)


def test_unusable_subjects_are_refused():
    mr, ct, mask = subject(8)
    with pytest.raises(ValueRangeError, match="at least one training subject"):
        IntensityMap.fit([])
    with pytest.raises(ValueRangeError, match="mask is empty"):
        IntensityMap.fit([(mr, ct, np.zeros_like(mask))])
    with pytest.raises(GeometryError, match=r"\(20, 18, 17\)"):
        IntensityMap.fit([(mr[1:], ct, mask)])
    with pytest.raises(ValueRangeError, match="finite"):
        IntensityMap.fit([(np.full_like(mr, np.nan), ct, mask)])
