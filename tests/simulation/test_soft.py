"""Fat and muscle, which label maps do not tell apart."""

from __future__ import annotations

import numpy as np

from layered_head import Tried
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated
from mrtoct.simulation.soft import draw_fat
from mrtoct.volume import Array


def test_only_muscle_changes(small: Array, tried: Tried) -> None:
    shares, septa = [], 0
    for head in tried(draw_fat):
        changed = head != small
        assert (small[changed] == Tissue.MUSCLE).all()
        assert set(np.unique(head[changed])) <= {int(Tissue.FAT), int(Tissue.CONNECTIVE)}
        shares.append((head == Tissue.FAT).sum() / (small == Tissue.MUSCLE).sum())
        septa += bool((head == Tissue.CONNECTIVE).any())
    assert 0.2 < np.mean(shares) < 0.95 and np.ptp(shares) > 0.15
    assert 0 < septa < 10


def test_fat_lies_under_the_skin_rather_than_on_the_bone(small: Array, tried: Tried) -> None:
    muscle = small == Tissue.MUSCLE
    skin = muscle & dilated(small == Tissue.SKIN, 1)
    bone = muscle & dilated(small == Tissue.CORTICAL_BONE, 1)
    heads = tried(draw_fat)
    under, on = (np.mean([(h[w] == Tissue.FAT).mean() for h in heads]) for w in (skin, bone))
    assert under > on + 0.15


def test_a_head_without_muscle_is_left_alone() -> None:
    head = np.full((9, 9, 9), Tissue.SKIN, dtype=np.uint8)
    draw_fat(head, np.random.default_rng(1))
    assert (head == Tissue.SKIN).all()
