"""Splits: whole patients, the same for a seed, nobody twice, nobody lost."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoct.errors import CohortError
from mrtoct.training.split import split_subjects


def names(count: int) -> list[str]:
    return [f"p{n:02d}" for n in range(count)]


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(2, 40),
    validation=st.sampled_from([0.0, 0.01, 0.2, 0.3]),
    test=st.sampled_from([0.0, 0.05, 0.2, 0.3]),
    seed=st.integers(0, 2**32),
    shuffle=st.randoms(use_true_random=False),
)
def test_disjoint_complete_deterministic(
    count: int, validation: float, test: float, seed: int, shuffle: random.Random
) -> None:
    subjects = names(count)
    split = split_subjects(subjects, validation, test, seed)
    assert sorted(split.train + split.validation + split.test) == subjects
    assert split.train
    for wanted, part in ((validation, split.validation), (test, split.test)):
        if wanted == 0:
            assert not part
        elif count > 2:
            assert len(part) == max(1, round(wanted * count))
    mixed = subjects.copy()
    shuffle.shuffle(mixed)
    assert split_subjects(mixed, validation, test, seed) == split


def test_the_papers_17_subjects() -> None:
    split = split_subjects(names(17), 0.235, 0.0, 1)
    assert (len(split.train), len(split.validation), len(split.test)) == (13, 4, 0)


def test_another_seed_is_another_split() -> None:
    splits = {tuple(split_subjects(names(12), 0.25, 0.25, seed).train) for seed in range(20)}
    assert len(splits) > 15


def test_everybody_gets_a_turn_in_validation() -> None:
    seen: set[str] = set()
    for seed in range(60):
        seen |= set(split_subjects(names(6), 0.2, 0.0, seed).validation)
    assert seen == set(names(6))


def test_one_subject_trains_alone() -> None:
    split = split_subjects(["only"], 0.2, 0.2, 1)
    assert (split.train, split.validation, split.test) == (["only"], [], [])


def test_two_subjects_serve_training_and_one_other_part() -> None:
    sizes = [
        tuple(map(len, (s.train, s.validation, s.test)))
        for s in (split_subjects(names(2), *wanted, 1) for wanted in ((0.2, 0.2), (0, 0.2)))
    ]
    assert sizes == [(1, 1, 0), (1, 0, 1)]


def test_nobody_left_to_train() -> None:
    with pytest.raises(CohortError, match="3 subjects cannot give 2 to validation and 1 to test"):
        split_subjects(names(3), 0.6, 0.3, 1)
    with pytest.raises(CohortError):
        split_subjects([], 0.2, 0.0, 1)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(CohortError, match="differ"):
        split_subjects(["a", "b", "a"], 0.2, 0.0, 1)
