"""Everything that a study has found so far, and what may be concluded from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats

from mrtoct.evaluation.evaluate import Evaluation
from mrtoct.evaluation.paper import PaperMetrics
from mrtoct.evaluation.summary import (
    FEWEST_FOR_A_CLAIM,
    METRICS,
    Metric,
    PairedDifference,
    Summary,
    compare,
    summarise,
)
from mrtoct.report.headline import number, signed
from mrtoct.study.experiments import (
    BASELINES,
    INTENSITY_MAP,
    QUESTIONS,
    Experiment,
    Method,
    Question,
    against_the_map,
)
from mrtoct.study.folder import in_fold, known_identity, run_folder, task_of
from mrtoct.study.judge import Judged, read_judged
from mrtoct.study.plan import Plan, run_identity
from mrtoct.training.curves import CurvePoint, read_curves, signs_of_collapse
from mrtoct.training.run import DESCRIPTION, read_run

Role = Literal["train", "validation"]

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
class Training:
    """One finished training."""

    experiment: Experiment
    fold: int
    title: str
    steps: int
    seconds: float
    device: str
    curves: list[CurvePoint]
    collapse: list[str]
    """Signs of it, in words."""


@dataclass(frozen=True)
class Results:
    """What is finished of a study and not out of date."""

    study: Path
    plan: Plan
    cohort: str
    """What to call the cohort."""
    trainings: list[Training]
    methods: list[Method]
    """Those judged on every subject of every fold, baselines last."""
    judged: dict[str, list[Judged]]
    """By method: a figure for each subject of each fold, in one order."""

    def method(self, name: str) -> Method | None:
        """Return a judged method by name."""
        return next((m for m in self.methods if m.name == name), None)

    def subjects(self, role: Role) -> list[str]:
        """Return the subjects of a role; in cross-validation everybody has both."""
        every = (getattr(split, role) for split in self.plan.splits)
        return sorted({name for names in every for name in names})

    def paper(self, method: str, role: Role) -> list[PaperMetrics]:
        """Return the paper's figures of each subject; of several folds their mean."""
        made = self.judged[method]
        of = {
            n: [j.paper for j in made if (j.subject, j.role) == (n, role)]
            for n in self.subjects(role)
        }
        return [_mean_of(each) for each in of.values()]

    def evaluations(self, method: str) -> list[Evaluation]:
        """Return every metric of each validation subject, in the order of their names."""
        made = {j.subject: j.evaluation for j in self.judged[method] if j.evaluation}
        return [made[name] for name in self.subjects("validation")]

    def summary(self, method: str, metric: Metric) -> Summary:
        """Return a metric's mean over the validation subjects."""
        return summarise([metric.of(e) for e in self.evaluations(method)])


def _mean_of(each: Sequence[PaperMetrics]) -> PaperMetrics:
    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    return PaperMetrics(
        mae=mean([p.mae for p in each]),
        mse=mean([p.mse for p in each]),
        psnr_65535=mean([p.psnr_65535 for p in each]),
        psnr=mean([p.psnr for p in each]),
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


def metric_named(key: str) -> Metric:
    """Return a metric by its key."""
    return next(m for m in METRICS if m.key == key)


def gather(study: Path, plan: Plan, cohort: str) -> Results:
    """Read what is finished in a study's folder."""
    trainings: list[Training] = []
    methods: list[Method] = []
    judged: dict[str, list[Judged]] = {}
    folds = range(1, len(plan.splits) + 1)
    for experiment in plan.experiments:
        done = [t for fold in folds if (t := _training(study, plan, experiment, fold))]
        trainings += done
        if len(done) < len(folds):
            continue
        for method in experiment.methods:
            identities = [run_identity(plan, experiment, split) for split in plan.splits]
            found = _judged(study, plan, method, identities)
            if found is not None:
                methods.append(method)
                judged[method.name] = found
    for method in BASELINES:
        found = _judged(study, plan, method, [None] * len(folds))
        if found is not None:
            methods.append(method)
            judged[method.name] = found
    return Results(study, plan, cohort, trainings, methods, judged)


def _training(study: Path, plan: Plan, experiment: Experiment, fold: int) -> Training | None:
    run = run_folder(study, fold, experiment)
    wanted = run_identity(plan, experiment, plan.splits[fold - 1])
    if known_identity(study, fold, experiment) != wanted or not (run / DESCRIPTION).is_file():
        return None
    facts: dict[str, Any] | None = read_run(run).finished
    if facts is None:
        return None
    signs = []
    if experiment.recipe.adversarial is not None:
        stages = sorted(run.glob("stage-*"))
        for folder in stages or [run]:
            where = f"iteration {folder.name.removeprefix('stage-')}: " if stages else ""
            curves = read_curves(folder / "whole" if stages else folder)
            signs += [where + sign for sign in signs_of_collapse(curves)]
    return Training(
        experiment,
        fold,
        in_fold(plan, fold, experiment.name),
        int(facts["step"]),
        float(facts["seconds"]),
        str(facts["device"]),
        read_curves(run),
        signs,
    )


def _judged(
    study: Path, plan: Plan, method: Method, identities: Sequence[str | None]
) -> list[Judged] | None:
    """Return all figures of a method, None if one is missing or out of date."""
    found = []
    for fold, identity in enumerate(identities, start=1):
        task = task_of(study, plan, fold, method, identity)
        for name in task.roles:
            judged = read_judged(task.folder / name, task.identity)
            if judged is None:
                return None
            found.append(judged)
    return found


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
            f"{d.difference.subjects} subjects."
        )
    return found
