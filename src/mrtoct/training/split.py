"""Who trains, who validates, who tests: whole patients, never slices of one on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mrtoct.errors import CohortError

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

    One subject alone trains without validation, two without both others. Raises CohortError if
    nobody is left to train.
    """
    if len(set(names)) != len(names):
        raise CohortError("subject names must differ from one another")
    if len(names) == 1:
        return Split(list(names), [], [])
    order = [sorted(names)[i] for i in np.random.default_rng(seed).permutation(len(names))]
    n_validation = max(1, round(validation * len(names))) if validation > 0 else 0
    n_test = max(1, round(test * len(names))) if test > 0 else 0
    if len(names) == 2 and n_validation:
        n_test = 0
    n_train = len(names) - n_validation - n_test
    if n_train < 1:
        raise CohortError(
            f"{len(names)} subjects cannot give {n_validation} to validation and {n_test} to test "
            "and leave one to train"
        )
    return Split(
        train=sorted(order[:n_train]),
        validation=sorted(order[n_train : n_train + n_validation]),
        test=sorted(order[n_train + n_validation :]),
    )


def balanced_split(slices: Mapping[str, int], validation: float, seed: int) -> Split:
    """Split subjects, given by their numbers of slices, into training and validation alone.

    Of a thousand random splits with the wanted part of the subjects in the validation, the one
    that has most nearly the same part of the slices there (section 3 of the paper).
    """
    names = sorted(slices)
    if len(names) < 2:
        raise CohortError(f"a split needs at least 2 subjects, got {len(names)}")
    count = min(max(1, round(validation * len(names))), len(names) - 1)
    rng = np.random.default_rng(seed)
    wanted = sum(slices.values()) * count / len(names)
    drawn = [rng.permutation(len(names))[:count] for _ in range(CANDIDATES)]
    chosen = {
        names[i] for i in min(drawn, key=lambda d: abs(sum(slices[names[i]] for i in d) - wanted))
    }
    return Split([n for n in names if n not in chosen], sorted(chosen), [])


def fold_splits(names: list[str], folds: int, seed: int) -> list[Split]:
    """Deal subjects at random into folds, each of which is the validation of one split."""
    if not 2 <= folds <= len(names):
        raise CohortError(
            f"{len(names)} subjects can be dealt into 2 to {len(names)} folds, got {folds}"
        )
    order = [sorted(names)[i] for i in np.random.default_rng(seed).permutation(len(names))]
    parts = [set(order[start::folds]) for start in range(folds)]
    return [Split([n for n in sorted(names) if n not in part], sorted(part), []) for part in parts]
