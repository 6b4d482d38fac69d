"""The study on one HTML page, everything inside, that works without a network."""

from __future__ import annotations

import base64

import jinja2
from markupsafe import Markup

from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM
from mrtoct.report.charts import DotRow, Series, dot_plot, line_chart
from mrtoct.report.colors import METHOD_COLORS
from mrtoct.study.contents import Contents
from mrtoct.study.experiments import BASELINES
from mrtoct.study.results import Results, metric_named

DOT_PLOTS = ("body.mae", "bone.mae", "bone.dice", "soft_tissue.mae")
GRAY = 2
"""Which of the colours is grey: it is that of the baselines."""


def render(results: Results, contents: Contents) -> str:
    """Return the page's HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PrefixLoader(
            {
                "report": jinja2.PackageLoader("mrtoct.report", "."),
                "study": jinja2.PackageLoader("mrtoct.study", "."),
            }
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    images = {
        p.file: base64.b64encode((results.study / "figures" / p.file).read_bytes()).decode()
        for p in contents.pictures
    }
    return environment.get_template("study/page.html.j2").render(
        contents=contents,
        cohort=results.cohort,
        method_colors=METHOD_COLORS,
        dot_plots=_dot_plots(results),
        curves=_curves(results),
        images=images,
        fewest=FEWEST_FOR_A_CLAIM,
        subjects=len(results.subjects("validation")),
    )


def _color(n: int) -> str:
    return f"var(--method-{n % len(METHOD_COLORS)})"


def _experiment_colors(results: Results) -> dict[str, str]:
    """Return a colour for each experiment, and grey for the baselines, by method."""
    free = [n for n in range(len(METHOD_COLORS)) if n != GRAY]
    colors = {m.name: _color(GRAY) for m in BASELINES}
    for n, experiment in enumerate(results.plan.experiments):
        for method in experiment.methods:
            colors[method.name] = _color(free[n % len(free)])
    return colors


def _dot_plots(results: Results) -> list[tuple[str, Markup]]:
    colors = _experiment_colors(results)
    names = results.subjects("validation")
    plots = []
    for key in DOT_PLOTS if results.methods else ():
        metric = metric_named(key)
        rows = [
            DotRow(
                m.name,
                colors[m.name],
                [
                    (name, metric.of(e))
                    for name, e in zip(names, results.evaluations(m.name), strict=True)
                ],
                results.summary(m.name, metric),
            )
            for m in results.methods
        ]
        unit = f", {metric.unit}" if metric.unit else ""
        label = f"{metric.title}{unit}: a dot per validation subject, a row per model"
        plots.append((metric.title + unit, dot_plot(rows, label=label, unit=metric.unit)))
    return plots


def _curves(results: Results) -> list[tuple[str, Markup, list[tuple[str, str]]]]:
    """Return title, chart and legend of all validation errors, and of each pair of players."""
    charts = []
    errors = []
    for n, t in enumerate(results.trainings):
        points = [
            (p.seconds / 60, p.validation_mae) for p in t.curves if p.validation_mae is not None
        ]
        errors.append(Series(t.title, _color(n), points, dots=len(points) < 60))
    if any(s.points for s in errors):
        title = "Validation MAE in the head, HU"
        svg = line_chart(errors, label=title, x_label="minutes of training", y_label="HU")
        charts.append((title, svg, [(s.name, s.color) for s in errors]))
    for t in results.trainings:
        real = [(p.seconds / 60, p.score_real) for p in t.curves if p.score_real is not None]
        fake = [(p.seconds / 60, p.score_fake) for p in t.curves if p.score_fake is not None]
        scores = [
            Series("score of real CT", _color(0), real, dots=len(real) < 60),
            Series("score of synthetic CT", _color(1), fake, dots=len(fake) < 60),
        ]
        if any(s.points for s in scores):
            title = f"Discriminator of {t.title}"
            svg = line_chart(
                scores,
                label=f"{title}: scores of real and synthetic CT, 1 is real",
                x_label="minutes of training",
                y_label="score",
                y_range=(0, 1.1),
            )
            charts.append((title, svg, [(s.name, s.color) for s in scores]))
    return charts
