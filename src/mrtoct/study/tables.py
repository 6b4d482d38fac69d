"""The paper's tables with our numbers beside its own, and further ones, as rows of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mrtoct.evaluation.paper import HU_RANGE, PaperMetrics
from mrtoct.evaluation.summary import FEWEST_FOR_A_CLAIM, Summary, summarise
from mrtoct.report.headline import number, signed
from mrtoct.study.results import Answer, Results, Role, metric_named

PAPERS_COHORT = "RIRE patients, as prepared and split by the paper's authors"


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


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper: steps, then MAE (HU), MSE (HU squared), PSNR (dB) by role."""

    title: str
    method: str
    """Ours of the same kind."""
    steps: int
    train: tuple[str, str, str]
    validation: tuple[str, str, str]


@dataclass(frozen=True)
class PaperTables:
    """Two tables of the paper, of its training and its validation subjects."""

    section: str
    title: str
    train: int
    validation: int
    rows: tuple[PaperRow, ...]


PIX2PIX = PaperRow(
    "pix2pix, least squares",
    "pix2pix",
    37_832,
    ("21.56", "4210", "60.38"),
    ("112.73", "82 173", "47.55"),
)
PAPER = (
    PaperTables(
        "4.1",
        "u-net with MAE, and with MAE and gradient difference loss",
        9,
        10,
        (
            PaperRow(
                "u-net, MAE",
                "unet-mae",
                20_542,
                ("31.58", "6577", "59.5"),
                ("123.6", "70 846", "47.93"),
            ),
            PaperRow(
                "u-net, MAE + GDL",
                "unet-mae-gdl",
                19_388,
                ("37.15", "7945", "58.1"),
                ("129.0", "72 704", "47.90"),
            ),
        ),
    ),
    PaperTables(
        "4.2",
        "u-net and pix2pix on cleaned slices",
        13,
        14,
        (
            PaperRow(
                "u-net, MAE",
                "unet-mae",
                22_080,
                ("90.5", "61 853", "49.4"),
                ("136.9", "101 943", "46.77"),
            ),
            PIX2PIX,
        ),
    ),
    PaperTables(
        "4.3",
        "pix2pix, and fine-tuned with the brain weighing more",
        16,
        17,
        (
            PIX2PIX,
            PaperRow(
                "pix2pix, fine-tuned",
                "pix2pix-boost",
                51_911,
                ("23.37", "4140", "60.30"),
                ("112.23", "79 296", "47.68"),
            ),
        ),
    ),
)

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
ROLES: dict[Role, str] = {"train": "training", "validation": "validation"}


def paper_tables(results: Results) -> list[Table]:
    """Return Tables 9, 10, 13, 14, 16 and 17 of the paper with our numbers beside."""
    return [
        _paper_table(results, tables, role) for tables in PAPER for role in ("train", "validation")
    ]


def _paper_table(results: Results, tables: PaperTables, role: Role) -> Table:
    rows = []
    for row in tables.rows:
        theirs = row.train if role == "train" else row.validation
        steps = f"{row.steps:,}".replace(",", " ")
        rows.append((row.title, steps, *theirs, *_our_cells(results, row.method, role)))
    who = _subjects(results, role)
    fairness = (
        " The paper's u-net was probably trained on the slices before cleaning; ours, that of "
        "section 4.1, learned from the same clean slices as pix2pix."
        if tables.section == "4.2"
        else ""
    )
    return Table(
        f"Table {getattr(tables, role)} (section {tables.section}): {tables.title}, "
        f"{ROLES[role]} subjects",
        f"Left: the paper's figures, of {PAPERS_COHORT}. Right: ours, of another cohort or another "
        f"preparation, {who}; a difference between left and right says nothing of the methods. "
        f"Whole cropped volume, air included. The paper's PSNR takes M = 65535; M = {HU_RANGE:.0f} "
        f"is the range of 12-bit CT.{fairness}",
        (
            "Model",
            "steps",
            "MAE, HU",
            "MSE, HU²",
            "PSNR",
            "steps",
            *(t for _, t, _ in PAPER_METRICS),
        ),
        tuple(rows),
        (("", 1), ("Paper (RIRE)", 4), ("Ours", 5)),
    )


def every_method(results: Results, role: Role) -> Table:
    """Return the paper's metrics of every method."""
    return Table(
        f"All models on {ROLES[role]} subjects, by the paper's metrics",
        f"{_subjects(results, role)}; whole cropped volume, air included; "
        f"{_spread_words(len(results.subjects(role)))}.",
        ("Model", "steps", *(title for _, title, _ in PAPER_METRICS)),
        tuple((m.title, *_our_cells(results, m.name, role)) for m in results.methods),
    )


def details(results: Results, keys: Sequence[str] = DETAILS) -> Table:
    """Return the errors by tissue and the field's metrics of every method."""
    metrics = [metric_named(key) for key in keys]
    return Table(
        "All models on validation subjects, inside the head",
        f"{_subjects(results, 'validation')}; voxels in the head on the CT where the "
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
        "The answer is yes or no where the 95 % bootstrap interval of the difference excludes 0 "
        f"over at least {FEWEST_FOR_A_CLAIM} subjects; with fewer, in how many it is better.",
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
        "Of an auto-context cascade, steps and minutes are those of all its networks. The "
        "validation error is that of the checkpoint that was kept, in the head.",
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
        "Whole patients, always. The validation subjects chose the checkpoints, too, so their "
        "figures flatter every network a little.",
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


def _our_cells(results: Results, method: str, role: Role) -> tuple[str, ...]:
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


def _subjects(results: Results, role: Role) -> str:
    count = len(results.subjects(role))
    return f"{count} {ROLES[role]} subject{'s' if count != 1 else ''} of {results.cohort}"


def _spread_words(subjects: int) -> str:
    if subjects == 1:
        return "one subject, so no interval"
    if subjects < FEWEST_FOR_A_CLAIM:
        return "mean over subjects and, because they are few, their range"
    return "mean over subjects and its 95 % bootstrap interval"
