import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics.evaluation import evaluation_of
from mrtoct.judging.metrics.levels import LevelError
from mrtoct.judging.metrics.metric import METRICS, SEAM_METRICS
from mrtoct.judging.metrics.seams import Seam, TileGrid
from mrtoct.judging.summary import compare, summarise, summarise_levels
from mrtoct.volume import Grid, Volume

BODY_MAE = METRICS["body.mae"]
BODY_ME = METRICS["body.me"]
DICE = METRICS["bone.dice"]
DISCONTINUITY = METRICS["slice_discontinuity"]


@pytest.fixture(scope="module")
def base():
    generator = np.random.default_rng(0)
    grid = Grid((8, 8, 8), np.diag([2.0, 2, 2, 1]))
    ct = Volume(generator.normal(100, 300, grid.shape), grid, "HU")
    sct = ct.with_voxels(ct.voxels + 10)
    return evaluation_of(sct, ct, ct.with_voxels(np.ones(grid.shape), "label"), "all")


def with_mae(base, values):
    return [replace(base, body=replace(base.body, mae=v)) for v in values]


def test_summary_agrees_with_scipys_bootstrap():
    values = np.random.default_rng(4).gamma(4, 20, 12)
    summary = summarise(values.tolist())
    reference = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=10_000, random_state=1
    ).confidence_interval
    assert summary.mean == pytest.approx(values.mean())
    assert summary.deviation == pytest.approx(values.std(ddof=1))
    assert (summary.low, summary.high) == pytest.approx(tuple(reference), rel=0.02)
    assert (summary.least, summary.most) == (values.min(), values.max())
    assert summary.spread() == ("95 % interval", summary.low, summary.high)
    assert summary == summarise(values.tolist())


def test_few_subjects_have_a_range_and_no_claim():
    assert summarise([3.0, 1.0, 2.0]).spread() == ("range", 1.0, 3.0)
    one = summarise([5.0, math.nan])
    assert (one.subjects, one.mean) == (1, 5.0)
    assert math.isnan(one.deviation)
    assert math.isnan(one.low)
    assert summarise([math.nan]).subjects == 0
    assert math.isnan(summarise([]).mean)


def test_every_metric_is_found_in_an_evaluation(base):
    values = {m.key: m.of(base) for m in METRICS.values()}
    assert values["body.mae"] == pytest.approx(10)
    assert values["body.me"] == pytest.approx(10)
    assert values["slice_discontinuity"] == pytest.approx(1)
    assert values["paper.mse"] == pytest.approx(100)
    assert all(math.isfinite(v) for v in values.values())


def test_pairing_sees_what_the_spread_of_subjects_hides(base):
    generator = np.random.default_rng(2)
    easy_and_hard = np.linspace(40, 200, 10)
    ours = with_mae(base, easy_and_hard - 5 + generator.normal(0, 1, 10))
    theirs = with_mae(base, easy_and_hard)
    paired = compare(ours, theirs, BODY_MAE)
    assert paired.verdict == "better"
    assert paired.better_in == 10
    assert paired.worse_in == 0
    assert paired.difference.mean == pytest.approx(-5, abs=1)
    assert compare(theirs, ours, BODY_MAE).verdict == "worse"


def test_no_claim_without_a_clear_difference_or_with_few_subjects(base):
    mixed = with_mae(base, [50, 60, 70, 80, 90, 100, 110])
    rival = with_mae(base, [55, 55, 75, 75, 95, 95, 112])
    assert compare(mixed, rival, BODY_MAE).verdict == "undecided"
    few = compare(with_mae(base, [1] * 5), with_mae(base, [2] * 5), BODY_MAE)
    assert (few.verdict, few.better_in) == ("too few subjects", 5)


def test_better_depends_on_the_metric(base):
    six = [base] * 6
    low_bias = [replace(base, body=replace(base.body, me=-3.0))] * 6
    high_dice = [replace(base, bone=replace(base.bone, dice=base.bone.dice + 0.01))] * 6
    rough = [replace(base, measured={"slice_discontinuity": 1.4})] * 6
    smooth = [replace(base, measured={"slice_discontinuity": 0.9})] * 6
    # -3 HU is nearer to 0 than +10 HU, although the difference is negative either way.
    assert compare(low_bias, six, BODY_ME).verdict == "better"
    assert compare(low_bias, six, BODY_ME).difference.mean == pytest.approx(-13)
    assert compare(high_dice, six, DICE).verdict == "better"
    assert compare(smooth, rough, DISCONTINUITY).verdict == "better"


def test_undefined_values_drop_the_pair(base):
    ours, rival = with_mae(base, [1, math.nan, 3]), with_mae(base, [2, 2, math.nan])
    assert compare(ours, rival, BODY_MAE).difference.subjects == 1


def test_unequal_numbers_of_subjects_are_refused(base):
    with pytest.raises(ValueRangeError, match="got 2 and 1"):
        compare([base, base], [base], BODY_MAE)


def test_what_was_not_measured_is_undefined(base):
    tiled = replace(base, seam=Seam(TileGrid((4, 4, 4)), 12, 1.5, 0.75))
    assert [m.of(tiled) for m in SEAM_METRICS.values()] == [1.5, 0.75]
    assert all(math.isnan(m.of(base)) for m in SEAM_METRICS.values())


def test_levels_are_summarised_over_the_subjects_that_reach_them(base):
    def level(n, mae, bone_mae):
        return LevelError(20.0 * n, 20.0 * n + 20, 50, mae, -mae, bone_mae)

    tall = replace(base, levels=(level(0, 30, 100), level(1, 50, 200), level(2, 90, 300)))
    short = replace(base, levels=(level(0, 50, math.nan), level(1, 70, 400)))
    found = summarise_levels([short, tall])
    assert [(f.from_mm, f.to_mm) for f in found] == [(0, 20), (20, 40), (40, 60)]
    assert [f.mae.subjects for f in found] == [2, 2, 1]
    assert [f.mae.mean for f in found] == [40, 60, 90]
    assert [f.me.mean for f in found] == [-40, -60, -90]
    assert [(f.bone_mae.subjects, f.bone_mae.mean) for f in found] == [(1, 100), (2, 300), (1, 300)]
    assert found[0].mae == summarise([50, 30])
    assert summarise_levels([base] * 2)[0].mae.mean == pytest.approx(10)
