"""Atrophy and lesions stay in the brain."""

from __future__ import annotations

import numpy as np

from layered_head import Tried
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated
from mrtoct.simulation import brain
from mrtoct.volume import Array

BRAIN = (Tissue.GREY_MATTER, Tissue.WHITE_MATTER)


def test_fluid_takes_the_place_of_brain_beside_it(small: Array, tried: Tried) -> None:
    near = dilated(small == Tissue.CSF, 6)
    heads = tried(brain.widen_fluid)
    for head in heads:
        changed = head != small
        assert np.isin(small[changed], BRAIN).all()
        assert (head[changed] == Tissue.CSF).all() and near[changed].all()
    assert sum((head != small).any() for head in heads) >= 4


def test_lesions_are_single_bodies_in_the_brain(small: Array, tried: Tried) -> None:
    kinds = set()
    for head in tried(brain.draw_lesion):
        changed = head != small
        assert changed.any() and np.isin(small[changed], BRAIN).all()
        extent = np.ptp(np.argwhere(changed), axis=0).max()
        assert extent <= 4 * 18 + 1
        kinds |= set(np.unique(head[changed]).tolist())
    assert kinds == {int(kind) for kind in brain.LESIONS}


def test_a_head_without_brain_has_no_lesion() -> None:
    head = np.full((9, 9, 9), Tissue.MUSCLE, dtype=np.uint8)
    brain.draw_lesion(head, np.random.default_rng(1))
    assert (head == Tissue.MUSCLE).all()


def test_a_redrawn_brain_is_another_in_the_same_skull(small: Array) -> None:
    rngs = [np.random.default_rng(seed) for seed in range(6)]
    heads = [brain.redrawn(small, rng) for rng in rngs]
    within = np.isin(small, brain.WITHIN)
    filled = [np.bincount(head[within], minlength=21) / within.sum() for head in heads]
    for head, shares in zip(heads, filled, strict=True):
        assert np.array_equal(head[~within], small[~within])
        assert head.dtype == small.dtype
        assert (shares[[*BRAIN, Tissue.CSF]] > 0.002).all()
        assert 0.1 < (head[within] != small[within]).mean() < 0.95
    fluid = [shares[Tissue.CSF] for shares in filled]
    assert max(fluid) > 2 * min(fluid)
