"""The head is judged by what textbooks say of heads: volumes, sizes, neighbours, layers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.phantom.anatomy import make_labels
from mrtoct.phantom.tissues import BONE, Tissue
from mrtoct.volume import Volume

SPACING = 2.0
BRAIN = (Tissue.GREY_MATTER, Tissue.WHITE_MATTER)


@pytest.fixture(scope="module")
def heads() -> list[Volume]:
    return [make_labels(SPACING, np.random.default_rng(seed)) for seed in (0, 1)]


def millilitres(head: Volume, *tissues: Tissue) -> float:
    return float(np.isin(head.voxels, tissues).sum() * head.grid.voxel_volume / 1000)


def extent(inside: np.ndarray, axis: int) -> float:
    other = tuple(a for a in range(3) if a != axis)
    return float(np.ptp(np.flatnonzero(inside.any(axis=other))) * SPACING)


def faces(inside: np.ndarray) -> int:
    """Number of voxel faces between inside and outside."""
    return sum(int((np.diff(inside.astype(np.int8), axis=a) != 0).sum()) for a in range(3))


def test_every_tissue_of_a_healthy_head_is_there(heads: list[Volume]) -> None:
    expected = set(Tissue) - {Tissue.LESION, Tissue.METAL}
    for head in heads:
        assert {Tissue(v) for v in np.unique(head.voxels)} == expected


def test_sizes_are_those_of_adult_heads(heads: list[Volume]) -> None:
    for head in heads:
        brain = np.isin(head.voxels, BRAIN)
        assert 950 < millilitres(head, *BRAIN) < 1700
        assert 1.0 < millilitres(head, BRAIN[0]) / millilitres(head, BRAIN[1]) < 1.8
        assert 120 < extent(brain, 0) < 155  # width
        assert 150 < extent(brain[:, :, brain.shape[2] // 2 :], 1) < 195  # length
        assert 6 < millilitres(head, Tissue.VITREOUS) < 16  # two eyes
        assert 30 < millilitres(head, Tissue.INNER_AIR) < 130


def test_the_skull_encloses_the_brain_but_for_its_foramina(heads: list[Volume]) -> None:
    for head in heads:
        brain = np.isin(head.voxels, BRAIN)
        outside = ~np.isin(head.voxels, (*BONE, Tissue.DURA, Tissue.CSF, Tissue.BLOOD, *BRAIN))
        touching = brain & ndimage.binary_dilation(outside)
        assert touching.sum() < 0.004 * brain.sum()
        # Straight up from the brain's top: fluid and dura, bone, marrow, bone, fat, skin, air.
        i, j = (n // 2 + o for n, o in zip(head.voxels.shape[:2], (12, 0), strict=True))
        column = head.voxels[i, j]
        above = column[np.flatnonzero(np.isin(column, BRAIN))[-1] + 1 :]
        first = {t: int(np.argmax(above == t)) for t in np.unique(above)}
        assert first[Tissue.CORTICAL_BONE] < first[Tissue.DIPLOE] < first[Tissue.FAT]
        assert first[Tissue.FAT] < first[Tissue.SKIN] < first[Tissue.AIR]


def test_no_air_inside_the_skull_and_cells_in_bone(heads: list[Volume]) -> None:
    for head in heads:
        air = head.voxels == Tissue.INNER_AIR
        around = ndimage.binary_dilation(air) & ~air
        assert not np.isin(head.voxels[around], (Tissue.GREY_MATTER, Tissue.BLOOD)).any()
        # Only the optic nerves pass beside air, at the sphenoid sinus.
        white = head.grid.to_world(np.argwhere(around & (head.voxels == Tissue.WHITE_MATTER)))
        assert (np.abs(white - (0, 13, -30)) < (14, 10, 6)).all()
        # Mastoids: air beside bone, behind and below the ear canals, on both sides.
        world = head.grid.to_world(
            np.argwhere(air & ndimage.binary_dilation(np.isin(head.voxels, BONE)))
        )
        for side in (1, -1):
            cells = world[(side * world[:, 0] > 40) & (world[:, 1] < -25) & (world[:, 2] < -35)]
            assert len(cells) > 10


def test_the_cortex_is_folded(heads: list[Volume]) -> None:
    for head in heads:
        above = head.voxels[:, :, head.voxels.shape[2] * 2 // 3 :]
        brain = np.isin(above, BRAIN)
        hull = ndimage.binary_closing(brain, iterations=5)
        # The gyrification index of adults is about 2.5.
        assert faces(brain) > 1.8 * faces(hull)


def test_heads_differ_and_repeat(heads: list[Volume]) -> None:
    again = make_labels(SPACING, np.random.default_rng(1))
    np.testing.assert_array_equal(again.voxels, heads[1].voxels)
    sizes = [tuple(extent(h.voxels != Tissue.AIR, a) for a in range(3)) for h in heads]
    assert len(set(sizes)) == 2
    thick = [millilitres(h, *BONE) / millilitres(h, *BRAIN) for h in heads]
    assert np.ptp(thick) > 0.02


def test_a_lesion_replaces_brain_and_nothing_else(heads: list[Volume]) -> None:
    ill = make_labels(SPACING, np.random.default_rng(0), lesion=True)
    lesion = ill.voxels == Tissue.LESION
    assert 1 < millilitres(ill, Tissue.LESION) < 45
    assert np.isin(heads[0].voxels[lesion], BRAIN).all()
    np.testing.assert_array_equal(ill.voxels[~lesion], heads[0].voxels[~lesion])
