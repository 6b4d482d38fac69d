"""Splits: whole patients, the same for a seed, nobody twice, nobody lost."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrtoct.errors import CohortError
from mrtoct.training.split import balanced_split, fold_splits, split_subjects


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


def slices(count: int, seed: int = 3) -> dict[str, int]:
    numbers = random.Random(seed)
    return {name: numbers.randint(80, 200) for name in names(count)}


def test_a_balanced_split_has_the_same_share_of_slices_as_of_subjects() -> None:
    of = slices(17)
    split = balanced_split(of, 0.235, seed=1)
    assert (len(split.train), len(split.validation), split.test) == (13, 4, [])
    assert sorted(split.train + split.validation) == names(17)

    def distance(chosen: Iterable[str]) -> float:
        return abs(sum(of[n] for n in chosen) / sum(of.values()) - 4 / 17)

    every = sorted(distance(c) for c in combinations(of, 4))
    assert distance(split.validation) <= every[len(every) // 100]
    assert balanced_split(dict(reversed(of.items())), 0.235, seed=1) == split
    assert len({tuple(balanced_split(of, 0.235, seed).validation) for seed in range(9)}) > 1


def test_a_balanced_split_leaves_somebody_to_train() -> None:
    assert len(balanced_split(slices(3), 0.99, seed=1).train) == 1
    with pytest.raises(CohortError, match="at least 2 patients, got 1"):
        balanced_split(slices(1), 0.2, seed=1)


def test_in_folds_everybody_validates_once() -> None:
    splits = fold_splits(names(11), 3, seed=4)
    assert sorted(n for s in splits for n in s.validation) == names(11)
    assert sorted(len(s.validation) for s in splits) == [3, 4, 4]
    for split in splits:
        assert sorted(split.train + split.validation) == names(11)
    assert fold_splits(names(11)[::-1], 3, seed=4) == splits
    assert fold_splits(names(11), 3, seed=5) != splits
    for folds in (1, 12):
        with pytest.raises(CohortError, match="2 to 11 folds"):
            fold_splits(names(11), folds, seed=4)


def visits(count: int) -> list[str]:
    """Three sessions each, as BIDS names them, and one subject without."""
    return [f"sub-{n}_ses-{s}" for n in range(count) for s in "abc"] + ["sub-single"]


@pytest.mark.parametrize("seed", range(20))
def test_the_sessions_of_a_patient_stay_together(seed: int) -> None:
    subjects = visits(7)  # 8 patients
    split = split_subjects(subjects, 0.25, 0.25, seed)
    parts = [split.train, split.validation, split.test]
    assert sorted(n for part in parts for n in part) == sorted(subjects)
    persons = [{name.split("_")[0] for name in part} for part in parts]
    assert [len(who) for who in persons] == [4, 2, 2]
    folds = fold_splits(subjects, 4, seed)
    balanced = balanced_split(dict.fromkeys(subjects, 100), 0.25, seed)
    for one in [*folds, balanced]:
        train, validation = ({n.split("_")[0] for n in p} for p in (one.train, one.validation))
        assert (train & validation, len(train), len(validation)) == (set(), 6, 2)
    assert sorted(n for fold in folds for n in fold.validation) == sorted(subjects)


def test_one_patient_alone_trains_without_validation() -> None:
    assert split_subjects(["sub-1_ses-b", "sub-1_ses-a"], 0.3, 0.3, 1).train == [
        "sub-1_ses-a",
        "sub-1_ses-b",
    ]
    with pytest.raises(CohortError, match=r"2 patients \(with 6 sessions\) can be split"):
        fold_splits([n for n in visits(2) if "ses" in n], 3, seed=1)
