"""The skull: what may become bone, what may not, and what is put into the mouth."""

from __future__ import annotations

import numpy as np

from layered_head import Tried
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.simulation import bone
from mrtoct.simulation.landmarks import Landmarks
from mrtoct.volume import Array

CORTICAL, DIPLOE = Tissue.CORTICAL_BONE, Tissue.DIPLOE
MOUTH = Landmarks((50, 80, 110))


def skull(tissue: Array) -> Array:
    return np.isin(tissue, (CORTICAL, DIPLOE))


def flesh() -> Array:
    """A block of muscle with room for two rows of teeth, in air."""
    block = np.zeros((100, 110, 120), dtype=np.uint8)
    block[5:95, 5:105, 5:115] = Tissue.MUSCLE
    return block


def test_marrow_lies_between_tables(small: Array, tried: Tried) -> None:
    inner = eroded(skull(small), 1)
    shares = []
    for head in tried(bone.draw_diploe):
        np.testing.assert_array_equal(skull(head), skull(small))
        np.testing.assert_array_equal(head[~skull(small)], small[~skull(small)])
        assert not ((head == DIPLOE) & ~inner & (small != DIPLOE)).any()
        shares.append((head == DIPLOE).sum() / skull(small).sum())
    assert np.ptp(shares) > 0.1


def test_thicker_bone_takes_soft_tissue_beside_it(small: Array, tried: Tried) -> None:
    rim = dilated(skull(small), 1)
    grown = tried(bone.thicken)
    for head in grown:
        new = head != small
        assert (head[new] == CORTICAL).all() and not (new & ~rim).any()
        outside = np.isin(small[new], bone.SOFT).all()
        assert outside or np.isin(small[new], (Tissue.CSF, Tissue.DURA)).all()
    assert sum((head != small).any() for head in grown) >= 8


def test_thinner_bone_is_never_broken_through(small: Array, tried: Tried) -> None:
    thick = eroded(skull(small), 1)
    thinned = tried(bone.thin)
    for head in thinned:
        gone = head != small
        assert skull(small)[gone].all() and not gone[thick].any()
        assert set(np.unique(head[gone])) <= {int(Tissue.FAT), int(Tissue.CSF)}
    assert sum((head != small).any() for head in thinned) >= 8


def test_a_surgeon_takes_bone_alone(small: Array, marks: Landmarks) -> None:
    plates = 0
    for seed in range(10):
        head = small.copy()
        bone.open_skull(head, marks, np.random.default_rng(seed))
        changed = head != small
        cut = changed & (head != Tissue.METAL)
        assert skull(small)[cut].all()
        assert set(np.unique(head[cut])) <= {int(Tissue.CSF), int(Tissue.CONNECTIVE)}
        assert not np.isin(small[changed], (Tissue.AIR, Tissue.WHITE_MATTER)).any()
        plates += bool((head == Tissue.METAL).any())
    assert 0 < plates < 10


def test_teeth_stand_in_two_rows() -> None:
    for seed in range(3):
        head = flesh()
        bone.draw_teeth(head, MOUTH, False, np.random.default_rng(seed))
        teeth = np.isin(head, (Tissue.DENTINE, Tissue.ENAMEL))
        assert not (head == Tissue.METAL).any()
        assert 0.15 < (head == Tissue.ENAMEL).sum() / teeth.sum() < 0.5
        i, j, k = np.argwhere(teeth).T
        assert abs(i.mean() - 50) < 6 and j.max() <= 80 + 14 + 5
        assert k.min() >= 110 - 80 - 11 and k.max() <= 110 - 58 + 11
        # Crowns meet in the middle: above the upper row's roots there are none.
        crowns = np.argwhere(head == Tissue.ENAMEL)[:, 2]
        assert k.min() + 4 < crowns.min() and crowns.max() < k.max() - 4


def test_fillings_replace_crowns() -> None:
    head = flesh()
    bone.draw_teeth(head, MOUTH, True, np.random.default_rng(2))
    assert 20 < (head == Tissue.METAL).sum() < (head == Tissue.ENAMEL).sum()


def test_a_mouth_out_of_view_gets_no_teeth(small: Array, head: Array, marks: Landmarks) -> None:
    bone.draw_teeth(head, marks, True, np.random.default_rng(1))
    np.testing.assert_array_equal(head, small)
