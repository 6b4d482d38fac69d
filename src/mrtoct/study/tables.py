"""A study's tables as rows of text: every method, questions, trainings, splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mrtoct.judging.metrics.paper import HU_RANGE, PaperMetrics
from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM, Summary, summarise
from mrtoct.report.headline import number, signed
from mrtoct.study.answers import Answer
from mrtoct.study.results import Learnt, Results, metric_named


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column heads its row, groups (title, columns) head the columns.

    The first line of a cell is its figure, further ones are about it.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    groups: tuple[tuple[str, int], ...] = ()


PAPER_METRICS = (
    ("mae", "MAE, HU", 1),
    ("mse", "MSE, HU²", 0),
    ("psnr_65535", "PSNR, M = 65535", 2),
    ("psnr", f"PSNR, M = {HU_RANGE:.0f}", 2),
)
TERMINAL = ("body.mae", "soft_tissue.mae", "bone.mae", "bone.dice", "paper.mae")
DETAILS = (
    "body.mae",
    "soft_tissue.mae",
    "bone.mae",
    "air.mae",
    "bone.dice",
    "synthrad_2023.psnr",
    "synthrad_2023.ssim",
    "synthrad_2025.ms_ssim",
    "slice_discontinuity",
)
ROLES: dict[Learnt, str] = {"train": "training", "validation": "validation"}


def every_method(results: Results, role: Learnt) -> Table:
    """Return the paper's metrics of every method."""
    return Table(
        f"All models on {ROLES[role]} subjects, by the paper's metrics",
        f"{subjects_of(results, role)}; whole cropped volume, including air; "
        f"{_spread_words(len(results.subjects(role)))}.",
        ("Model", "steps", *(title for _, title, _ in PAPER_METRICS)),
        tuple((m.title, *our_cells(results, m.name, role)) for m in results.methods),
    )


def details(results: Results, keys: Sequence[str] = DETAILS) -> Table:
    """Return the errors by tissue and the field's metrics of every method."""
    metrics = [metric_named(key) for key in keys]
    return Table(
        "All models on validation subjects, inside the head",
        f"{subjects_of(results, 'validation')}; voxels in the head on the CT where the "
        f"MR was measured; {_spread_words(len(results.subjects('validation')))}.",
        ("Model", *(f"{m.title}{m.unit and ', ' + m.unit}" for m in metrics)),
        tuple(
            (o.title, *(_cell(results.summary(o.name, m), m.decimals) for m in metrics))
            for o in results.methods
        ),
    )


def questions(rows: Sequence[Sequence[Answer]], title: str, caption: str) -> Table:
    """Return what the paired differences say, a row per question."""
    metrics = [a.metric for a in rows[0]] if rows else []
    return Table(
        title,
        f"{caption} Differences are paired by validation subject, method minus rival; p is "
        "Wilcoxon's signed-rank test, two-sided and not corrected for the number of questions. "
        "The answer is yes or no if the 95 % bootstrap interval of the difference excludes 0 over "
        f"at least {FEWEST_FOR_A_CLAIM} subjects; with fewer, the number in which it is better is "
        "given.",
        ("Question", *(f"{m.title}{m.unit and ', ' + m.unit}" for m in metrics)),
        tuple((each[0].question.text, *(_answer_cell(a) for a in each)) for each in rows),
    )


def trainings(results: Results) -> Table:
    """Return how far each training came."""
    rows = []
    for t in results.trainings:
        errors = [p.validation_mae for p in t.curves if p.validation_mae is not None]
        rows.append(
            (
                t.title,
                t.experiment.section,
                t.experiment.recipe.name,
                number(t.steps, 0),
                f"{t.seconds / 60:.1f}",
                t.device,
                number(min(errors), 0) if errors else "–",
                "; ".join(t.collapse) or "none seen" if t.experiment.recipe.adversarial else "–",
            )
        )
    return Table(
        "Trainings",
        "For an auto-context cascade, steps and minutes are the total of all its networks. The "
        "validation error is that of the kept checkpoint, in the head.",
        (
            "Training",
            "section",
            "recipe",
            "steps",
            "minutes",
            "on",
            "lowest validation MAE, HU",
            "signs of collapse",
        ),
        tuple(rows),
    )


def split_table(results: Results) -> Table:
    """Return who trained and who validated."""
    return Table(
        "Subjects",
        "The split is by patient. The validation subjects also chose the checkpoints, so their "
        "figures are slightly optimistic for every network.",
        ("Split", "to train", "to validate"),
        tuple(
            (
                f"fold {n}" if len(results.plan.splits) > 1 else "all",
                f"{len(s.train)}: {', '.join(s.train)}",
                f"{len(s.validation)}: {', '.join(s.validation)}",
            )
            for n, s in enumerate(results.plan.splits, start=1)
        ),
    )


def our_cells(results: Results, method: str, role: Learnt) -> tuple[str, ...]:
    """Return a method's steps and the paper's metrics of its subjects."""
    if method not in results.judged:
        return ("not yet trained", *("–",) * len(PAPER_METRICS))
    each: list[PaperMetrics] = results.paper(method, role)
    # Of a cascade the steps of all networks together would say little of one of its stages.
    steps = [t.steps for t in results.trainings if method == t.experiment.name]
    return (
        number(sum(steps) / len(steps), 0) if steps else "–",
        *(
            _cell(summarise([getattr(p, key) for p in each]), decimals)
            for key, _, decimals in PAPER_METRICS
        ),
    )


def _cell(summary: Summary, decimals: int) -> str:
    text = number(summary.mean, decimals)
    if summary.subjects > 1:
        _, low, high = summary.spread()
        text += f"\n{number(low, decimals)} to {number(high, decimals)}"
    return text


def _answer_cell(answer: Answer) -> str:
    d, decimals = answer.paired.difference, answer.metric.decimals
    if d.subjects == 0:
        return "–"
    text = signed(d.mean, decimals)
    if d.subjects > 1:
        _, low, high = d.spread()
        text += f"\n{signed(low, decimals)} to {signed(high, decimals)}"
    p = "" if math.isnan(answer.p) else f"\np = {answer.p:.2g}"
    return f"{text}\n{answer.verdict.partition(',')[0]}{p}"


def subjects_of(results: Results, role: Learnt) -> str:
    """Return how many subjects of a role there are, in words."""
    count = len(results.subjects(role))
    return f"{count} {ROLES[role]} subject{'s' if count != 1 else ''} of {results.cohort}"


def _spread_words(subjects: int) -> str:
    if subjects == 1:
        return "one subject, so no interval"
    if subjects < FEWEST_FOR_A_CLAIM:
        return "mean over subjects and, because they are few, their range"
    return "mean over subjects and its 95 % bootstrap interval"
