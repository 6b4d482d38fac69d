"""Everything that a study has found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mrtoct.io.records import RUN
from mrtoct.judging.judged import Judged
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.metrics.metric import METRICS, Metric
from mrtoct.judging.metrics.paper import PaperMetrics
from mrtoct.judging.summary import Summary, summarise
from mrtoct.study.experiments import (
    BASELINES,
    Candidate,
    Experiment,
)
from mrtoct.study.folder import in_fold, known_identity, run_folder, task_of
from mrtoct.study.plan import Plan, run_identity
from mrtoct.study.tasks import kept
from mrtoct.training.curves import CurvePoint, read_curves, signs_of_collapse
from mrtoct.training.run import read_run

Learnt = Literal["train", "validation"]
"""The roles of a study's subjects."""


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
    methods: list[Candidate]
    """Those judged on every subject of every fold, baselines last."""
    judged: dict[str, list[Judged]]
    """By method: a figure for each subject of each fold, in one order."""

    def method(self, name: str) -> Candidate | None:
        """Return a judged method by name."""
        return next((m for m in self.methods if m.name == name), None)

    def subjects(self, role: Learnt) -> list[str]:
        """Return the subjects of a role; in cross-validation everybody has both."""
        every = (getattr(split, role) for split in self.plan.splits)
        return sorted({name for names in every for name in names})

    def paper(self, method: str, role: Learnt) -> list[PaperMetrics]:
        """Return the paper's figures of each subject; of several folds their mean."""
        made = self.judged[method]
        of = {
            n: [j.evaluations[method].paper for j in made if (j.subject, j.role) == (n, role)]
            for n in self.subjects(role)
        }
        return [_mean_of(each) for each in of.values()]

    def evaluations(self, method: str) -> list[Evaluation]:
        """Return every metric of each validation subject, in the order of their names."""
        made = {
            j.subject: j.evaluations[method] for j in self.judged[method] if j.role == "validation"
        }
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


def metric_named(key: str) -> Metric:
    """Return a metric by its key."""
    return METRICS[key]


def gather(study: Path, plan: Plan, cohort: str) -> Results:
    """Read what is finished in a study's folder."""
    trainings: list[Training] = []
    methods: list[Candidate] = []
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
    if known_identity(study, fold, experiment) != wanted or not (run / RUN).is_file():
        return None
    facts = read_run(run).finished
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
        facts.step,
        facts.seconds,
        facts.device,
        read_curves(run),
        signs,
    )


def _judged(
    study: Path, plan: Plan, method: Candidate, identities: Sequence[str | None]
) -> list[Judged] | None:
    """Return all figures of a method, None if one is missing or out of date."""
    found = []
    for fold, identity in enumerate(identities, start=1):
        task = task_of(study, plan, fold, method, identity)
        for name in task.roles:
            judged = kept(task.folder / name, task.identity)
            if judged is None:
                return None
            found.append(judged)
    return found
