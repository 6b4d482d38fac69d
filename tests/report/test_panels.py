"""Panels on paper: sizes in mm, one scale, the letters of the sides, a true ruler."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.text import Text

from mrtoct.errors import ValueRangeError
from mrtoct.report.colors import Window, deviation_table, error_table
from mrtoct.report.panels import (
    PAGE_MM,
    Bar,
    Row,
    Scale,
    deviation_scale,
    error_scale,
    gray_scale,
    panel_grid,
    paper_style,
    signal_scale,
)

GRAYS = gray_scale(Window("w", -100, 300))


def rows(*extents, plane="transverse"):
    made = np.arange(12.0).reshape(3, 4)
    return [Row(f"row {e}", plane, e, [(made, GRAYS), (made - 6, GRAYS)]) for e in extents]


def drawn(*extents, plane="transverse", **options):
    with paper_style():
        return panel_grid(rows(*extents, plane=plane), ["one", "two"], [Bar("HU", GRAYS, 0, 1)],
                          **options)  # fmt: skip


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def mm_on_paper(figure, axes):
    """Width and height of axes on paper, and of the world they show, in mm."""
    box, size = axes.get_position(), figure.get_size_inches() * 25.4
    paper = np.array([box.width, box.height]) * size
    world = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    return paper, world


@pytest.mark.parametrize("extents", [[(160, 200), (200, 150)], [(100, 900)]])
@pytest.mark.parametrize("width", [85.0, 180.0])
def test_a_mm_is_as_long_in_every_panel_and_direction(extents, width):
    figure = drawn(*extents, width=width)
    size = figure.get_size_inches() * 25.4
    assert size[0] == pytest.approx(width)
    assert size[1] <= PAGE_MM + 0.01
    ratios = np.concatenate([np.divide(*mm_on_paper(figure, axes)) for axes in panels(figure)])
    np.testing.assert_allclose(ratios, ratios[0])
    # Nothing is cut off, and pictures keep their size in mm.
    for axes, extent in zip(panels(figure)[::2], extents, strict=True):
        left, right, low, high = axes.images[0].get_extent()
        assert (right - left, high - low) == pytest.approx(extent)
        assert np.ptp(axes.get_xlim()) > extent[0] and np.ptp(axes.get_ylim()) > extent[1]
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 for b in boxes)
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[n + 1 :])


@pytest.mark.parametrize(
    ("plane", "sides"), [("transverse", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI")]
)
def test_sides_are_named_where_they_are(plane, sides):
    axes = panels(drawn((160, 200), plane=plane))[0]
    at = {t.get_text(): t.get_position() for t in axes.texts if len(t.get_text()) == 1}
    left, right, top, bottom = (at[letter] for letter in sides)
    assert left[0] < 0.1 < 0.9 < right[0]
    assert bottom[1] < 0.1 < 0.9 < top[1]


@pytest.mark.parametrize(("extent", "expected"), [((180, 180), 50), ((60, 60), 20), ((9, 9), 2)])
def test_the_ruler_is_as_long_as_it_says(extent, expected):
    axes = panels(drawn(extent))[0]
    (line,) = axes.lines
    assert np.ptp(line.get_xdata()) == pytest.approx(expected)
    assert f"{expected} mm" in [t.get_text() for t in axes.texts]
    assert axes.get_xlim()[0] < min(line.get_xdata())


def test_text_is_legible_in_print_and_titles_fit():
    with paper_style():
        grid = panel_grid(
            [Row("head", "transverse", (160, 200), [(np.zeros((2, 2)), GRAYS)] * 5)],
            ["MR", *["a long name of a method that is compared"] * 4],
            [Bar("HU", GRAYS, 1, 4)],
        )
        renderer = FigureCanvasAgg(grid).get_renderer()
        titles = [axes.title.get_window_extent(renderer) for axes in panels(grid)]
        texts = grid.findobj(Text)
        assert all(7 <= t.get_fontsize() <= 9 for t in texts if t.get_text())
    assert not any(a.overlaps(b) for a, b in pairwise(titles))
    assert all(t.y1 <= grid.bbox.y1 for t in titles)


def test_colour_bars_show_the_scale_of_their_columns():
    scales = [error_scale(250.0), deviation_scale(300.0)]
    with paper_style():
        figure = panel_grid(
            [Row("head", "coronal", (50, 60), [(np.zeros((2, 2)), s) for s in scales])],
            ["a", "b"],
            [Bar("HU", scales[0], 0, 0), Bar("SD, HU", scales[1], 1, 1, "max")],
        )
    bars = [axes for axes in figure.axes if not axes.images]
    assert [b.get_xlim() for b in bars] == [(-250, 250), (0, 300)]
    assert [b.get_xlabel() for b in bars] == ["HU", "SD, HU"]
    for bar, panel in zip(bars, panels(figure), strict=True):
        assert panel.get_position().x0 < bar.get_position().x0
        assert panel.get_position().x1 > bar.get_position().x1


def test_colours_are_those_of_the_page():
    for scale, table in ((error_scale(100.0), error_table()), (deviation_scale(100.0),
                                                               deviation_table())):  # fmt: skip
        values = np.linspace(scale.norm.vmin, scale.norm.vmax, 256)
        shown = scale.colors(scale.norm(values), bytes=True)[:, :3]
        assert np.abs(shown.astype(int) - table).max() <= 2
    assert error_scale(100.0).norm(0.0) == 0.5


def test_signal_is_stretched_between_its_extremes():
    signal = np.concatenate([np.arange(1000.0), [1e9]])
    norm = signal_scale(signal).norm
    assert (norm.vmin, norm.vmax) == pytest.approx(np.quantile(signal, (0.005, 0.995)))
    flat = signal_scale(np.full(5, 3.0))
    assert isinstance(flat, Scale) and isinstance(flat.norm, Normalize)
    assert flat.norm.vmax > flat.norm.vmin
    assert np.isfinite(signal_scale(np.array([])).norm(0.5))


def test_no_rows_are_refused():
    with pytest.raises(ValueRangeError, match="at least one subject"):
        panel_grid([], ["a"], [])
