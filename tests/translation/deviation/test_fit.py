"""The fit finds the numbers that made the errors, and is the most likely one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.translation.deviation.fit import fit_deviation
from mrtoct.translation.deviation.model import KNOTS, DeviationModel, Signs
from mrtoct.volume import Array

TRUTH = DeviationModel(
    floors=(60.0, 150.0, 90.0, 25.0, 20.0, 80.0, 120.0, 200.0, 300.0), surroundings=0.5, spread=1.2
)


def voxels(count: int = 60_000, seed: int = 1) -> tuple[Signs, Array]:
    rng = np.random.default_rng(seed)
    signs = Signs(
        hu=rng.uniform(-1024, 2200, count),
        contrast=rng.gamma(1.0, 80.0, count),
        disagreement=rng.gamma(0.5, 60.0, count),
    )
    return signs, rng.normal(0, TRUTH.apply(signs))


def likelihood(model: DeviationModel, signs: Signs, error: Array) -> float:
    sd = model.apply(signs).astype(float)
    return float(-(np.log(sd) + 0.5 * (error / sd) ** 2).mean())


def test_the_numbers_behind_the_errors_are_found() -> None:
    signs, error = voxels()
    found = fit_deviation(signs, error, heads=3)
    assert found.knots == KNOTS
    assert found.heads == 3
    assert found.surroundings == pytest.approx(TRUTH.surroundings, rel=0.05)
    assert found.spread == pytest.approx(TRUTH.spread, rel=0.07)
    np.testing.assert_allclose(found.floors, TRUTH.floors, rtol=0.15, atol=8)
    assert found == fit_deviation(signs, error, heads=3)


def test_no_neighbouring_model_is_more_likely() -> None:
    signs, error = voxels(20_000, seed=2)
    best = fit_deviation(signs, error, heads=1)
    score = likelihood(best, signs, error)
    assert score >= likelihood(TRUTH, signs, error)
    for factor in (0.85, 1.18):
        others = [
            replace(best, surroundings=factor * best.surroundings),
            replace(best, spread=factor * best.spread),
            *(
                replace(
                    best,
                    floors=tuple(factor * f if n == m else f for m, f in enumerate(best.floors)),
                )
                for n in range(len(KNOTS))
            ),
        ]
        # What is given to each knot beforehand may cost as much as this.
        assert all(likelihood(other, signs, error) < score + 1e-4 for other in others)


def test_signs_that_say_nothing_are_not_used() -> None:
    signs, error = voxels(20_000, seed=3)
    silent = replace(signs, disagreement=np.zeros_like(signs.disagreement))
    assert fit_deviation(silent, error, heads=1).spread == 0
    shuffled = np.random.default_rng(4).permutation(signs.contrast)
    assert fit_deviation(replace(signs, contrast=shuffled), error, heads=1).surroundings < 0.15


def test_a_tissue_never_seen_does_not_look_certain() -> None:
    """Soft tissue alone, with errors of 40 HU: nothing is known of bone and air."""
    rng = np.random.default_rng(5)
    hu, none = rng.uniform(-40, 70, 5_000), np.zeros(5_000)
    found = fit_deviation(Signs(hu, none, none), rng.normal(0, 40, 5_000), heads=1)
    bone, soft = found.apply(Signs(np.array([1500.0, 20.0]), np.zeros(2), np.zeros(2)))
    assert soft == pytest.approx(40, rel=0.05)
    assert bone == pytest.approx(40, rel=0.05)


def test_a_perfect_network_is_not_taken_at_its_word() -> None:
    hu, none = np.linspace(-1000, 1500, 200), np.zeros(200)
    found = fit_deviation(Signs(hu, none, none), none, heads=1)
    assert min(found.floors) >= 1


def test_errors_that_cannot_be_fitted() -> None:
    one = np.zeros(1)
    with pytest.raises(ValueRangeError, match="at least 2 voxels, all finite, are needed, got 1"):
        fit_deviation(Signs(one, one, one), one, heads=1)
    two = np.array([1.0, np.nan])
    with pytest.raises(ValueRangeError, match="finite"):
        fit_deviation(Signs(two, two, two), two, heads=1)
