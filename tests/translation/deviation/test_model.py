"""The formula of the standard deviation, voxel by voxel."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import numpy as np
import pytest

from mrtoct.translation.deviation.model import KNOTS, DeviationModel, Signs, local_contrast

MODEL = DeviationModel(
    floors=(30.0, 10.0, 50.0), surroundings=0.4, spread=1.5, knots=(-1000.0, 0.0, 1000.0)
)


def test_variances_add_and_floors_are_linear_in_variance() -> None:
    signs = Signs(
        hu=np.array([-1000.0, -500.0, 0.0, 250.0, 3000.0, 0.0, 0.0, 250.0]),
        contrast=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 100.0, 0.0, 100.0]),
        disagreement=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 20.0, 20.0]),
    )
    mixed = 0.75 * 100 + 0.25 * 2500
    expected = [
        30,
        sqrt((900 + 100) / 2),
        10,
        sqrt(mixed),
        50,
        sqrt(100 + 40**2),
        sqrt(100 + 30**2),
        sqrt(mixed + 40**2 + 30**2),
    ]
    found = MODEL.apply(signs)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_more_contrast_or_disagreement_never_means_more_certainty() -> None:
    rng = np.random.default_rng(1)
    hu, contrast, disagreement = (
        rng.uniform(-1024, 2500, 500),
        rng.uniform(0, 400, 500),
        rng.uniform(0, 400, 500),
    )
    before = MODEL.apply(Signs(hu, contrast, disagreement))
    assert (MODEL.apply(Signs(hu, contrast + 50, disagreement)) > before).all()
    assert (MODEL.apply(Signs(hu, contrast, disagreement + 50)) > before).all()


def test_local_contrast_is_a_gaussian_weighted_standard_deviation_in_mm() -> None:
    spacing, radius = (2.0, 3.0, 5.0), 4.0
    hu = np.random.default_rng(2).uniform(-1000, 1500, (27, 21, 13)).astype(np.float32)
    found = local_contrast(hu, spacing, radius)
    for center in ((13, 10, 6), (12, 9, 5)):
        weights = np.zeros(hu.shape)
        for index in np.ndindex(hu.shape):
            # The filter ends at three radii, rounded to whole voxels.
            offsets = [(i - c) for i, c in zip(index, center, strict=True)]
            if all(
                abs(o) <= int(3 * radius / s + 0.5) for o, s in zip(offsets, spacing, strict=True)
            ):
                squared = sum((o * s) ** 2 for o, s in zip(offsets, spacing, strict=True))
                weights[index] = exp(-squared / (2 * radius**2))
        weights /= weights.sum()
        mean = (weights * hu).sum()
        expected = sqrt((weights * (hu - mean) ** 2).sum())
        assert found[center] == pytest.approx(expected, rel=1e-3)
    assert (local_contrast(np.full((5, 6, 7), -1024.0), spacing, radius) < 1).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"floors": (1.0, 2.0)}, "got 2 floors and 9 knots"),
        ({"surroundings": -0.1}, "surroundings must be finite and at least 0, got -0.1"),
        ({"spread": float("nan")}, "spread must be finite"),
        ({"floors": (1.0, float("inf"), *[1.0] * 7)}, r"floors\[1\] must be finite"),
        ({"radius": 0.0}, "radius must be above 0 and at most 100 mm, got 0"),
        ({"knots": (*KNOTS[:7], 5000.0, 2000.0)}, "knots must rise"),
    ],
)
def test_numbers_that_mean_nothing(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeviationModel(**{"floors": (1.0,) * 9, "surroundings": 0.0, "spread": 0.0, **change})
