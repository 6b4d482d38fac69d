"""A study's folder: what is in it, and whose it is.

STUDY/plan.json                          settings, and what each run was trained from
STUDY/fold-1/runs/EXPERIMENT/            a run as mrtoct train makes it
STUDY/fold-1/results/METHOD/SUBJECT/     metrics.json; of validation subjects sct.nii.gz, too
STUDY/study.html, study.md, study.json, figures/*.png

A study without cross-validation has one fold.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from mrtoct._version import __version__
from mrtoct.errors import FileError
from mrtoct.io.atomic import is_empty
from mrtoct.io.records import PLAN, Record, read_record, write_record
from mrtoct.study.experiments import Candidate, Experiment
from mrtoct.study.plan import Plan, Settings, result_identity
from mrtoct.study.tasks import Task

OUTPUTS = ("study.html", "study.md", "study.json")


@dataclass(frozen=True)
class StudyRecord(Record):
    """What plan.json says."""

    file: ClassVar[str] = PLAN
    remedy: ClassVar[str] = "name a new folder for the study"

    mrtoct: str
    store: Path
    settings: Settings
    device: str
    """For what the recipes were scaled."""
    runs: dict[str, str]
    """By fold-1/EXPERIMENT, what each run was started from."""


def run_folder(study: Path, fold: int, experiment: Experiment) -> Path:
    """Return the folder of a training; folds count from 1."""
    return study / f"fold-{fold}" / "runs" / experiment.name


def in_fold(plan: Plan, fold: int, name: str) -> str:
    """Return a name, with the fold where there are several."""
    return f"{name}, fold {fold}/{len(plan.splits)}" if len(plan.splits) > 1 else name


def task_of(study: Path, plan: Plan, fold: int, method: Candidate, run: str | None) -> Task:
    """Return what is to be judged of a method; run is the identity of its training, if any."""
    split = plan.splits[fold - 1]
    return Task(
        method.name,
        in_fold(plan, fold, method.name),
        plan.store,
        split,
        study / f"fold-{fold}" / "results" / method.name,
        result_identity(plan, method, split, run),
    )


def recorded_device(study: Path) -> str | None:
    """Return for what device a study was planned; None if there is no study yet."""
    return read_record(study, StudyRecord).device if (study / PLAN).is_file() else None


def open_study(
    study: Path, plan: Plan, *, anew: bool, experiments: Iterable[Experiment] | None
) -> None:
    """Start a study's folder, or check that what is there is of the same settings.

    anew throws away what there is of the given experiments, or everything where none are given.
    """
    if study.exists() and not study.is_dir():
        raise FileError(f"{study} is a file; name a folder")
    settings = plan.settings
    if study.is_dir() and not is_empty(study):
        if not (study / PLAN).is_file():
            raise FileError(
                f"{study} is not empty and holds no study (no {PLAN}); name a new folder"
            )
        before = read_record(study, StudyRecord).settings
        if before != settings and not (anew and experiments is None):
            raise FileError(
                f"{study} was made with {_in_words(before)}, not "
                f"{_in_words(settings)}; use the same settings or another folder",
                overwrite="to start all experiments again",
            )
        if anew:
            _remove(study, experiments)
        if (study / PLAN).is_file():
            return
    record = StudyRecord(__version__, plan.store.resolve(), settings, plan.device, {})
    write_record(study, record, overwrite=True)


def known_identity(study: Path, fold: int, experiment: Experiment) -> str | None:
    """Return what a run in the folder was started from."""
    return read_record(study, StudyRecord).runs.get(f"fold-{fold}/{experiment.name}")


def note_identity(study: Path, fold: int, experiment: Experiment, identity: str) -> None:
    """Remember what a run is started from, before it is."""
    record = read_record(study, StudyRecord)
    runs = {**record.runs, f"fold-{fold}/{experiment.name}": identity}
    write_record(study, replace(record, runs=runs), overwrite=True)


def _remove(study: Path, experiments: Iterable[Experiment] | None) -> None:
    if experiments is not None:
        for e in experiments:
            for name in [f"runs/{e.name}", *(f"results/{m.name}" for m in e.methods)]:
                for old in study.glob(f"fold-*/{name}"):
                    shutil.rmtree(old)
        return
    for old in (*study.glob("fold-*"), study / "figures"):
        shutil.rmtree(old, ignore_errors=True)
    for output in OUTPUTS:
        (study / output).unlink(missing_ok=True)
    (study / PLAN).unlink()


def _in_words(settings: Settings) -> str:
    minutes, folds = settings.minutes, settings.folds
    time = "no time budget" if minutes is None else f"a budget of {minutes:g} minutes"
    return f"{time} and {'one split' if folds is None else f'{folds} folds'}"
