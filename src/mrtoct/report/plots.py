"""Plots of a cohort's numbers for papers: bias over HU, error by tissue, error by level.

The subject is the unit: a line is the mean over subjects, and its band what `Summary.spread`
allows to say, the 95 % bootstrap interval of the mean or the range of a few subjects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrtoct.judging.baselines import WATER
from mrtoct.judging.curves import bias_of, levels_of
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.summary import Summary, summarise
from mrtoct.report.colors import METHOD_COLORS
from mrtoct.report.panels import SMALL_POINTS, TWO_COLUMNS_MM, place

Methods = Mapping[str, Sequence[Evaluation]]
"""Evaluations by method, of the same subjects in the same order; the method shown comes first."""

TISSUES = {"body": "all", "soft_tissue": "soft tissue", "bone": "bone", "air": "air in the head"}
BIAS_RANGE, BIAS_TICKS = (-1100.0, 2100.0), (-1000, 0, 1000, 2000)
TOP_MM, PANEL_MM, BELOW_MM = 9.0, 56.0, 11.0


def accuracy_figure(methods: Methods) -> Figure:
    """Return the bias curve of every method, and its absolute error by tissue."""
    figure = _sheet(methods)
    bias = place(figure, 17, TOP_MM, PANEL_MM, PANEL_MM)
    for n, (method, evaluations) in enumerate(methods.items()):
        if method == WATER:
            continue  # a horizontal line by definition
        points = bias_of(evaluations)
        _line(bias, [p.ct for p in points], [p.sct for p in points], _color(n))
    bias.axline((0, 0), slope=1, color="black", lw=0.6, dashes=(4, 3))
    bias.set(
        xlabel="real CT, HU",
        ylabel="mean synthetic CT, HU",
        xlim=BIAS_RANGE,
        ylim=BIAS_RANGE,
        xticks=BIAS_TICKS,
        yticks=BIAS_TICKS,
    )
    tissues = place(figure, 103, TOP_MM, 74, PANEL_MM)
    _dots(tissues, methods)
    _letter(bias, "a")
    _letter(tissues, "b")
    return figure


def levels_figure(methods: Methods) -> Figure:
    """Return the mean absolute error by level below the top of the head, of all and of bone."""
    figure = _sheet(methods)
    for left, of_bone, letter in ((16, False, "a"), (106, True, "b")):
        axes = place(figure, left, TOP_MM, 71, PANEL_MM)
        for n, evaluations in enumerate(methods.values()):
            levels = levels_of(evaluations)
            summaries = [level.bone_mae if of_bone else level.mae for level in levels]
            middles = [(level.from_mm + level.to_mm) / 2 for level in levels]
            _line(axes, middles, summaries, _color(n))
        axes.set(
            xlabel="below the top of the head, mm",
            ylabel="MAE of bone, HU" if of_bone else "MAE, HU",
            xlim=(0, None),
            ylim=(0, None),
        )
        _letter(axes, letter)
    return figure


def _dots(axes: Axes, methods: Methods) -> None:
    """Draw for each tissue and method a dot per subject, a line for the spread, a tick's mean."""
    step = 0.8 / len(methods)
    for row, tissue in enumerate(TISSUES):
        for n, evaluations in enumerate(methods.values()):
            y = row - 0.4 + (n + 0.5) * step
            values = [float(getattr(e, tissue).mae) for e in evaluations]
            summary = summarise(values)
            _, low, high = summary.spread()
            axes.plot([low, high], [y, y], color=_color(n), lw=3.5, alpha=0.35,
                      solid_capstyle="butt")  # fmt: skip
            axes.plot(values, [y] * len(values), "o", color=_color(n), ms=3.2, mew=0)
            if summary.subjects > 1:
                axes.plot([summary.mean] * 2, [y - step / 3, y + step / 3], color="black", lw=1.0)
    axes.set(xlabel="MAE, HU", xlim=(0, None), yticks=range(len(TISSUES)))
    axes.set_yticklabels(list(TISSUES.values()), fontsize=SMALL_POINTS)
    axes.set_ylim(len(TISSUES) - 0.5, -0.5)


def _line(axes: Axes, x: Sequence[float], summaries: Sequence[Summary], color: str) -> None:
    """Draw the means as a line and what may be said of their spread as a band."""
    axes.plot(x, [s.mean for s in summaries], color=color, marker="o", ms=2.2)
    spreads = [s.spread() for s in summaries]
    low, high = [s[1] for s in spreads], [s[2] for s in spreads]
    axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)


def _letter(axes: Axes, letter: str) -> None:
    axes.set_title(letter, loc="left", fontweight="bold", pad=3)
    axes.spines[["top", "right"]].set_visible(False)


def _color(n: int) -> str:
    return METHOD_COLORS[n % len(METHOD_COLORS)][0]


def _sheet(methods: Methods) -> Figure:
    """Return an empty figure with the methods' colours named at its top."""
    height = TOP_MM + PANEL_MM + BELOW_MM
    figure = Figure(figsize=(TWO_COLUMNS_MM / 25.4, height / 25.4), facecolor="white")
    handles = [
        Line2D([], [], color=_color(n), marker="o", ms=3.2, label=m) for n, m in enumerate(methods)
    ]
    figure.legend(handles=handles, loc="upper center", ncols=len(handles), frameon=False)
    return figure
