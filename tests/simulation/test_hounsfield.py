"""CT numbers of tissues."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.tissues import TISSUES, Tissue
from mrtoct.simulation.hounsfield import CORTICAL, draw_ct

SLABS = (
    Tissue.AIR, Tissue.WHITE_MATTER, Tissue.FAT, Tissue.DIPLOE, Tissue.CORTICAL_BONE, Tissue.METAL
)  # fmt: skip


def slabs() -> np.ndarray:
    return np.repeat(np.array(SLABS, dtype=np.uint8), 24)[:, None, None].repeat(40, 1).repeat(40, 2)


def middle(hu: np.ndarray, tissue: Tissue) -> np.ndarray:
    start = 24 * SLABS.index(tissue)
    return hu[start + 6 : start + 18]


def test_tissues_have_their_numbers_and_textures() -> None:
    hu = draw_ct(slabs(), np.random.default_rng(1))
    assert hu.dtype == np.int16
    assert (middle(hu, Tissue.AIR) == -1000).all()
    assert (middle(hu, Tissue.METAL) == 3071).all()
    low, high = TISSUES[Tissue.WHITE_MATTER].hu
    assert low <= middle(hu, Tissue.WHITE_MATTER).mean() <= high
    assert middle(hu, Tissue.WHITE_MATTER).std() < 1
    assert 1 < middle(hu, Tissue.FAT).std() < 10
    assert CORTICAL[0] - 80 < middle(hu, Tissue.CORTICAL_BONE).mean() < CORTICAL[1] + 80
    assert 30 < middle(hu, Tissue.CORTICAL_BONE).std() < 130


def test_heads_differ_by_seed_within_the_range() -> None:
    means = [
        middle(draw_ct(slabs(), np.random.default_rng(seed)), Tissue.CORTICAL_BONE).mean()
        for seed in range(4)
    ]
    assert np.ptp(means) > 50
    again = draw_ct(slabs(), np.random.default_rng(0))
    assert middle(again, Tissue.CORTICAL_BONE).mean() == pytest.approx(means[0])


def test_borders_are_as_blurred_as_a_scanner_makes_them() -> None:
    hu = draw_ct(slabs(), np.random.default_rng(1)).astype(float)
    edge = hu[18:30].mean(axis=(1, 2))  # from air to white matter
    slope = np.diff(edge) / (edge[-1] - edge[0])
    place = np.arange(len(slope)) - (len(slope) - 1) / 2
    # The difference of neighbours is a box more: its variance is 1 / 12.
    sigma = np.sqrt((slope * place**2).sum() - 1 / 12)
    assert 0.3 < sigma < 0.85
