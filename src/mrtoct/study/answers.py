"""What may be concluded from a study: the paper's questions, and whether the map is beaten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from mrtoct.judging.metrics.metric import Metric
from mrtoct.judging.summary import FEWEST_FOR_A_CLAIM, PairedDifference, compare
from mrtoct.report.headline import number, signed
from mrtoct.study.experiments import INTENSITY_MAP, QUESTIONS, Question, against_the_map
from mrtoct.study.results import Results, metric_named
from mrtoct.wording import counted

MAIN = "body.mae"
"""The metric of the sentences."""
OF_QUESTIONS = (
    "body.mae",
    "soft_tissue.mae",
    "bone.mae",
    "bone.dice",
    "synthrad_2023.ssim",
    "paper.mae",
)


@dataclass(frozen=True)
class Answer:
    """A question, answered by one metric."""

    question: Question
    metric: Metric
    paired: PairedDifference
    p: float
    """Of Wilcoxon's signed-rank test, two-sided; NaN where nothing differs."""

    @property
    def verdict(self) -> str:
        """In a few words."""
        d = self.paired
        if d.difference.subjects == 0:
            return "undefined"
        word = {"better": "yes", "worse": "no, it is worse", "undecided": "undecided"}
        few = f"better in {d.better_in} of {d.difference.subjects}, too few subjects to claim"
        return word.get(d.verdict, few)


def answers(results: Results, questions: Sequence[Question]) -> list[list[Answer]]:
    """Answer by several metrics the questions whose methods are judged."""
    return [
        [_answer(results, question, metric_named(key)) for key in OF_QUESTIONS]
        for question in questions
        if question.method in results.judged and question.rival in results.judged
    ]


def _answer(results: Results, question: Question, metric: Metric) -> Answer:
    method, rival = (results.evaluations(n) for n in (question.method, question.rival))
    gains = [
        metric.distance(metric.of(a)) - metric.distance(metric.of(b))
        for a, b in zip(method, rival, strict=True)
    ]
    return Answer(question, metric, compare(method, rival, metric), signed_rank(gains))


def signed_rank(differences: Sequence[float]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; NaN where nothing differs."""
    kept = [d for d in differences if math.isfinite(d)]
    if not any(kept):
        return math.nan
    return float(stats.wilcoxon(kept).pvalue)


def paper_questions(results: Results) -> list[list[Answer]]:
    """Answer the paper's questions."""
    return answers(results, QUESTIONS)


def map_questions(results: Results) -> list[list[Answer]]:
    """Answer for each network whether it beats the intensity map."""
    return answers(results, against_the_map(results.methods))


def in_a_sentence(answer: Answer) -> str:
    """Return a question, its answer and the figures behind it."""
    d, m = answer.paired.difference, answer.metric
    kind, low, high = d.spread()
    behind = [f"{kind} {signed(low, m.decimals)} to {signed(high, m.decimals)}"] * (d.subjects > 1)
    if d.subjects >= FEWEST_FOR_A_CLAIM:
        behind.append(f"better in {answer.paired.better_in} of {d.subjects}")
    if not math.isnan(answer.p):
        behind.append(f"p = {answer.p:.2g}")
    return (
        f"{answer.question.text} {answer.verdict[:1].upper()}{answer.verdict[1:]}: {m.title} "
        f"{signed(d.mean, m.decimals)} {m.unit} ({', '.join(behind)})."
    )


def warnings(results: Results) -> list[str]:
    """Return what a reader must not miss: collapsed trainings, networks that learnt no anatomy."""
    found = [f"{t.title}: {sign}." for t in results.trainings for sign in t.collapse]
    for answer in (each[0] for each in map_questions(results)):
        d = answer.paired
        beaten = d.better_in == d.difference.subjects or d.verdict == "better"
        if beaten:
            continue
        of, best = (
            number(results.summary(n, answer.metric).mean, 0)
            for n in (answer.question.method, INTENSITY_MAP)
        )
        clearly = "" if d.difference.mean >= 0 else "clearly "
        found.append(
            f"{answer.question.method} does not {clearly}beat the intensity map: "
            f"{answer.metric.title} {of} HU against {best} HU, better in {d.better_in} of "
            f"{counted(d.difference.subjects, 'subject')}."
        )
    return found
