"""Rows of panels on paper: everything at one scale in mm, with the patient's sides and a ruler.

Sizes on paper are in mm, text in points. Every figure of slices is a few rows of panels and the
colour bars below them; this is the one place that draws them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure

from mrtoct.errors import ValueRangeError
from mrtoct.report.colors import Window, deviation_table, error_table
from mrtoct.report.slices import SIDES, Plane
from mrtoct.volume import Array

ONE_COLUMN_MM, TWO_COLUMNS_MM = 85.0, 180.0
"""Widths of a figure in most journals."""
PAGE_MM = 235.0
"""A figure is no higher: what is left of a page below a caption."""
DPI = 300

TEXT_POINTS, SMALL_POINTS = 8.0, 7.0
STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": TEXT_POINTS,
    "axes.titlesize": TEXT_POINTS,
    "axes.labelsize": TEXT_POINTS,
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "legend.fontsize": SMALL_POINTS,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,  # TrueType: text stays text, which journals ask for
    "savefig.dpi": DPI,
}

LABEL_MM, TITLE_MM, GAP_MM = 5.0, 4.6, 0.8
BAR_MM, BAR_BELOW_MM = 2.6, 12.0
MARGIN = 1.12
"""Air around the largest head, for the letters of the sides."""
RULERS_MM = (50, 20, 10, 5, 2, 1)
NOT_JUDGED = "#4b5159"
"""Outside the mask, where a colour map has black for zero."""


@dataclass(frozen=True)
class Scale:
    """How values become colours; background is what NaN looks like."""

    colors: str | Colormap
    norm: Normalize
    background: str = "black"


@dataclass(frozen=True)
class Row:
    """Pictures beside each other, of one plane and one size in mm, and how each is coloured."""

    title: str
    plane: Plane
    extent: tuple[float, float]
    pictures: Sequence[tuple[Array, Scale]]


@dataclass(frozen=True)
class Bar:
    """A colour bar below the columns from first to last; extend says where values go on."""

    label: str
    scale: Scale
    first: int
    last: int
    extend: Literal["both", "max"] = "both"


def gray_scale(window: Window) -> Scale:
    """Return black to white over a window in HU."""
    return Scale("gray", Normalize(window.low, window.high))


def error_scale(limit: float) -> Scale:
    """Return the diverging colours of a difference from -limit to limit HU."""
    return Scale(
        ListedColormap(error_table() / 255.0, "error"), Normalize(-limit, limit), NOT_JUDGED
    )


def deviation_scale(limit: float) -> Scale:
    """Return the colours of a standard deviation, or of an error without its sign, to limit HU."""
    colors = ListedColormap(deviation_table() / 255.0, "deviation")
    return Scale(colors, Normalize(0, limit), NOT_JUDGED)


def signal_scale(signal: Array) -> Scale:
    """Return black to white over all but the extremes of an MR's values in the head."""
    low, high = np.quantile(signal, (0.005, 0.995)) if signal.size else (0.0, 1.0)
    return Scale("gray", Normalize(low, max(high, low + 1e-9)))


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw and save inside it: sizes of text and lines, and fonts that stay text in a PDF."""
    with rc_context(STYLE):
        yield


def panel_grid(
    rows: Sequence[Row],
    titles: Sequence[str],
    bars: Sequence[Bar],
    *,
    width: float = TWO_COLUMNS_MM,
) -> Figure:
    """Return rows of panels with titles above and colour bars below; width in mm.

    A millimetre of the patient is as long in every panel.
    """
    if not rows:
        raise ValueRangeError("a figure needs at least one subject, got none")
    columns = len(titles)
    panel = (width - LABEL_MM - (columns - 1) * GAP_MM) / columns
    wrapped = ["\n".join(textwrap.wrap(t, max(8, int(panel / 1.55)))) for t in titles]
    top = TITLE_MM + 3.2 * max(t.count("\n") for t in wrapped)
    across = MARGIN * max(row.extent[0] for row in rows)
    down = [MARGIN * row.extent[1] for row in rows]
    room = PAGE_MM - top - BAR_BELOW_MM - len(rows) * GAP_MM
    shrink = min(panel / across, room / sum(down))
    height = top + shrink * sum(down) + len(rows) * GAP_MM + BAR_BELOW_MM

    figure = Figure(figsize=(width / 25.4, height / 25.4), facecolor="white")
    y = top
    for n, (row, tall) in enumerate(zip(rows, down, strict=True)):
        for column, (picture, scale) in enumerate(row.pictures):
            x = LABEL_MM + column * (panel + GAP_MM)
            axes = place(figure, x, y, panel, shrink * tall)
            _show(axes, row, picture, scale, reach=(panel / shrink, tall))
            if column == 0:
                axes.set_ylabel(row.title, labelpad=3)
                _name_sides(axes, row.plane)
            if n == 0:
                axes.set_title(wrapped[column], pad=3)
        y += shrink * tall + GAP_MM
    _add_ruler(figure.axes[0], panel / shrink)
    for bar in bars:
        x = LABEL_MM + bar.first * (panel + GAP_MM)
        span = (bar.last - bar.first + 1) * (panel + GAP_MM) - GAP_MM
        inset = 0.08 * span if bar.first == bar.last else 0.22 * span
        _add_bar(figure, bar, x + inset, y + 1.2, span - 2 * inset)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return new axes whose frame is exactly there, in mm from the figure's upper left corner."""
    wide, high = (25.4 * inches for inches in figure.get_size_inches())
    return figure.add_axes((left / wide, 1 - (top + height) / high, width / wide, height / high))


def _show(axes: Axes, row: Row, picture: Array, scale: Scale, reach: tuple[float, float]) -> None:
    """Show a picture in its physical proportion in the middle of so many mm."""
    wide, high = row.extent
    axes.set_facecolor(scale.background)
    axes.imshow(
        picture,
        cmap=scale.colors,
        norm=scale.norm,
        extent=(-wide / 2, wide / 2, -high / 2, high / 2),
        interpolation="nearest",
        aspect="auto",  # the axes have the shape of what they show already
    )
    axes.set(
        xlim=(-reach[0] / 2, reach[0] / 2), ylim=(-reach[1] / 2, reach[1] / 2), xticks=[], yticks=[]
    )
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name_sides(axes: Axes, plane: Plane) -> None:
    places = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"),
              (0.5, 0.99, "center", "top"), (0.5, 0.01, "center", "bottom"))  # fmt: skip
    for letter, (x, y, across, up) in zip(SIDES[plane], places, strict=True):
        axes.text(x, y, letter, ha=across, va=up, color="white", fontsize=SMALL_POINTS,
                  transform=axes.transAxes)  # fmt: skip


def _add_ruler(axes: Axes, across: float) -> None:
    """Draw a bar of a round length, about a quarter of the panel, in its lower left corner."""
    length = next((r for r in RULERS_MM if r <= 0.3 * across), RULERS_MM[-1])
    left, low = axes.get_xlim()[0] + 0.04 * across, axes.get_ylim()[0] + 0.05 * across
    axes.plot([left, left + length], [low, low], color="white", lw=1.5, solid_capstyle="butt")
    # From where the bar begins: in a small panel the text is longer.
    axes.text(left, low + 0.015 * across, f"{length} mm", color="white",
              ha="left", va="bottom", fontsize=SMALL_POINTS)  # fmt: skip


def _add_bar(figure: Figure, bar: Bar, left: float, top: float, width: float) -> None:
    axes = place(figure, left, top, width, BAR_MM)
    figure.colorbar(
        ScalarMappable(bar.scale.norm, bar.scale.colors),
        cax=axes,
        orientation="horizontal",
        extend=bar.extend,
        extendfrac=0.04,
    )
    axes.set_xlabel(bar.label, labelpad=1)
    axes.tick_params(pad=1.5)
