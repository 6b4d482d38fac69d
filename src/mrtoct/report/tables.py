"""The same numbers as on the page, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table

from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.metric import METRICS, Metric
from mrtoct.judging.summary import summarise
from mrtoct.report.headline import number


def method_table(
    evaluations: Mapping[str, Sequence[Evaluation]],
    *,
    metrics: Iterable[Metric] = METRICS.values(),
    title: str = "",
) -> Table:
    """Return a row per metric and a column per method: mean ± standard deviation over subjects."""
    table = Table(title=title or None, title_justify="left")
    table.add_column("metric", no_wrap=True)
    for method, each in evaluations.items():
        count = len(each)
        table.add_column(f"{method}\n{count} subject{'s' if count != 1 else ''}", justify="right")
    for metric in metrics:
        cells = []
        for each in evaluations.values():
            summary = summarise([metric.of(e) for e in each])
            text = number(summary.mean, metric.decimals)
            if summary.subjects > 1:
                text += f" ± {number(summary.deviation, metric.decimals)}"
            cells.append(text)
        table.add_row(_named(metric), *cells)
    return table


def subject_table(
    evaluations: Mapping[str, Evaluation],
    *,
    metrics: Iterable[Metric] = METRICS.values(),
    title: str = "",
) -> Table:
    """Return a row per metric and a column per subject (or per method of one subject)."""
    table = Table(title=title or None, title_justify="left")
    table.add_column("metric", no_wrap=True)
    for name in evaluations:
        table.add_column(name, justify="right")
    for metric in metrics:
        cells = [number(metric.of(e), metric.decimals) for e in evaluations.values()]
        table.add_row(_named(metric), *cells)
    return table


def _named(metric: Metric) -> str:
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title
