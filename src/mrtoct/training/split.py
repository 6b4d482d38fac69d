"""Who trains, who validates, who tests: whole patients, never slices of one on both sides.

A patient scanned in several sessions (BIDS) is several subjects, which stay together: parts and
folds are counted in patients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mrtoct.datasets.subject_files import person_of
from mrtoct.errors import CohortError
from mrtoct.wording import counted

CANDIDATES = 1000
"""Splits drawn before the most balanced one is taken."""


@dataclass(frozen=True)
class Split:
    """Names of subjects by role."""

    train: list[str]
    validation: list[str]
    test: list[str]


def split_subjects(names: list[str], validation: float, test: float, seed: int) -> Split:
    """Split subjects at random by the wanted parts; at least one in each part that is not 0.

    One patient alone trains without validation, two without both others. Raises CohortError if
    nobody is left to train.
    """
    if len(set(names)) != len(names):
        raise CohortError("subject names must differ from one another")
    patients = _by_patient(names)
    if len(patients) == 1:
        return Split(sorted(names), [], [])
    count = len(patients)
    order = [sorted(patients)[i] for i in np.random.default_rng(seed).permutation(count)]
    n_validation = max(1, round(validation * count)) if validation > 0 else 0
    n_test = max(1, round(test * count)) if test > 0 else 0
    if count == 2 and n_validation:
        n_test = 0
    n_train = count - n_validation - n_test
    if n_train < 1:
        raise CohortError(
            f"{_counted(patients)} cannot give {n_validation} to validation and {n_test} to test "
            "and leave one for training"
        )
    return Split(
        train=_subjects(patients, order[:n_train]),
        validation=_subjects(patients, order[n_train : n_train + n_validation]),
        test=_subjects(patients, order[n_train + n_validation :]),
    )


def balanced_split(slices: Mapping[str, int], validation: float, seed: int) -> Split:
    """Split subjects, given by their numbers of slices, into training and validation alone.

    Of a thousand random splits with the wanted part of the patients in the validation, the one
    that has most nearly the same part of the slices there (section 3 of the paper).
    """
    patients = _by_patient(slices)
    order = sorted(patients)
    if len(order) < 2:
        raise CohortError(f"a split needs at least 2 patients, got {len(order)}")
    count = min(max(1, round(validation * len(order))), len(order) - 1)
    rng = np.random.default_rng(seed)
    of = {patient: sum(slices[name] for name in patients[patient]) for patient in order}
    wanted = sum(of.values()) * count / len(order)
    drawn = [rng.permutation(len(order))[:count] for _ in range(CANDIDATES)]
    chosen = {
        order[i] for i in min(drawn, key=lambda d: abs(sum(of[order[i]] for i in d) - wanted))
    }
    return _train_and_validate(patients, chosen)


def fold_splits(names: list[str], folds: int, seed: int) -> list[Split]:
    """Deal patients at random into folds, each of which is the validation of one split."""
    patients = _by_patient(names)
    if not 2 <= folds <= len(patients):
        raise CohortError(
            f"{_counted(patients)} can be split into 2 to {len(patients)} folds, got {folds}"
        )
    order = [sorted(patients)[i] for i in np.random.default_rng(seed).permutation(len(patients))]
    return [_train_and_validate(patients, set(order[start::folds])) for start in range(folds)]


Patients = Mapping[str, list[str]]
"""Subjects by patient."""


def _by_patient(names: Iterable[str]) -> Patients:
    patients: dict[str, list[str]] = {}
    for name in names:
        patients.setdefault(person_of(name), []).append(name)
    return patients


def _subjects(patients: Patients, chosen: Iterable[str]) -> list[str]:
    return sorted(name for patient in chosen for name in patients[patient])


def _train_and_validate(patients: Patients, validate: set[str]) -> Split:
    train = [patient for patient in patients if patient not in validate]
    return Split(_subjects(patients, train), _subjects(patients, validate), [])


def _counted(patients: Patients) -> str:
    """Say how many there are: a subject each, or patients with several."""
    subjects = sum(map(len, patients.values()))
    if subjects == len(patients):
        return counted(subjects, "subject")
    return f"{counted(len(patients), 'patient')} (with {subjects} sessions)"
