"""Who trains, who validates, who tests: whole patients, never slices of one on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import CohortError


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
