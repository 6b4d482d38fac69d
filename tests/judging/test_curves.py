"""Curves of a cohort: every subject counts once, and enough of them."""

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.judging.curves import bias_of, levels_of
from mrtoct.judging.metrics.evaluation import evaluation_of
from mrtoct.judging.metrics.levels import LevelError
from mrtoct.judging.metrics.tissue import BiasBin
from mrtoct.volume import Grid, Volume


@pytest.fixture(scope="module")
def one():
    grid = Grid((9, 10, 11), np.eye(4))
    ct = Volume(np.random.default_rng(3).normal(0, 300, grid.shape), grid, "HU")
    return evaluation_of(
        ct.with_voxels(ct.voxels + 1), ct, ct.with_voxels(ct.voxels > -2000, "label"), "all"
    )


def with_bins(evaluation, *bins):
    return replace(evaluation, bias_curve=tuple(BiasBin(*b) for b in bins))


def test_bias_is_the_mean_over_subjects_that_fill_a_bin(one):
    cohort = [
        with_bins(one, (0.0, 10.0, 100), (98.0, 50.0, 100), (-210.0, 5.0, 29)),
        with_bins(one, (4.0, 40.0, 900), (104.0, 70.0, 30)),
        with_bins(one, (2.0, 25.0, 30), (1000.0, 900.0, 500)),
    ]
    points = bias_of(cohort)
    # A subject counts once, however many voxels; -200 HU is too few voxels, 1000 HU one of three.
    assert [p.ct for p in points] == pytest.approx([2.0, 101.0])
    assert [p.sct.mean for p in points] == pytest.approx([25.0, 60.0])
    assert (points[0].sct.least, points[0].sct.most) == (10.0, 40.0)


def test_levels_are_those_that_half_of_the_subjects_reach(one):
    def reaching(*maes):
        return replace(
            one,
            levels=tuple(
                LevelError(20.0 * n, 20.0 * (n + 1), 1000 * (n + 1), mae, 0.0, mae)
                for n, mae in enumerate(maes)
            ),
        )

    levels = levels_of([reaching(10.0, 20.0, 30.0), reaching(20.0, 40.0), reaching(60.0)])
    assert [(level.from_mm, level.mae.mean) for level in levels] == [(0, 30.0), (20, 30.0)]
