"""Train what is not yet trained and judge what is not yet judged."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Protocol

from mrtoct.io.records import RUN
from mrtoct.judging.baselines import WATER
from mrtoct.study.experiments import BASELINES, INTENSITY_MAP, Experiment
from mrtoct.study.folder import in_fold, known_identity, note_identity, run_folder, task_of
from mrtoct.study.judge import Translate, by_bundle, by_intensity_map, by_water, judge
from mrtoct.study.plan import Plan, run_identity
from mrtoct.training.curves import CurvePoint
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import read_run
from mrtoct.training.split import Split
from mrtoct.training.train import train

OnStep = Callable[[int, CurvePoint | None], None]
OnSubject = Callable[[int, str], None]


class Watcher(Protocol):
    """Who is told how far the study is."""

    def say(self, text: str) -> None:
        """Hear a sentence."""

    def training(self, title: str, recipe: Recipe) -> AbstractContextManager[OnStep]:
        """Watch one training, by the number of steps done and the figures of validations."""

    def judging(self, title: str, subjects: int) -> AbstractContextManager[OnSubject]:
        """Watch a method being judged, by the number of subjects done and the next one's name."""


def run_study(
    study: Path, plan: Plan, experiments: tuple[Experiment, ...], watcher: Watcher
) -> None:
    """Bring the chosen experiments of a study's folder up to date.

    A stopped training goes on where it was. What was trained on other data, or by another recipe,
    is done anew.
    """
    scaling = plan.experiments[0].recipe.data.mr_scaling
    for fold, split in enumerate(plan.splits, start=1):
        baselines: dict[str, Callable[[], Translate]] = {
            INTENSITY_MAP: partial(by_intensity_map, plan.store, split.train, scaling),
            WATER: lambda: by_water,
        }
        for method in BASELINES:
            task = task_of(study, plan, fold, method, None)
            judge([task], baselines[method.name], watcher.judging)
        for experiment in experiments:
            identity = _train(study, plan, experiment, fold, split, watcher)
            # The last stage of a cascade holds those before it: what all of them make is computed
            # once.
            bundle = run_folder(study, fold, experiment) / str(experiment.methods[-1].bundle)
            tasks = [task_of(study, plan, fold, m, identity) for m in experiment.methods]
            judge(tasks, partial(by_bundle, bundle), watcher.judging)


def _train(
    study: Path,
    plan: Plan,
    experiment: Experiment,
    fold: int,
    split: Split,
    watcher: Watcher,
) -> str:
    """Train one experiment on one split, unless that is done; return its identity."""
    run = run_folder(study, fold, experiment)
    title = in_fold(plan, fold, experiment.name)
    identity = run_identity(plan, experiment, split)
    before = known_identity(study, fold, experiment)
    begun = before == identity and (run / RUN).is_file()
    if begun and read_run(run).finished is not None:
        return identity
    if before not in (None, identity):
        watcher.say(f"{title}: its recipe or the store changed since it was trained; training anew")
    if before != identity:
        (run / RUN).unlink(missing_ok=True)  # not to be resumed, whenever we are stopped
    note_identity(study, fold, experiment, identity)
    start = None
    if experiment.start is not None:
        start = run_folder(study, fold, plan.experiment(experiment.start)) / "last"
    with watcher.training(title, experiment.recipe) as on_step:
        train(
            plan.store,
            run,
            experiment.recipe,
            start=start,
            split=split,
            resume=begun,
            overwrite=not begun,
            on_step=on_step,
        )
    return identity
