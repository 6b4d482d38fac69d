from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.artefacts import (
    back_projected,
    beam_hardening,
    metal_streaks,
    projector,
)


def disc(size: int, center: tuple[float, float], radius: float) -> np.ndarray:
    i, j = np.ogrid[:size, :size]
    return (np.hypot(i - center[0], j - center[1]) < radius).astype(np.float32)


def test_projections_of_a_disc_have_its_area_and_chords() -> None:
    size, angles, radius = 65, 24, 15.0
    image = disc(size, (32, 32), radius)
    sinogram = (projector(size, angles) @ image.ravel()).reshape(angles, size)
    np.testing.assert_allclose(sinogram.sum(axis=1), image.sum(), rtol=1e-4)
    offsets = np.arange(size) - 32
    chord = 2 * np.sqrt(np.maximum(radius**2 - offsets**2, 0))
    assert np.abs(sinogram - chord).mean() < 0.6


def test_filtered_back_projection_inverts_the_projection() -> None:
    size, angles = 81, 120
    image = 2.0 * disc(size, (40, 40), 24) - 1.5 * disc(size, (48, 35), 7)
    sinogram = projector(size, angles) @ image.reshape(-1, 1)
    found = back_projected(sinogram, size, angles)[:, :, 0]
    inner = disc(size, (40, 40), 20).astype(bool) & ~disc(size, (48, 35), 10).astype(bool)
    assert found[inner].mean() == pytest.approx(2.0, rel=0.03)
    assert found[disc(size, (48, 35), 4).astype(bool)].mean() == pytest.approx(0.5, abs=0.08)


def test_beam_hardening_darkens_between_two_bones_and_spares_soft_tissue() -> None:
    shape, spacing = (120, 100, 3), (1.0, 1.2, 3.0)
    hu = np.full(shape, 40, dtype=np.float32)
    soft = beam_hardening(hu, spacing, 8e-4)
    assert np.abs(soft).max() == 0
    hu[20:38, 40:60] = hu[82:100, 40:60] = 1500
    added = beam_hardening(hu, spacing, 8e-4)
    between = added[55:65, 47:53].mean()
    beside = added[55:65, 5:15].mean()
    assert between < -8
    assert between < beside - 8
    np.testing.assert_allclose(beam_hardening(hu, spacing, 4e-4), added / 2, rtol=1e-3, atol=1e-2)


def test_streaks_stay_in_the_slices_that_hold_metal() -> None:
    metal = np.zeros((110, 110, 5), dtype=np.float32)
    metal[60:65, 50:55, 2] = 1
    added = metal_streaks(metal, (1.0, 1.0, 2.0), np.random.default_rng(0))
    assert np.abs(added[..., [0, 1, 3, 4]]).max() == 0
    assert added[10:40, 10:100, 2].std() > 20
