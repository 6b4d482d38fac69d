"""Tables for a terminal: a cohort's means, who beats whom, each subject, each level of the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from rich.markup import escape
from rich.table import Table

from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.metric import Metric
from mrtoct.judging.summary import (
    FEWEST_FOR_A_CLAIM,
    LevelSummary,
    PairedDifference,
    Summary,
)
from mrtoct.report.headline import number, signed

OF_SUBJECTS = {
    "body.mae": "MAE",
    "soft_tissue.mae": "MAE, soft",
    "bone.mae": "MAE, bone",
    "bone.dice": "Dice, bone",
    "bone.hd95_mm": "HD95, bone",
}


def labels(methods: Sequence[str]) -> dict[str, str]:
    """Return short names of methods that are named by paths: what differs, from the end."""
    tails = {method: PurePath(method).parts or (method,) for method in methods}
    for count in range(1, max(map(len, tails.values())) + 1):
        short = {method: "/".join(parts[-count:]) for method, parts in tails.items()}
        # A bundle's own name, best, says nothing even where it is the only one.
        if len(set(short.values())) == len(methods) and "best" not in short.values():
            return short
    return {method: method for method in methods}


def cohort_table(metrics: Sequence[Metric], methods: Mapping[str, Sequence[Summary]]) -> Table:
    """Return a row per metric and a column per method: the mean, and its interval or range."""
    table = Table()
    table.add_column("metric")
    most = max((s.subjects for each in methods.values() for s in each), default=0)
    for method in methods:
        table.add_column(escape(method), justify="right", overflow="fold")
    for row, metric in enumerate(metrics):
        cells = [with_spread(each[row], metric.decimals, most) for each in methods.values()]
        table.add_row(named(metric), *cells)
    table.caption = spread_in_words(most)
    return table


def paired_table(
    metrics: Sequence[Metric], paired: Sequence[PairedDifference], title: str
) -> Table:
    """Return a row per metric: how much a method differs from a rival on the same subjects."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column("metric")
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("better in", justify="right", no_wrap=True)
    table.add_column("verdict")
    for metric, pair in zip(metrics, paired, strict=True):
        d = pair.difference
        text = signed(d.mean, metric.decimals)
        if d.subjects > 1:
            _, low, high = d.spread()
            text += f" [{signed(low, metric.decimals)}, {signed(high, metric.decimals)}]"
        table.add_row(
            named(metric), escape(text), f"{pair.better_in} of {d.subjects}", pair.verdict
        )
    table.caption = spread_in_words(max((p.difference.subjects for p in paired), default=0))
    return table


def subjects_table(
    subjects: Mapping[str, tuple[str, Evaluation]], metrics: Sequence[Metric], title: str
) -> Table:
    """Return a row per subject with its main figures, and its role where that is known."""
    table = Table(title=escape(title), title_justify="left", caption="MAE in HU, HD95 in mm")
    table.add_column("subject", overflow="fold", min_width=min(20, max(map(len, subjects))))
    known = any(role != "unknown" for role, _ in subjects.values())
    if known:
        table.add_column("role", no_wrap=True)
    shown = [m for m in metrics if m.key in OF_SUBJECTS]
    for metric in shown:
        table.add_column(OF_SUBJECTS[metric.key], justify="right")
    for name, (role, evaluation) in subjects.items():
        cells = [number(m.of(evaluation), m.decimals) for m in shown]
        table.add_row(escape(name), *([role] if known else []), *cells)
    return table


def levels_table(methods: Mapping[str, Sequence[LevelSummary]]) -> Table:
    """Return a row per level, the top of the head first: MAE of all voxels, and of bone."""
    table = Table(title="MAE in HU by level of the head: all voxels | bone", title_justify="left")
    table.add_column("mm from top", justify="right", no_wrap=True)
    most = max((level.mae.subjects for each in methods.values() for level in each), default=0)
    for method in methods:
        table.add_column(escape(method), justify="right", overflow="fold")
    by_level: dict[tuple[float, float], list[str]] = {}
    for levels in methods.values():
        for level in levels:
            mean, *spread = with_spread(level.mae, 0, most).split("\n")
            cell = "\n".join([f"{mean} | {number(level.bone_mae.mean, 0)}", *spread])
            by_level.setdefault((level.from_mm, level.to_mm), []).append(cell)
    for (low, high), cells in by_level.items():
        table.add_row(f"{low:g} to {high:g}", *cells)
    table.caption = spread_in_words(most)
    return table


def with_spread(summary: Summary, decimals: int, of: int) -> str:
    """Return a mean, below it the interval, and how many have one where they are fewer than of."""
    lines = [number(summary.mean, decimals)]
    if summary.subjects > 1:
        _, low, high = summary.spread()
        lines.append(f"[{number(low, decimals)}, {number(high, decimals)}]")
    if summary.subjects < of:
        lines.append(f"{summary.subjects} of {of}")
    return escape("\n".join(lines))


def spread_in_words(subjects: int) -> str | None:
    """Say what the brackets hold."""
    if subjects < 2:
        return None
    if subjects < FEWEST_FOR_A_CLAIM:
        return escape(f"mean [least, most]: {subjects} subjects are too few for an interval")
    return escape(f"mean [95 % bootstrap interval] over {subjects} subjects")


def named(metric: Metric) -> str:
    """Return a metric's title with its unit."""
    return f"{metric.title}, {metric.unit}" if metric.unit else metric.title
