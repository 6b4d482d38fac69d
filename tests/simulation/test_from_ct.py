"""Tissues found in a CT against those it was made of."""

from __future__ import annotations

import numpy as np
import pytest

from layered_head import ct_of
from mrtoct.errors import ValueRangeError
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated
from mrtoct.resample import resample
from mrtoct.simulation.from_ct import METAL_ABOVE, tissues_of_ct
from mrtoct.volume import Array, Volume

BONE = (Tissue.CORTICAL_BONE, Tissue.DIPLOE)
BRAIN = (Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.CSF)


@pytest.fixture(scope="module")
def fatty(big: Volume) -> Volume:
    """The big head with a chin of fat: a layer of a few voxels would be borders for the most."""
    voxels = big.voxels.copy()
    i, j, k = np.ogrid[tuple(slice(0, n) for n in voxels.shape)]
    i, j, k = (a - (n - 1) // 2 for a, n in zip((i, j, k), voxels.shape, strict=True))
    away = np.sqrt(i**2 + (j - 44) ** 2 + (k + 36) ** 2)
    outside = voxels == Tissue.AIR
    voxels[outside & (away < 17)] = Tissue.SKIN
    voxels[outside & (away < 15)] = Tissue.FAT
    return big.with_voxels(voxels)


@pytest.fixture(scope="module")
def found(fatty: Volume) -> tuple[Volume, Volume, Volume, Array]:
    """Tissues, CT, distrust; and the truth on their grid."""
    tissue, hu, untrusted = tissues_of_ct(ct_of(fatty), 1)
    truth = resample(fatty, tissue.grid, fill=0, interpolation="nearest").voxels
    return tissue, hu, untrusted, truth


def dice(a: Array, b: Array) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_bone_air_fat_and_brain_are_found(found: tuple[Volume, Volume, Volume, Array]) -> None:
    tissue, _, _, truth = found
    assert dice(np.isin(tissue.voxels, BONE), np.isin(truth, BONE)) > 0.9
    assert dice(tissue.voxels == Tissue.INNER_AIR, truth == Tissue.INNER_AIR) > 0.9
    assert dice(tissue.voxels == Tissue.AIR, truth == Tissue.AIR) > 0.98
    assert dice(tissue.voxels == Tissue.FAT, truth == Tissue.FAT) > 0.9
    assert dice(np.isin(tissue.voxels, BRAIN), np.isin(truth, BRAIN)) > 0.9


def test_the_brain_is_that_of_the_living_and_the_rest_keeps_its_hu(
    found: tuple[Volume, Volume, Volume, Array],
) -> None:
    tissue, hu, untrusted, truth = found
    assert np.median(hu.voxels[truth == Tissue.WHITE_MATTER]) == pytest.approx(34, abs=1.5)
    muscle = (truth == Tissue.MUSCLE) & ~dilated(np.isin(truth, BONE), 2)  # beside it CTs blur
    assert np.median(hu.voxels[muscle]) == pytest.approx(40, abs=1.5)
    assert hu.voxels.dtype == np.int16 and (hu.voxels[:4] == -1024).all()
    assert not untrusted.voxels.any()  # there is no metal
    assert (tissue.voxels == Tissue.CSF).any() and (tissue.voxels == Tissue.GREY_MATTER).any()


def test_a_ct_beside_metal_is_not_trusted(big_ct: Volume) -> None:
    voxels = big_ct.voxels.copy()
    i, j, k = (n // 2 for n in voxels.shape)
    voxels[i - 2 : i + 3, j + 40 : j + 44, k - 20 : k - 17] = METAL_ABOVE + 500
    tissue, _, untrusted = tissues_of_ct(big_ct.with_voxels(voxels), 1)
    metal = np.argwhere(tissue.voxels == Tissue.METAL)
    assert len(metal) == 5 * 4 * 3
    slices = np.flatnonzero(untrusted.voxels.any(axis=(0, 1)))
    low, high = metal[:, 2].min(), metal[:, 2].max()
    assert slices.tolist() == [*range(low - 2, high + 3)]


def test_what_is_no_ct_is_refused(big: Volume) -> None:
    with pytest.raises(ValueRangeError, match="in HU the air around a head is near -1000"):
        tissues_of_ct(big, 1)
