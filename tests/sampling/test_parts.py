"""Large parts of heads: every voxel is where it was, everybody has a turn, nothing is made up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.parts import PartSet, around_head
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.volume import Grid

SHAPE = (21, 34, 27)
WINDOW = HuWindow(-1024, 1023)


def subject(number: int = 0, shape: tuple[int, int, int] = SHAPE) -> LoadedSubject:
    """The MR says where a voxel is, the CT whose it is; a head from 3 to 2 before the end."""
    rng = np.random.default_rng(number)
    place = np.indices(shape) + 1.0  # 0 is what lies beyond
    head = np.zeros(shape, dtype=np.bool_)
    head[3:-2, 3:-2, 3:-2] = True
    mr_head = head.copy()
    mr_head[2, 5, 6] = True
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-10, 20, 5)
    return LoadedSubject(
        f"head{number}",
        Grid(shape, affine),
        mr=place.astype(np.float16),
        hu=np.full(shape, 100 * number, dtype=np.int16),
        covered=rng.uniform(size=shape) < 0.8,
        head=head,
        mr_head=mr_head,
        kept=[k for k in range(shape[2]) if k not in (4, 11)],
        brain=rng.uniform(size=shape).astype(np.float16),
    )


def test_every_voxel_is_where_it_was() -> None:
    one = subject(7)
    parts = PartSet([one], size=(16, 16, 16), multiple=8, window=WINDOW)
    lows = []
    for step in range(30):
        batch = parts.batch(step, 2)
        assert batch.mr.shape == (2, 3, 16, 16, 16)
        assert batch.ct.shape == batch.brain.shape == (2, 1, 16, 16, 16)
        for n in range(2):
            low = (batch.mr[n, :, 0, 0, 0].numpy() - 1).astype(int)
            lows.append(low)
            at = tuple(slice(a, a + 16) for a in low)
            np.testing.assert_array_equal(batch.mr[n].numpy(), one.mr[:, *at])
            measured = one.covered.copy()
            measured[:, :, [4, 11]] = False  # dropped slices teach nothing
            for found, expected in (
                (batch.covered, measured),
                (batch.head, one.head | one.mr_head),
                (batch.brain, one.brain),
            ):
                assert expected is not None
                np.testing.assert_array_equal(found[n, 0].numpy(), expected[at])
            np.testing.assert_allclose(batch.ct[n].numpy(), 1724 / 2047, rtol=1e-6)
    low = np.array(lows)
    np.testing.assert_array_equal(low.min(0), 0)  # all the way from end to end
    np.testing.assert_array_equal(low.max(0), np.array(SHAPE) - 16)
    assert parts.batch(5, 2).mr.equal(parts.batch(5, 2).mr)
    assert not parts.batch(5, 2).mr.equal(parts.batch(6, 2).mr)


def test_what_is_beyond_the_volume_is_air() -> None:
    one = subject(3)
    parts = PartSet([one], size=(64, 64, 16), multiple=16, window=WINDOW)
    assert parts.size == (32, 48, 16)  # no more than the head needs, in whole sixteens
    starts = set()
    for step in range(40):
        batch = parts.batch(step, 1)
        inside = batch.mr[0, 0].numpy() > 0
        assert inside.sum() == 21 * 34 * 16
        i, j, k = (axis.min() for axis in np.nonzero(inside))
        starts.add((int(i), int(j)))
        assert k == 0
        assert (batch.mr[0].numpy()[:, ~inside] == 0).all()
        assert (batch.ct[0, 0].numpy()[~inside] == 0).all()
        assert (batch.covered[0, 0].numpy()[~inside] == 1).all()
        assert (batch.head[0, 0].numpy()[~inside] == 0).all()
        head = np.zeros((32, 48, 16), dtype=bool)
        head[i : i + 21, j : j + 34] = (one.head | one.mr_head)[
            :, :, int(batch.mr[0, 2].max()) - 16 : int(batch.mr[0, 2].max())
        ]
        np.testing.assert_array_equal(batch.head[0, 0].numpy(), head)
    assert max(i for i, _ in starts) > 6
    assert min(i for i, _ in starts) < 5
    assert max(j for _, j in starts) > 8


def test_everybody_has_a_turn_in_every_round() -> None:
    heads = [subject(n) for n in range(4)]
    parts = PartSet(heads, size=(8, 8, 8), multiple=8, window=WINDOW, seed=5)
    drawn = [
        round(float(hu)) // 100
        for step in range(20)
        for hu in WINDOW.to_hu(parts.batch(step, 2).ct.numpy()[:, 0, 0, 0, 0])
    ]
    rounds = [tuple(drawn[n : n + 4]) for n in range(0, 40, 4)]
    assert all(sorted(each) == [0, 1, 2, 3] for each in rounds)
    assert max(Counter(rounds).values()) < 5
    other = PartSet(heads, size=(8, 8, 8), multiple=8, window=WINDOW, seed=6)
    assert not other.batch(0, 4).mr.equal(parts.batch(0, 4).mr)


def test_without_a_brain_there_is_none_and_without_subjects_no_set() -> None:
    batch = PartSet([replace(subject(), brain=None)], size=(8, 8, 8), multiple=8).batch(0, 1)
    assert batch.brain.shape == (1, 1, 8, 8, 8)
    assert not batch.brain.any()
    with pytest.raises(CohortError, match="at least one subject"):
        PartSet([], size=(8, 8, 8), multiple=8)


def test_around_its_head_a_subject_keeps_its_place() -> None:
    whole = subject()
    cut = around_head(whole)
    # The head of both scans together, two voxels around it as far as there are any.
    at = (slice(0, 21), slice(1, 34), slice(1, 27))
    assert cut.grid.shape == (21, 33, 26)
    assert cut.brain is not None and whole.brain is not None
    np.testing.assert_array_equal(cut.mr, whole.mr[:, *at])
    for name in ("hu", "covered", "head", "mr_head", "brain"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name)[at])
    np.testing.assert_allclose(
        cut.grid.to_world([4, 5, 6]), whole.grid.to_world([4, 6, 7]), atol=1e-9
    )
    assert cut.kept == [k - 1 for k in whole.kept if k >= 1]
    assert not np.shares_memory(cut.mr, whole.mr)
