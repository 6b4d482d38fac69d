"""Peaks of known mixtures; copies found however they are stored."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.values import find_peaks, fingerprint


def mixture(rng, *parts):
    """Normal parts: (mean, spread, count)."""
    return np.concatenate([rng.normal(m, s, n) for m, s, n in parts]).astype(np.float32)


def test_peaks_and_shares_of_a_known_mixture():
    rng = np.random.default_rng(3)
    values = mixture(rng, (-1000, 10, 60_000), (40, 20, 30_000), (1100, 100, 10_000))
    peaks = find_peaks(values)
    assert peaks.background == pytest.approx(-1000, abs=5)
    assert peaks.body == pytest.approx(40, abs=8)
    assert peaks.distance == pytest.approx(1040, abs=10)
    # 83 HU either side of 40 hold all soft tissue; half the distance above begins at 560.
    assert peaks.narrow == pytest.approx(0.75, abs=0.01)
    assert peaks.tail == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("padding", [-1200, -2048, -3024, -30000])
def test_padding_does_not_count_as_background(padding):
    rng = np.random.default_rng(4)
    parts = mixture(rng, (-1000, 10, 30_000), (40, 20, 30_000), (1100, 100, 8_000))
    peaks = find_peaks(np.concatenate([np.full(60_000, padding, np.float32), parts]))
    assert peaks.background == pytest.approx(-1000, abs=5)
    assert peaks.body == pytest.approx(40, abs=8)


def test_a_constant_volume_has_one_value():
    peaks = find_peaks(np.full((4, 5, 6), 7, np.int16))
    assert (peaks.background, peaks.body, peaks.distance) == (7, 7, 0)


def test_a_copy_is_found_turned_flipped_and_in_another_type():
    voxels = np.random.default_rng(5).integers(-1000, 2000, (9, 8, 7)).astype(np.int16)
    same = fingerprint(voxels)
    assert fingerprint(voxels[::-1].transpose(2, 0, 1).astype(np.float32)) == same
    assert fingerprint(voxels.astype(np.int64) * 1) == same
    other = voxels.copy()
    other[3, 4, 5] += 1
    assert fingerprint(other) != same
    assert fingerprint(voxels.reshape(9, 7, 8)[:, :, :7]) != same


def test_a_copy_of_fractions_is_found():
    voxels = np.random.default_rng(6).normal(size=(6, 5, 4)).astype(np.float32)
    assert fingerprint(voxels) == fingerprint(voxels[:, ::-1].copy())
    assert fingerprint(voxels) != fingerprint(voxels * np.float32(1.001))
