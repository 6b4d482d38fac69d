"""No pair can be seen: what is kept of whom, and which slices are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.sampling.slices import SliceSet
from mrtoct.sampling.strangers import at_like_depth, depths, joined, two_groups
from mrtoct.sampling.subjects import LoadedSubject, load_subject


@pytest.fixture(scope="module")
def heads(tiny_store: Path) -> list[LoadedSubject]:
    return [
        load_subject(
            tiny_store, name, channels=("mr",), spacing=(4.0, 4.0, 4.0), scaling=MrScaling()
        )
        for name in ("head1", "head2")
    ]


def test_of_each_subject_one_image_is_kept(heads: list[LoadedSubject]) -> None:
    (first,), (second,) = two_groups(heads, seed=1)
    assert {first.name, second.name} == {"head1", "head2"}
    of = {head.name: head for head in heads}
    assert (first.hu == -1024).all() and np.array_equal(first.mr, of[first.name].mr)
    assert np.array_equal(first.head, of[first.name].mr_head)
    assert not second.mr.any() and np.array_equal(second.hu, of[second.name].hu)
    assert np.array_equal(second.mr_head, of[second.name].head)


def test_who_is_in_which_group_is_drawn(heads: list[LoadedSubject]) -> None:
    drawn = {two_groups(heads, seed)[0][0].name for seed in range(10)}
    assert drawn == {"head1", "head2"}
    mr, ct = two_groups([*heads, heads[0]], seed=3)
    assert (len(mr), len(ct)) == (2, 1)


def test_one_subject_alone_has_no_stranger(heads: list[LoadedSubject]) -> None:
    with pytest.raises(CohortError, match="needs 2 at least, got 1"):
        two_groups(heads[:1], seed=1)


def test_depths_are_mm_below_the_top_of_each_head(heads: list[LoadedSubject]) -> None:
    found = depths(heads)
    expected = []
    for head in heads:
        top = max(k for k in range(head.grid.shape[2]) if head.head[:, :, k].any())
        expected += [4.0 * (top - k) for k in head.kept]
    assert found.tolist() == pytest.approx(expected)


def test_slices_are_drawn_from_the_nearest_depths() -> None:
    depth = np.array([0.0, 10.0, 20.0, 30.0, 0.0, 10.0, 20.0, 30.0])
    wanted = np.array([1.0, 31.0] * 50)
    drawn = at_like_depth(wanted, depth, 2, torch.Generator().manual_seed(0))
    assert set(drawn[::2]) == {0, 4}
    assert set(drawn[1::2]) == {3, 7}


def test_a_joined_batch_has_the_samples_of_both(heads: list[LoadedSubject]) -> None:
    groups = two_groups(heads, seed=1)
    first, second = (
        SliceSet(group, size=(64, 64), window=HuWindow()).batch([3, 4]) for group in groups
    )
    both = joined(first, second)
    assert both.mr.shape == (4, 1, 64, 64)
    assert both.mr[:2].any() and not both.mr[2:].any()
    assert both.ct[2:].any() and not both.ct[:2].any()
    assert torch.equal(both.head, torch.cat([first.head, second.head]))
