"""Train what is not yet trained and judge what is not yet judged."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from mrtoct.hardware.progress import Update, Watcher
from mrtoct.io.records import RUN
from mrtoct.judging.baselines import WATER
from mrtoct.judging.methods import Method, water
from mrtoct.judging.translated import fitted
from mrtoct.study.experiments import BASELINES, Candidate, Experiment
from mrtoct.study.folder import in_fold, known_identity, note_identity, run_folder, task_of
from mrtoct.study.plan import Plan, run_identity
from mrtoct.study.tasks import bundle_stages, judge_tasks
from mrtoct.training.curves import read_curves
from mrtoct.training.run import is_finished, read_run
from mrtoct.training.split import Split
from mrtoct.training.train import train
from mrtoct.wording import counted


def run_study(
    study: Path, plan: Plan, experiments: tuple[Experiment, ...], device: str, watcher: Watcher
) -> None:
    """Bring the chosen experiments of a study's folder up to date.

    A stopped training goes on where it was. What was trained on other data, or by another recipe,
    is done anew.
    """
    for fold, split in enumerate(plan.splits, start=1):
        for method in BASELINES:
            task = task_of(study, plan, fold, method, None)
            judge_tasks([task], partial(_baseline, plan, split, method), watcher)
        for experiment in experiments:
            identity = _train(study, plan, experiment, fold, split, device, watcher)
            # The last stage of a cascade holds those before it: what all of them make is computed
            # once.
            bundle = run_folder(study, fold, experiment) / str(experiment.methods[-1].bundle)
            tasks = [task_of(study, plan, fold, m, identity) for m in experiment.methods]
            names = [method.name for method in experiment.methods]
            judge_tasks(tasks, partial(bundle_stages, bundle, names, device), watcher)


def _baseline(plan: Plan, split: Split, candidate: Candidate) -> list[Method]:
    """Return what a baseline makes; the study trains on all channels, so the map sees the first."""
    if candidate.name == WATER:
        return [water()]
    scaling = plan.experiments[0].recipe.data.mr_scaling
    return [replace(fitted(plan.store, split.train, (), scaling), name=candidate.name)]


def _train(
    study: Path,
    plan: Plan,
    experiment: Experiment,
    fold: int,
    split: Split,
    device: str,
    watcher: Watcher,
) -> str:
    """Train one experiment on one split, unless that is done; return its identity."""
    run = run_folder(study, fold, experiment)
    title = in_fold(plan, fold, experiment.name)
    identity = run_identity(plan, experiment, split)
    before = known_identity(study, fold, experiment)
    begun = before == identity and (run / RUN).is_file()
    if begun and is_finished(run):
        return identity
    if before not in (None, identity):
        changed = f"{title}: its recipe or the store changed since it was trained; training again"
        watcher(Update(0, None, title=title, message=changed))
    if before != identity:
        (run / RUN).unlink(missing_ok=True)  # not to be resumed, whenever we are stopped
    note_identity(study, fold, experiment, identity)
    start = None
    if experiment.start is not None:
        start = run_folder(study, fold, plan.experiment(experiment.start)) / "last"
    last = Update(0, None, title=title)

    def told(update: Update) -> None:
        nonlocal last
        last = replace(update, title=title)
        watcher(last)

    train(
        plan.store,
        run,
        experiment.recipe,
        start=start,
        split=split,
        resume=begun,
        overwrite=not begun,
        device=device,
        watcher=told,
    )
    watcher(replace(last, note="", message=f"{title}: {_came_of(run)}"))
    return identity


def _came_of(run: Path) -> str:
    """Return in words how long a finished training took and how good it became."""
    finished = read_run(run).finished
    if finished is None:
        return "unfinished"
    said = f"{counted(finished.step, 'step')}, {finished.seconds / 60:.1f} minutes"
    errors = [p.validation_mae for p in read_curves(run) if p.validation_mae is not None]
    return said + (f", validation MAE {errors[-1]:.0f} HU" if errors else "")
