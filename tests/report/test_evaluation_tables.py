"""The terminal's tables say what was computed, and fit."""

import io
import math

import pytest
from rich.console import Console

from mrtoct.judging.metrics.metric import METRICS
from mrtoct.judging.summary import LevelSummary, PairedDifference, summarise
from mrtoct.report.evaluation_tables import (
    cohort_table,
    labels,
    levels_table,
    paired_table,
    with_spread,
)

MAE = METRICS["body.mae"]
HD95 = METRICS["bone.hd95_mm"]


def printed(table):
    stream = io.StringIO()
    Console(file=stream, width=80).print(table)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("methods", "short"),
    [
        (["a/b/sct.nii.gz"], ["sct.nii.gz"]),
        (["x/unet/best", "x/gan/best", "water"], ["unet/best", "gan/best", "water"]),
        (["run/best"], ["run/best"]),
        (["one/same", "two/same"], ["one/same", "two/same"]),
        (["/best", "best"], ["/best", "best"]),
    ],
)
def test_methods_are_called_by_what_tells_them_apart(methods, short):
    assert list(labels(methods).values()) == short


def test_a_mean_comes_with_its_interval_and_who_has_one():
    values = [10.0, 12.0, 14.0, 16.0, 18.0, 20.0]
    summary = summarise(values)
    expected = f"15.0\n\\[{summary.low:.1f}, {summary.high:.1f}]"
    assert with_spread(summary, 1, 6).replace("\\[", "[") == expected.replace("\\[", "[")
    few = with_spread(summarise([10.0, 20.0, math.nan]), 1, 3)
    assert few.replace("\\[", "[") == "15.0\n[10.0, 20.0]\n2 of 3"
    assert with_spread(summarise([]), 1, 3) == "–\n0 of 3"


def test_a_cohort_says_whether_its_brackets_are_an_interval():
    methods = {
        "[net]": [summarise([80.0] * 5 + [86.0]), summarise([2.0] * 6)],
        "water": [summarise([200.0] * 6), summarise([math.nan] * 6)],
    }
    text = printed(cohort_table((MAE, HD95), methods))
    for word in ("[net]", "81.0", "200.0", "0 of 6", "95 % bootstrap interval"):
        assert word in text
    few = {"net": [summarise([80.0, 90.0])]}
    text = printed(cohort_table((MAE,), few))
    assert "[80.0, 90.0]" in text
    assert "2 subjects are too few for an interval" in " ".join(text.split())


def test_a_paired_row_has_sign_count_and_verdict():
    pair = PairedDifference(summarise([-5.0, -6.0, -7.0]), 3, 0, "too few subjects")
    text = printed(paired_table((MAE,), [pair], "a minus b"))
    assert "−6.0 [−7.0, −5.0]" in text
    assert "3 of 3" in text
    assert "too few subjects" in text


def test_levels_say_how_many_reach_them():
    def level(n, maes, bones):
        parts = (summarise(maes), summarise([0.0]), summarise(bones))
        return LevelSummary(20.0 * n, 20.0 * n + 20, *parts)

    levels = [level(0, [90.0, 110.0], [300.0, 340.0]), level(1, [60.0], [math.nan])]
    text = printed(levels_table({"net": levels, "other": levels}))
    lines = [line for line in text.splitlines() if "to" in line or "of" in line]
    assert any("0 to 20" in line and line.count("100 | 320") == 2 for line in lines)
    assert any("20 to 40" in line and line.count("60 | –") == 2 for line in lines)
    assert text.count("1 of 2") == 2
