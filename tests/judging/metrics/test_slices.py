"""Errors by slice against each slice alone, and steps between slices against a loop."""

import math

import numpy as np
import pytest

from mrtoct.judging.metrics.slices import slice_discontinuity, slice_profile
from mrtoct.judging.metrics.tissue import class_error
from mrtoct.volume import Grid


@pytest.fixture
def volumes():
    generator = np.random.default_rng(11)
    ct = generator.uniform(-1024, 1800, (7, 6, 5)).astype(np.float32)
    sct = ct + generator.normal(10, 120, ct.shape).astype(np.float32)
    mask = generator.random(ct.shape) < 0.7
    return sct, ct, mask


def grid_of(array):
    return Grid(array.shape, np.eye(4))


def test_slice_profile_agrees_with_each_slice_alone(volumes):
    sct, ct, mask = volumes
    mask[:, :, 2] = False
    rows = slice_profile(sct, ct, mask, grid_of(ct))
    assert [r.index for r in rows] == [0, 1, 3, 4]
    for row in rows:
        alone = class_error(sct[:, :, row.index], ct[:, :, row.index], mask[:, :, row.index])
        assert (row.mae, row.voxels) == (pytest.approx(alone.mae), alone.voxels)


def test_slice_discontinuity_agrees_with_a_loop(volumes):
    sct, ct, mask = volumes
    real = synthetic = 0.0
    for i in range(7):
        for j in range(6):
            for k in range(4):
                if mask[i, j, k] and mask[i, j, k + 1]:
                    real += abs(float(ct[i, j, k + 1]) - float(ct[i, j, k]))
                    synthetic += abs(float(sct[i, j, k + 1]) - float(sct[i, j, k]))
    assert slice_discontinuity(sct, ct, mask, grid_of(ct)) == pytest.approx(synthetic / real)


def test_slice_offsets_raise_the_discontinuity_and_smoothing_lowers_it():
    generator = np.random.default_rng(0)
    ct = np.cumsum(generator.normal(0, 10, (9, 9, 12)), axis=2)
    mask = np.ones(ct.shape, bool)
    offsets = ct + generator.normal(0, 40, 12)
    assert slice_discontinuity(ct, ct, mask, grid_of(ct)) == 1
    assert slice_discontinuity(offsets, ct, mask, grid_of(ct)) > 2
    assert slice_discontinuity(np.zeros_like(ct), ct, mask, grid_of(ct)) == 0
    assert math.isnan(slice_discontinuity(ct, np.zeros_like(ct), mask, grid_of(ct)))
