from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.fields import band_field, cubic_weights, interpolate, smooth_field


def test_cubic_weights_reproduce_a_quadratic_between_samples() -> None:
    samples = np.arange(9.0)
    positions = np.array([1.0, 2.25, 3.5, 5.9])
    weights = cubic_weights(positions, 9)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ samples**2, positions**2, rtol=1e-5)


def test_interpolate_is_separable_along_each_axis() -> None:
    x, y, z = np.ogrid[0:7, 0:6, 0:5]
    values = (x + 10.0 * y + 100.0 * z).astype(np.float32)
    px, py, pz = np.array([1.5, 4.0]), np.array([2.2, 3.0, 3.9]), np.array([1.1])
    weights = (cubic_weights(px, 7), cubic_weights(py, 6), cubic_weights(pz, 5))
    expected = px[:, None, None] + 10 * py[None, :, None] + 100 * pz[None, None, :]
    np.testing.assert_allclose(interpolate(values, weights), expected, rtol=1e-5)


def test_a_smooth_field_reaches_one_and_changes_slowly() -> None:
    spacing = (1.0, 1.3, 2.0)
    field = smooth_field((61, 47, 31), spacing, 40.0, np.random.default_rng(0))
    assert np.abs(field).max() == pytest.approx(1)
    slope = max(np.abs(np.diff(field, axis=a)).max() / s for a, s in enumerate(spacing))
    assert slope < 2 * np.pi / 40.0 * 1.5  # a sine of that wavelength, with some slack


@pytest.mark.parametrize("wavelength", [12.0, 24.0])
def test_a_band_field_has_the_wavelength_asked_for(wavelength: float) -> None:
    step = 2.0
    field = band_field((64, 64, 64), step, wavelength, np.random.default_rng(1))
    assert field.std() == pytest.approx(1, rel=1e-3)
    # Rice: a Gaussian field of one wave number k crosses zero k / (pi sqrt(3)) times a mm
    # along any line.
    crossings = np.mean(np.diff(np.signbit(field), axis=0)) / step
    expected = 2 * np.pi / wavelength / (np.pi * np.sqrt(3))
    assert crossings == pytest.approx(expected, rel=0.12)
