import re
import xml.etree.ElementTree as ElementTree

import pytest

from mrtoct.judging.summary import summarise
from mrtoct.report.charts import DotRow, Frame, Series, dot_plot, line_chart, tick_text, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (-1100, 2100, [-1000, 0, 1000, 2000]),
        (0.003, 0.011, [0.004, 0.006, 0.008, 0.01]),
        (5, 5, [5]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_tick_labels():
    assert [tick_text(v) for v in (-250.0, 0.0, 0.30000000000000004, 9000.0, 20000.0)] == [
        "−250",
        "0",
        "0.3",
        "9\u2009000",
        "20k",
    ]


def test_frame_maps_corners():
    frame = Frame(200, 100, 20, 10, 5, 15, (0, 10), (-1, 1))
    assert frame.at(0, -1) == (20, 85)
    assert frame.at(10, 1) == (190, 5)
    assert frame.at(5, 0) == (105, 45)


def test_line_runs_through_its_points():
    chart = line_chart(
        [Series("a", "red", [(0, 0), (5, 50), (10, 100)])],
        label="l",
        x_label="x",
        y_label="y",
        x_range=(0, 10),
        y_range=(0, 100),
    )
    tree = ElementTree.fromstring(chart)
    [line] = [e for e in tree.iter() if e.get("class") == "line"]
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    left, right, top, bottom = map(float, tree.get("data-plot").split())
    expected = [(left, bottom), ((left + right) / 2, (top + bottom) / 2), (right, top)]
    assert [c for p in points for c in p] == pytest.approx(
        [c for p in expected for c in p], abs=0.1
    )


def test_names_cannot_break_the_page():
    evil = "<script>&\"'"
    chart = line_chart(
        [Series(evil, "red", [(0, 1), (1, 2)])], label=evil, x_label=evil, y_label=evil
    )
    row = DotRow(evil, "blue", [(evil, 3.0), ("b", 4.0)], summarise([3.0, 4.0]))
    for svg in (chart, dot_plot([row], label=evil, unit="HU")):
        tree = ElementTree.fromstring(svg)
        assert tree.get("aria-label") == evil
        assert not [e for e in tree.iter() if "script" in e.tag]
        assert any(e.text == evil for e in tree.iter())


def test_dots_stand_at_their_values():
    row = DotRow("m", "blue", [("a", 0.0), ("b", 30.0), ("c", 60.0)], summarise([0.0, 30.0, 60.0]))
    tree = ElementTree.fromstring(dot_plot([row], label="l", unit="HU"))
    x = [float(e.get("cx")) for e in tree.iter() if e.tag == "circle"]
    [mean] = [float(e.get("x1")) for e in tree.iter() if e.get("class") == "mean"]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
    assert mean == pytest.approx(x[1], abs=0.1)
    # Three subjects give no interval to draw.
    assert not [e for e in tree.iter() if e.get("class") == "interval"]


def test_interval_is_drawn_for_enough_subjects():
    values = [10.0, 12.0, 14.0, 16.0, 18.0, 20.0]
    summary = summarise(values)
    row = DotRow("m", "blue", [(f"s{v}", v) for v in values], summary)
    tree = ElementTree.fromstring(dot_plot([row], label="l", unit="HU"))
    [bar] = [e for e in tree.iter() if e.get("class") == "interval"]
    x = {v: float(e.get("cx")) for v, e in zip(values, tree.iter("circle"), strict=True)}
    per_unit = (x[20.0] - x[10.0]) / 10
    assert float(bar.get("width")) == pytest.approx(
        (summary.high - summary.low) * per_unit, abs=0.3
    )


def test_nothing_to_draw_says_so():
    assert re.search("Nothing was recorded", line_chart([], label="", x_label="", y_label=""))
    empty = DotRow("m", "blue", [("a", float("nan"))], summarise([float("nan")]))
    assert "Not defined" in dot_plot([empty], label="", unit="HU")
