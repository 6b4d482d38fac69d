"""Air in the head: where it may go, and what it leaves standing."""

from __future__ import annotations

import numpy as np

from layered_head import Tried
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.simulation import cavities
from mrtoct.simulation.cavities import CavitySettings, vary_cavities
from mrtoct.simulation.landmarks import Landmarks
from mrtoct.volume import Array

AIR, MUCOSA = Tissue.INNER_AIR, Tissue.MUCOSA
BONE = (Tissue.CORTICAL_BONE, Tissue.DIPLOE)


def changes(before: Array, after: Array) -> set[tuple[int, int]]:
    """Which tissue became which."""
    where = before != after
    return {(int(a), int(b)) for a, b in zip(before[where], after[where], strict=True)}


def test_sinuses_grow_into_bone_and_leave_a_wall(small: Array, tried: Tried) -> None:
    air, bone = small == AIR, np.isin(small, BONE)
    grown = [h for h in tried(lambda h, r: cavities.grow_sinuses(h, 3, r)) if (h != small).any()]
    assert len(grown) >= 5
    for head in grown:
        assert changes(small, head) <= {(b, AIR) for b in BONE}
        new = (head == AIR) & ~air
        assert not (dilated(new, 1) & ~bone & ~air).any()  # brain, eyes and skin are not touched
        assert not (new & ~dilated(air, 3)).any()


def test_absent_sinuses_are_bone(small: Array, marks: Landmarks, tried: Tried) -> None:
    low = Landmarks((marks.eyes[0], marks.eyes[1], marks.eyes[2] - 10))  # the sinus is above them
    closed = tried(lambda h, r: cavities.close_sinuses(h, low, r))
    for head in closed:
        assert changes(small, head) <= {(AIR, b) for b in BONE}
    assert any((head != small).any() for head in closed)


def test_thick_mucosa_lines_the_walls_alone(small: Array, tried: Tried) -> None:
    air = small == AIR
    lined = tried(lambda h, r: cavities.line_cavities(h, 2, r))
    for head in lined:
        assert changes(small, head) <= {(AIR, MUCOSA)}
        assert (head[eroded(air, 2)] == AIR).all()
    assert sum((head != small).any() for head in lined) >= 5


def test_secretion_lies_at_the_back(small: Array, tried: Tried) -> None:
    levels, core = set(), eroded(small == AIR, 1)  # edges and corners may stay open
    for head in tried(cavities.fill_cavities):
        if not (head != small).any():
            continue
        assert changes(small, head) == {(AIR, MUCOSA)}
        filled = ((head != small) & core).any(axis=(0, 2))
        left = ((head == AIR) & core).any(axis=(0, 2))
        levels.add(int(filled.sum()))
        if left.any():
            assert np.flatnonzero(filled).max() < np.flatnonzero(left).min()
    assert len(levels) >= 2  # full, and up to a level


def test_septa_stand_in_air(small: Array, tried: Tried) -> None:
    heads = tried(cavities.draw_septa)
    walls = {(AIR, Tissue.CARTILAGE), (AIR, Tissue.CORTICAL_BONE)}
    assert set().union(*(changes(small, head) for head in heads)) == walls
    assert all((head == AIR).sum() > 0.6 * (small == AIR).sum() for head in heads)


def test_the_nose_opens_in_mucosa(small: Array, tried: Tried) -> None:
    heads = tried(cavities.open_nose)
    for head in heads:
        assert changes(small, head) <= {(MUCOSA, AIR)}
    opened = [1 - (head == MUCOSA).sum() / (small == MUCOSA).sum() for head in heads]
    assert 0.15 < np.mean(opened) < 0.85


def test_mastoid_cells_lie_to_the_sides_and_back() -> None:
    block = np.full((100, 160, 90), Tissue.CORTICAL_BONE, dtype=np.uint8)
    marks = Landmarks((50, 140, 70))
    shares = []
    for seed in range(8):
        head = block.copy()
        cavities.vary_mastoids(head, marks, np.random.default_rng(seed))
        cells = head != Tissue.CORTICAL_BONE
        assert set(np.unique(head[cells])) <= {int(AIR), int(MUCOSA)}
        assert not cells[50 - 25 : 50 + 26].any()
        assert not cells[:, 140 - 55 :].any() and not cells[:, :, 70 + 12 :].any()
        shares.append(cells.any())
    assert 3 <= sum(shares) < 8  # some are solid


def test_nothing_happens_and_nothing_is_drawn_where_all_shares_are_zero(
    small: Array, head: Array, marks: Landmarks
) -> None:
    never = CavitySettings(*(0.0 for _ in range(8)))
    vary_cavities(head, marks, never, np.random.default_rng(1))
    np.testing.assert_array_equal(head, small)


def test_the_default_draws_no_ear_canals(head: Array, marks: Landmarks) -> None:
    """As trainings were before there were any: their heads stay the same."""
    with_ears, without = head.copy(), head.copy()
    one, two = np.random.default_rng(1), np.random.default_rng(1)
    vary_cavities(with_ears, marks, CavitySettings(ear_canals=1.0), one)
    vary_cavities(without, marks, CavitySettings(), two)
    assert one.uniform() != two.uniform()
