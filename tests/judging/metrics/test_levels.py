"""Errors by level against a loop over voxels, on grids that stand, lie and hang."""

import math

import numpy as np
import pytest

from mrtoct.judging.metrics.levels import level_errors
from mrtoct.volume import Grid
from volumes import oblique_grid


def by_loop(sct, ct, mask, grid):
    height, error, hu = [], [], []
    for index in np.argwhere(mask):
        height.append(float(grid.affine[2, :3] @ index))
        error.append(float(sct[*index]) - float(ct[*index]))
        hu.append(float(ct[*index]))
    top = max(height)
    levels = {}
    for h, e, v in zip(height, error, hu, strict=True):
        levels.setdefault(math.floor((top - h) / 20 + 1e-6), []).append((e, v))
    rows = []
    for n, voxels in sorted(levels.items()):
        bone = [abs(e) for e, v in voxels if v > 250]
        rows.append(
            (
                20 * n,
                20 * n + 20,
                len(voxels),
                sum(abs(e) for e, _ in voxels) / len(voxels),
                sum(e for e, _ in voxels) / len(voxels),
                sum(bone) / len(bone) if bone else math.nan,
            )
        )
    return rows


STANDING = Grid((5, 6, 17), np.diag([1.0, 1, 4, 1]))
HANGING = Grid((5, 6, 17), np.diag([1.0, 1, -4, 1]))
SAGITTAL = Grid((6, 17, 5), np.array([[0, 0, 1.0, 0], [1, 0, 0, 0], [0, 4, 0, -9], [0, 0, 0, 1]]))


@pytest.mark.parametrize("grid", [STANDING, HANGING, SAGITTAL, oblique_grid((13, 10, 17))])
def test_levels_agree_with_a_loop(grid):
    generator = np.random.default_rng(1)
    ct = generator.uniform(-900, 900, grid.shape).astype(np.float32)
    sct = (ct + generator.normal(20, 90, grid.shape)).astype(np.float32)
    mask = generator.random(grid.shape) < 0.6
    found = level_errors(sct, ct, mask, grid)
    expected = by_loop(sct, ct, mask, grid)
    assert len(expected) >= 3
    rows = [(f.from_mm, f.to_mm, f.voxels, f.mae, f.me, f.bone_mae) for f in found]
    assert rows == [pytest.approx(row, rel=1e-6, nan_ok=True) for row in expected]


def test_an_error_is_found_at_its_height_below_the_vertex():
    """The mask ends below the volume's top: its own highest voxel counts, not the volume's."""
    ct = np.zeros(STANDING.shape)
    mask = np.zeros(STANDING.shape, dtype=bool)
    mask[:, :, :14] = True  # the highest at 13 x 4 mm
    sct = ct.copy()
    sct[:, :, 13 - 7] = 100  # 28 mm below it
    levels = level_errors(sct, ct, mask, STANDING)
    assert [(level.from_mm, level.mae) for level in levels] == [(0, 0), (20, 20), (40, 0)]
    assert [level.voxels for level in levels] == [150, 150, 120]
    assert all(math.isnan(level.bone_mae) for level in levels)


def test_levels_without_mask_are_left_out():
    mask = np.zeros(STANDING.shape, dtype=bool)
    mask[0, 0, [0, 16]] = True
    levels = level_errors(np.ones(STANDING.shape), np.zeros(STANDING.shape), mask, STANDING)
    assert [(level.from_mm, level.voxels) for level in levels] == [(0, 1), (60, 1)]
