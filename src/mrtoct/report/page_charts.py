"""The page's charts: what each shows of an evaluation, from numbers to lines and dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from mrtoct.judging.baselines import WATER
from mrtoct.judging.calibration import CalibrationCurve
from mrtoct.judging.curves import bias_of, levels_of
from mrtoct.judging.metrics.metric import Metric
from mrtoct.judging.summary import Summary
from mrtoct.report.charts import DotRow, Series, dot_plot, line_chart
from mrtoct.report.colors import METHOD_COLORS
from mrtoct.report.contents import SubjectResult
from mrtoct.report.headline import comparison

CURVE_TITLES = {"loss": "Loss", "mae": "Mean absolute error, HU", "rate": "Learning rate"}


def method_color(n: int) -> str:
    """Return the style sheet's name of the n-th colour, lighter in the dark scheme."""
    return f"var(--method-{n % len(METHOD_COLORS)})"


def metric_dots(
    subjects: Sequence[SubjectResult],
    methods: Sequence[str],
    metric: Metric,
    colors: Mapping[str, str],
) -> tuple[str, Markup]:
    """Return a metric's title and its dot plot, methods below each other."""
    [row] = comparison(subjects, methods, [metric])
    rows = [
        DotRow(m, colors[m], [(s.name, metric.of(s.evaluations[m])) for s in subjects], summary)
        for m, summary in zip(methods, row.summaries, strict=True)
    ]
    label = (
        f"{metric.title}{metric.unit and ' in ' + metric.unit}: a dot per subject, a row per method"
    )
    return metric.title, dot_plot(rows, label=label, unit=metric.unit)


def bias_chart(
    subjects: Sequence[SubjectResult], methods: Sequence[str], colors: Mapping[str, str]
) -> Markup:
    """Return mean synthetic against mean real HU: bold the mean over subjects, faint each."""
    series = []
    for method in methods:
        if method == WATER:
            continue  # a horizontal line by definition
        evaluations = [subject.evaluations[method] for subject in subjects]
        if method == methods[0] and len(subjects) > 1:
            for subject, evaluation in zip(subjects, evaluations, strict=True):
                own = [(p.ct, p.sct.mean) for p in bias_of([evaluation])]
                series.append(Series(subject.name, colors[method], own, faint=True))
        found = [(p.ct, p.sct) for p in bias_of(evaluations)]
        series.append(_summarised(method, colors[method], found, dots=method == methods[0]))
    return line_chart(
        series,
        label="Mean synthetic HU against mean real HU; the dashed line is no bias",
        x_label="real CT, HU",
        y_label="mean synthetic CT, HU",
        identity=True,
        y_range=(-1100, 2100),
        x_range=(-1100, 2100),
        height=420,
    )


def _summarised(
    name: str, color: str, found: Sequence[tuple[float, Summary]], *, dots: bool
) -> Series:
    """Return means over subjects as a line, and as its band what their spread allows to say."""
    points = [(x, summary.mean) for x, summary in found]
    spreads = [summary.spread() for _, summary in found]
    return Series(name, color, points, dots=dots, band=[(low, high) for _, low, high in spreads])


def profile_chart(
    subject: SubjectResult,
    methods: Sequence[str],
    colors: Mapping[str, str],
    index: int,
    width: float,
) -> Markup:
    """Return the in-mask error of each transverse slice against its height, RAS mm."""
    middle = (np.array(subject.ct.grid.shape) - 1) / 2
    series = []
    for method in methods:
        points = []
        for row in subject.evaluations[method].slice_profile:
            height = subject.ct.grid.to_world([middle[0], middle[1], row.index])[2]
            points.append((float(height), row.mae))
        series.append(Series(method, colors[method], points))
    return line_chart(
        series,
        label=f"{subject.name}: mean absolute error of each transverse slice",
        x_label="height, mm (superior to the right)",
        y_label="MAE, HU",
        identifier=f"profile-{index}-{width:g}",
        width=width,
        height=210,
    )


def levels_chart(
    subjects: Sequence[SubjectResult], methods: Sequence[str], colors: Mapping[str, str]
) -> Markup:
    """Return the error by level of the head, in mm below the top of the mask."""
    series = []
    for method in methods:
        levels = levels_of([subject.evaluations[method] for subject in subjects])
        found = [((level.from_mm + level.to_mm) / 2, level.mae) for level in levels]
        series.append(_summarised(method, colors[method], found, dots=True))
    return line_chart(
        series,
        label="Mean absolute error by level of the head, from its top down",
        x_label="below the top of the mask, mm (inferior to the right)",
        y_label="MAE, HU",
        height=420,
    )


def calibration_charts(curve: CalibrationCurve) -> tuple[Markup, Markup]:
    """Return the coverage of intervals and the sparsification curve."""
    covered = list(zip(curve.nominal, curve.observed, strict=True))
    by_deviation = list(zip(curve.removed, curve.mae_by_deviation, strict=True))
    by_error = list(zip(curve.removed, curve.mae_by_error, strict=True))
    return (
        line_chart(
            [Series("coverage", method_color(0), covered, dots=True)],
            label="Share of voxels inside intervals of a nominal probability; dashed: ideal",
            x_label="nominal probability of the interval",
            y_label="share of the voxels inside",
            identity=True,
            x_range=(0, 1),
            y_range=(0, 1),
            height=360,
        ),
        line_chart(
            [
                Series("by standard deviation", method_color(0), by_deviation),
                Series("by true error", method_color(2), by_error),
            ],
            label="Mean absolute error of the remaining voxels when the most uncertain are removed",
            x_label="share of the voxels removed",
            y_label="MAE of the remaining voxels, HU",
            height=360,
        ),
    )


def curve_charts(
    rows: Sequence[Mapping[str, float | None]],
) -> list[tuple[str, Markup, list[tuple[str, str]]]]:
    """Return a title, chart and legend for each quantity that was logged over steps.

    Columns that end alike (train_loss, validation_loss) share a chart.
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name not in ("step", "seconds", "epoch"):
            groups.setdefault(name.rpartition("_")[2], []).append(name)
    charts = []
    for ending, names in groups.items():
        title = CURVE_TITLES.get(ending, ending)
        series = []
        for n, name in enumerate(names):
            points = [
                (float(step), float(value))
                for row in rows
                if (step := row.get("step")) is not None
                and (value := row.get(name)) is not None
                and np.isfinite(value)
            ]
            if not points:
                continue
            readable = name.replace("_", " ").replace("mae", "MAE")
            series.append(Series(readable, method_color(n), points, dots=len(points) < 60))
        if series:
            label = f"{title} over training steps"
            svg = line_chart(series, label=label, x_label="step", y_label=title, height=280)
            charts.append((title, svg, [(s.name, s.color) for s in series]))
    return charts
