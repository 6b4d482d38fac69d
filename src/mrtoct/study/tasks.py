"""Judge candidates on the training and the validation subjects of a split, and keep the figures.

The synthetic CTs of validation subjects are kept, too, to be shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mrtoct.errors import CohortError
from mrtoct.hardware.progress import Watcher
from mrtoct.io.atomic import new_folder, write_text
from mrtoct.io.files import write_volume
from mrtoct.judging.judge import Case, judge_subjects
from mrtoct.judging.judged import METRICS_FILE, Judged, read_judged
from mrtoct.judging.methods import Method
from mrtoct.judging.roles import Role
from mrtoct.judging.run import SCT
from mrtoct.judging.store import roles_in, subjects_of
from mrtoct.judging.translated import stages
from mrtoct.training.split import Split
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume


@dataclass(frozen=True)
class Task:
    """One candidate to be judged on one split."""

    candidate: str
    title: str
    store: Path
    split: Split
    folder: Path
    """Gets one folder per subject."""
    identity: str
    """What the candidate was made from: figures under another one are out of date."""

    @property
    def roles(self) -> dict[str, Role]:
        """Of every subject."""
        return roles_in(self.split)


def judge_tasks(
    tasks: Sequence[Task], prepared: Callable[[], Sequence[Method]], watcher: Watcher
) -> None:
    """Judge the subjects that are not judged yet.

    tasks are those of candidates that are made together, on one split: prepared gives them as
    methods of the candidates' names. Raises CohortError where a subject cannot be judged.
    """
    roles = tasks[0].roles
    missing = {
        name: role
        for name, role in roles.items()
        if any(kept(task.folder / name, task.identity) is None for task in tasks)
    }
    if not missing:
        return
    methods = prepared()

    def keep(case: Case, judged: Judged) -> None:
        for task in tasks:
            _keep(task, case, judged)

    title = f"judge {', '.join(task.title for task in tasks)}"
    judgement = judge_subjects(
        list(missing),
        subjects_of(tasks[0].store, missing),
        methods,
        keep=keep,
        watcher=lambda update: watcher(replace(update, title=title)),
    )
    for name, reason in judgement.failed.items():
        raise CohortError(f"{name} could not be evaluated: {reason}")


def bundle_stages(bundle: Path, names: Sequence[str], device: str) -> list[Method]:
    """Return what a trained bundle makes, of a cascade after each of its stages, by these names."""
    return stages(names, Translator.load(bundle, device))


def kept(folder: Path, identity: str) -> Judged | None:
    """Read a candidate's figures on a subject; None if there are none, or they are out of date."""
    try:
        judged, record = read_judged(folder / METRICS_FILE)
    except FileNotFoundError:
        return None
    return judged if record.get("identity") == identity else None


def _keep(task: Task, case: Case, judged: Judged) -> None:
    """Write the figures of a candidate on a subject, of a validation subject the CT itself, too."""
    own = Judged(judged.subject, judged.role, {task.candidate: judged.evaluations[task.candidate]})
    sct = case.made[task.candidate].sct
    with new_folder(task.folder / judged.subject, overwrite=True) as part:
        if judged.role == "validation" and isinstance(sct, Volume):
            write_volume(part / SCT, sct)
        record = {"identity": task.identity, **own.to_json()}
        write_text(part / METRICS_FILE, json.dumps(record, indent=1))
