"""What a study of a store consists of: trainings, splits, and how each is recognised again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mrtoct.errors import CohortError, RecipeError
from mrtoct.judging.metrics.evaluation import DEFINITIONS
from mrtoct.prepare.store import open_subject, read_manifest
from mrtoct.study.budget import scaled, what_was_scaled
from mrtoct.study.experiments import Candidate, Experiment, paper_experiments
from mrtoct.training.cohort import usable_subjects
from mrtoct.training.split import Split, balanced_split, fold_splits

FEWEST_SUBJECTS = 3
"""Two to train, because auto-context needs two folds, and one to judge."""


@dataclass(frozen=True)
class Settings:
    """What is asked of a study."""

    minutes: float | None = None
    """For all trainings together; None: the recipes as they are."""
    folds: int | None = None
    """Parts in cross-validation over subjects; None: one split as the paper's, 4 of 17."""


@dataclass(frozen=True)
class Plan:
    """Every training of a study, and on whom."""

    store: Path
    settings: Settings
    device: str
    """cpu or cuda: what the recipes were scaled for."""
    experiments: tuple[Experiment, ...]
    splits: tuple[Split, ...]
    """One, or one a fold."""
    fingerprints: dict[str, str]
    """Of each subject as it is in the store."""
    left_out: tuple[str, ...]
    """Subjects whose registration is doubtful."""
    notes: tuple[str, ...]
    """How this differs from the paper's own scale, in sentences."""

    def experiment(self, name: str) -> Experiment:
        """Return an experiment by name."""
        return next(e for e in self.experiments if e.name == name)


def make_plan(store: Path, settings: Settings, device: str) -> Plan:
    """Plan the study of a store; device ("cpu", "cuda") decides how wide scaled networks are.

    Raises CohortError for a store with too few subjects for the study or for its folds.
    """
    full = paper_experiments()
    manifest = read_manifest(store)
    names = usable_subjects(full[0].recipe, manifest)
    if len(names) < FEWEST_SUBJECTS:
        raise CohortError(
            f"the study needs at least {FEWEST_SUBJECTS} subjects, {store} has {len(names)} usable "
            "ones"
        )
    subjects = [open_subject(store, name) for name in names]
    part = full[0].recipe.split
    if settings.folds is None:
        slices = {s.name: len(s.kept_slices) for s in subjects}
        splits = [balanced_split(slices, part.validation, part.seed)]
    else:
        splits = fold_splits(names, settings.folds, part.seed)
    if min(len(s.train) for s in splits) < 2:
        raise CohortError(
            f"{len(names)} subjects in {settings.folds} folds leave 1 for training; auto-context "
            "needs 2: use more folds"
        )
    experiments, notes = full, ["The recipes are unchanged, at the paper's scale."]
    if settings.minutes is not None:
        i, j, k = (round(s, 4) for s in subjects[0].ct.spacing)
        shapes = [s.ct.grid.shape for s in subjects]
        largest = (max(s[0] for s in shapes), max(s[1] for s in shapes))
        minutes = settings.minutes / len(splits)
        experiments = scaled(full, minutes, (i, j, k), largest, device)
        notes = what_was_scaled(full, experiments, minutes)
        if len(splits) > 1:
            notes.append(f"These times are for each of the {len(splits)} folds.")
    return Plan(
        store=store,
        settings=settings,
        device=device,
        experiments=tuple(experiments),
        splits=tuple(splits),
        fingerprints={s.name: s.fingerprint for s in subjects},
        left_out=tuple(n for n in manifest.subjects if n not in names),
        notes=tuple(notes),
    )


def chosen(plan: Plan, only: tuple[str, ...]) -> tuple[Experiment, ...]:
    """Return the experiments asked for, and those they start from; all where none is named."""
    known = [e.name for e in plan.experiments]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise RecipeError(
            f"no experiment {', '.join(map(repr, unknown))}; there are: {', '.join(known)}"
        )
    wanted = set(only or known)
    wanted |= {e.start for e in plan.experiments if e.name in wanted and e.start}
    return tuple(e for e in plan.experiments if e.name in wanted)


def run_identity(plan: Plan, experiment: Experiment, split: Split) -> str:
    """Return what a training's result depends on, as a short hexadecimal number."""
    start = plan.experiment(experiment.start) if experiment.start else None
    return _digest(
        {
            "recipe": experiment.recipe.model_dump(mode="json"),
            "split": asdict(split),
            "fingerprints": plan.fingerprints,
            "start": start and run_identity(plan, start, split),
        }
    )


def result_identity(plan: Plan, method: Candidate, split: Split, run: str | None) -> str:
    """Return what a method's figures depend on: its training, or the data of a baseline."""
    return _digest(
        {
            "method": method.name,
            "run": run or [asdict(split), plan.fingerprints],
            "definitions": DEFINITIONS,
        }
    )


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
