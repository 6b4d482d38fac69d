"""What a cohort's numbers allow to say, in words: does the method beat its rivals?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.metric import METRICS, Metric
from mrtoct.judging.roles import ADJECTIVES, WORST_FIRST, Role, may_speak
from mrtoct.judging.summary import (
    FEWEST_FOR_A_CLAIM,
    PairedDifference,
    Summary,
    compare,
    summarise,
)
from mrtoct.report.contents import SubjectResult
from mrtoct.wording import counted

Standing = Literal["good", "caution", "bad"]


@dataclass(frozen=True)
class Headline:
    """The verdict on in-mask MAE: a sentence, its reasons, and how the page should look."""

    standing: Standing
    sentence: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonRow:
    """One metric: a summary per method, and the first method against each rival."""

    metric: Metric
    summaries: tuple[Summary, ...]
    differences: tuple[PairedDifference, ...]


def methods_of(subjects: Sequence[SubjectResult]) -> list[str]:
    """Return the methods' names in order; every subject needs all of them."""
    names = list(subjects[0].evaluations) if subjects else []
    for subject in subjects:
        if set(subject.evaluations) != set(names):
            raise ValueRangeError(
                f"subject {subject.name} has evaluations of {', '.join(subject.evaluations)}, "
                f"but {subjects[0].name} of {', '.join(names)}: compare on the same subjects"
            )
    return names


def judged(subjects: Sequence[SubjectResult]) -> tuple[list[SubjectResult], Role]:
    """Return the subjects that may speak for the method, and what they were to its training."""
    if not subjects:
        raise ValueRangeError("a report needs at least one subject, got none")
    names = may_speak({s.name: s.role for s in subjects})
    chosen = [s for s in subjects if s.name in names]
    return chosen, min((s.role for s in chosen), key=WORST_FIRST.index)


def comparison(
    subjects: Sequence[SubjectResult],
    methods: Sequence[str],
    metrics: Iterable[Metric] = METRICS.values(),
) -> list[ComparisonRow]:
    """Return every metric summarised over subjects for every method."""
    rows = []
    by_method: list[list[Evaluation]] = [[s.evaluations[m] for s in subjects] for m in methods]
    for metric in metrics:
        summaries = tuple(summarise([metric.of(e) for e in es]) for es in by_method)
        differences = tuple(compare(by_method[0], rival, metric) for rival in by_method[1:])
        rows.append(ComparisonRow(metric, summaries, differences))
    return rows


def headline(
    row: ComparisonRow,
    methods: Sequence[str],
    role: Role,
    others: Sequence[ComparisonRow] = (),
) -> Headline:
    """Return the verdict from the comparison of one metric, the body's MAE as a rule.

    Other metrics on which every subject is worse than with a rival are named, and keep the
    verdict from being good.
    """
    method, rivals = methods[0], list(methods[1:])
    count = row.summaries[0].subjects
    who = people(count, role)
    reasons = []
    for rival, paired in zip(rivals, row.differences, strict=True):
        d = paired.difference
        kind, low, high = d.spread()
        interval = f", {kind} {signed(low, 1)} to {signed(high, 1)}" if d.subjects > 1 else ""
        reasons.append(
            f"against {rival}: {signed(d.mean, 1)} {row.metric.unit}{interval}; "
            f"better in {paired.better_in} of {d.subjects}"
        )
    losses = _losses(others, rivals)
    reasons += losses
    if role in ("train", "validation"):
        reasons.append(
            "No test subject: these subjects were used for training or for choosing the model, so "
            "the figures are optimistic."
        )
    if not rivals:
        return Headline(
            "caution", f"{method} has no method to compare with on {who}.", tuple(reasons)
        )
    paired_by_rival = dict(zip(rivals, row.differences, strict=True))
    everyone = {r for r, p in paired_by_rival.items() if p.better_in == p.difference.subjects > 0}
    clearly = {r for r, p in paired_by_rival.items() if p.verdict == "better"}
    if clearly == set(rivals):
        seen = role in ("train", "validation")
        standing: Standing = "caution" if seen or losses else "good"
        return Headline(standing, f"{method} beats {_listed(rivals)} on {who}.", tuple(reasons))
    if everyone == set(rivals):
        if count < FEWEST_FOR_A_CLAIM:
            reasons.append(
                f"Fewer than {FEWEST_FOR_A_CLAIM} subjects: an observation, "
                "not a statistical claim."
            )
        where = f"in each of {who}" if count > 1 else f"in {who}"
        sentence = f"{method} has a lower error than {_listed(rivals)} {where}."
        return Headline("caution", sentence, tuple(reasons))
    unbeaten = [r for r in rivals if r not in clearly | everyone]
    worse = [
        r
        for r in unbeaten
        if paired_by_rival[r].verdict == "worse" or paired_by_rival[r].worse_in == count
    ]
    if worse:
        return Headline(
            "bad", f"{method} does worse than {_listed(worse)} on {who}.", tuple(reasons)
        )
    return Headline(
        "caution", f"{method} does not clearly beat {_listed(unbeaten)} on {who}.", tuple(reasons)
    )


def _losses(others: Sequence[ComparisonRow], rivals: Sequence[str]) -> list[str]:
    """Return a sentence for each rival that is better in every subject on some metric."""
    sentences = []
    for n, rival in enumerate(rivals):
        lost = [
            other.metric.title
            for other in others
            if other.differences[n].worse_in == other.differences[n].difference.subjects > 0
        ]
        if lost:
            sentences.append(f"But {rival} is better in every subject on {_listed(lost, '; ')}.")
    return sentences


def people(count: int, role: Role = "unknown") -> str:
    """Return "1 test subject", "3 subjects"."""
    return counted(count, f"{ADJECTIVES[role]} subject".strip())


def number(value: float | None, decimals: int) -> str:
    """Return a number with a true minus sign and thousands apart, a dash where undefined."""
    if value is None or not math.isfinite(value):
        return "–"
    value = round(value, decimals) + 0.0  # no minus before a zero
    return f"{value:,.{decimals}f}".replace(",", "\u2009").replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign."""
    return ("+" if value > 0 else "") + number(value, decimals)


def _listed(names: Sequence[str], comma: str = ", ") -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (comma.join(names[:-1]), names[-1])))
