import math

import numpy as np
import pytest

from mrtoct.judging.metrics import tissue
from mrtoct.volume import Grid


@pytest.fixture
def volumes():
    generator = np.random.default_rng(11)
    ct = generator.uniform(-1024, 1800, (7, 6, 5)).astype(np.float32)
    sct = ct + generator.normal(10, 120, ct.shape).astype(np.float32)
    mask = generator.random(ct.shape) < 0.7
    return sct, ct, mask


def by_loop(sct, ct, mask, low, high):
    errors = [
        float(a) - float(b)
        for a, b, m in zip(sct.ravel(), ct.ravel(), mask.ravel(), strict=True)
        if m and low < b < high
    ]
    return len(errors), sum(map(abs, errors)) / len(errors), sum(errors) / len(errors)


@pytest.mark.parametrize(
    ("classify", "low", "high"),
    [
        (tissue.air, -math.inf, -250),
        (tissue.soft_tissue, -250, 250),
        (tissue.bone, 250, math.inf),
        (lambda _, mask: mask, -math.inf, math.inf),
    ],
)
def test_class_errors_agree_with_a_loop(volumes, classify, low, high):
    sct, ct, mask = volumes
    result = tissue.class_error(sct, ct, classify(ct, mask))
    assert (result.voxels, result.mae, result.me) == pytest.approx(
        by_loop(sct, ct, mask, low, high), rel=1e-6
    )


def test_classes_share_out_the_mask_with_limits_in_soft_tissue():
    ct = np.array([-251.0, -250.0, 250.0, 251.0, 0.0]).reshape(5, 1, 1)
    mask = np.array([True, True, True, True, False]).reshape(5, 1, 1)
    assert tissue.air(ct, mask).ravel().tolist() == [True, False, False, False, False]
    assert tissue.soft_tissue(ct, mask).ravel().tolist() == [False, True, True, False, False]
    assert tissue.bone(ct, mask).ravel().tolist() == [False, False, False, True, False]


def test_class_without_voxels_is_undefined():
    result = tissue.class_error(np.ones((2, 2, 2)), np.ones((2, 2, 2)), np.zeros((2, 2, 2), bool))
    assert result.voxels == 0
    assert math.isnan(result.mae)
    assert math.isnan(result.me)


def test_structures_are_compared_inside_the_mask_only():
    ct = np.array([900.0, 900, 900, 0, 900]).reshape(5, 1, 1)
    sct = np.array([900.0, 900, 0, 900, 900]).reshape(5, 1, 1)
    mask = np.array([True, True, True, True, False]).reshape(5, 1, 1)
    grid = Grid((5, 1, 1), np.diag([3.0, 1, 1, 1]))
    result = tissue.structure_error(sct, ct, mask, grid, tissue.bone)
    assert result.dice == pytest.approx(2 * 2 / (3 + 3))
    assert result.mae == pytest.approx(300)
    assert result.me == pytest.approx(-300)
    assert result.voxels == 3
    # Of the reference's voxels 0, 1, 2 the third is 3 mm off, of the other's 0, 1, 3 the third
    # likewise; the 95th percentile of 0, 0, 3 mm lies a tenth below the last.
    assert result.hd95_mm == pytest.approx(2.7)
    soft = tissue.structure_error(sct, ct, mask, grid, tissue.soft_tissue)
    assert (soft.voxels, soft.dice, soft.hd95_mm) == (1, 0.0, pytest.approx(3.0))


@pytest.mark.parametrize("classify", [tissue.bone, tissue.soft_tissue, tissue.air])
def test_a_structure_that_one_lacks_has_no_distance(classify):
    ct = np.array([900.0, 900, 0, -900]).reshape(4, 1, 1)
    nothing = {tissue.bone: 0.0, tissue.soft_tissue: 900.0, tissue.air: 0.0}[classify]
    sct = np.full(ct.shape, nothing)
    grid = Grid((4, 1, 1), np.eye(4))
    result = tissue.structure_error(sct, ct, np.ones(ct.shape, bool), grid, classify)
    assert result.dice == 0
    assert math.isnan(result.hd95_mm)
    both = tissue.structure_error(sct, sct, np.ones(ct.shape, bool), grid, classify)
    assert (both.voxels, math.isnan(both.dice), math.isnan(both.hd95_mm)) == (0, True, True)


def test_dice_of_nothing_is_undefined():
    assert math.isnan(tissue.dice(np.zeros(3, bool), np.zeros(3, bool)))


def test_bias_curve_finds_a_known_line():
    ct = np.linspace(-1000, 1500, 2501).reshape(-1, 1, 1)
    bins = tissue.bias_curve(0.8 * ct + 20, ct, np.ones(ct.shape, bool))
    assert sum(b.voxels for b in bins) == ct.size
    for b in bins:
        assert b.sct == pytest.approx(0.8 * b.ct + 20)
    water = min(bins, key=lambda b: abs(b.ct))
    # The bin -50 <= HU < 50 holds 100 whole numbers.
    assert (water.ct, water.voxels) == (pytest.approx(-0.5), 100)


def test_bias_curve_leaves_empty_bins_and_the_outside_out():
    ct = np.array([0.0, 1000.0, 2000.0]).reshape(3, 1, 1)
    mask = np.array([True, True, False]).reshape(3, 1, 1)
    bins = tissue.bias_curve(ct + 5, ct, mask)
    assert [(b.ct, b.sct, b.voxels) for b in bins] == [(0, 5, 1), (1000, 1005, 1)]
