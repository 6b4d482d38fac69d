"""Lines, bands and dots hold the numbers of the evaluations."""

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.judging.curves import bias_of
from mrtoct.judging.summary import summarise
from mrtoct.report.panels import paper_style
from mrtoct.report.plots import TISSUES, accuracy_figure, levels_figure


def band(collection):
    """Lower and upper limits of a filled band by x, without the closing points."""
    points = collection.get_paths()[0].vertices
    by_x = {}
    for x, y in points:
        by_x.setdefault(round(float(x), 6), []).append(float(y))
    return {x: (min(ys), max(ys)) for x, ys in by_x.items()}


def methods_of(subjects):
    return {m: [s.evaluations[m] for s in subjects] for m in ("u-net", "water")}


def test_accuracy_shows_what_was_measured(subjects):
    methods = methods_of(subjects)
    with paper_style():
        bias, tissues = accuracy_figure(methods).axes
    line, identity = bias.lines
    points = bias_of(methods["u-net"])
    np.testing.assert_allclose(line.get_xydata(), [(p.ct, p.sct.mean) for p in points])
    (filled,) = bias.collections
    limits = band(filled)
    for p in points:  # of three subjects their range, not an interval
        assert limits[round(p.ct, 6)] == pytest.approx((p.sct.least, p.sct.most))
    assert identity.get_slope() == 1

    dots = [line for line in tissues.lines if line.get_marker() == "o"]
    expected = [[getattr(e, t).mae for e in es] for t in TISSUES for es in methods.values()]
    for line, values in zip(dots, expected, strict=True):
        np.testing.assert_allclose(line.get_xdata(), values)
    assert [t.get_text() for t in tissues.get_yticklabels()] == list(TISSUES.values())
    # A dot belongs to the tissue whose name is nearest.
    rows = [round(float(line.get_ydata()[0])) for line in dots]
    assert rows == [0, 0, 1, 1, 2, 2, 3, 3]


def test_intervals_of_enough_subjects_are_bootstrapped(subjects):
    one = subjects[0].evaluations["u-net"]
    values = [30.0, 32.0, 35.0, 41.0, 38.0, 52.0]
    cohort = [replace(one, body=replace(one.body, mae=v)) for v in values]
    with paper_style():
        tissues = accuracy_figure({"u-net": cohort}).axes[1]
    spread, _, mean = tissues.lines[:3]
    expected = summarise(values)
    assert list(spread.get_xdata()) == pytest.approx([expected.low, expected.high])
    assert spread.get_xdata()[0] > 30 and spread.get_xdata()[1] < 52
    assert list(mean.get_xdata()) == pytest.approx([np.mean(values)] * 2)


def test_levels_run_down_from_the_top(subjects):
    methods = methods_of(subjects)
    short = replace(methods["u-net"][0], levels=methods["u-net"][0].levels[:1])
    with paper_style():
        figure = levels_figure(methods | {"u-net": [short, short, methods["u-net"][2]]})
    overall, of_bone = figure.axes
    first = overall.lines[0]
    # Only one of three u-nets reaches below the first 20 mm.
    assert list(first.get_xdata()) == [10.0]
    water = overall.lines[1]
    levels = [e.levels for e in methods["water"]]
    assert list(water.get_xdata()) == [(level.from_mm + level.to_mm) / 2 for level in levels[0]]
    for n, mae in enumerate(water.get_ydata()):
        assert mae == pytest.approx(np.mean([one[n].mae for one in levels]))
    bones = [[one[n].bone_mae for one in levels] for n in range(len(levels[0]))]
    expected = [np.mean(b) if np.isfinite(b).all() else np.nan for b in bones]
    np.testing.assert_allclose(of_bone.lines[1].get_ydata(), expected)
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend == ["u-net", "water"]
