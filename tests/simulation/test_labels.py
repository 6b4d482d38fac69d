"""Label maps: which table knows one, and what becomes of its voxels."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.labels import BRAINWEB, MARGIN, PHANTOM, SYNTHSEG, table_for, tissues_of
from mrtoct.volume import Grid, Volume


@pytest.mark.parametrize(
    ("labels", "table"),
    [
        ([0, 2, 3, 507, 511, 515, 516], SYNTHSEG),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], BRAINWEB),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 18, 19], PHANTOM),
    ],
)
def test_a_map_is_known_by_its_numbers(labels: list[int], table: object) -> None:
    assert table_for(np.array(labels)) is table


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [0, 2, 515, 999], [0, 1, 7, 21], [0]])
def test_unknown_numbers_are_refused_in_a_sentence(labels: list[int]) -> None:
    listed = ", ".join(map(str, labels[1:]))
    with pytest.raises(ValueRangeError) as caught:
        table_for(np.array(labels))
    assert str(caught.value) == (
        f"no table knows these labels ({listed}); known are label maps with the numbers of "
        "synthseg, brainweb, phantom, with skull and scalp"
    )


def synthseg(big: Volume) -> Volume:
    """The big head with SynthSeg's numbers, whose air inside is background."""
    number = {tissue: label for label, tissue in reversed(SYNTHSEG.items())}
    lookup = np.array([number.get(Tissue(t), 0) for t in range(21)], dtype=np.int16)
    return big.with_voxels(lookup[big.voxels])


def test_background_inside_is_air_and_specks_are_not(big: Volume) -> None:
    labels = synthseg(big)
    voxels = labels.voxels.copy()
    middle = tuple(n // 2 for n in voxels.shape)
    voxels[middle[0] + 20, middle[1], middle[2]] = 0  # noise of the segmentation
    voxels[2:6, 2:6, 2:6] = 511  # beside the head
    tissue = tissues_of(labels.with_voxels(voxels)).voxels
    # The layers fill their ellipsoid of half axes 50, 58, 54 but for a tip of rounding.
    inner = tissue[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN]
    margin = [(a - b) // 2 for a, b in zip(big.voxels.shape, inner.shape, strict=True)]
    truth = big.voxels[tuple(slice(m, -m) for m in margin)]
    np.testing.assert_array_equal(inner, truth)
    assert tissue.sum() == inner.sum()  # nothing but air in the margin


def test_a_map_of_coarse_and_turned_voxels_becomes_upright_at_a_millimetre(big: Volume) -> None:
    coarse = np.ascontiguousarray(big.voxels[::2, ::2, ::2].transpose(2, 0, 1)[:, ::-1])
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 2] = 2
    affine[0, 1] = -2
    affine[3, 3] = 1
    i, j, k = coarse.shape
    tissue = tissues_of(Volume(coarse, Grid((i, j, k), affine), "label"))
    np.testing.assert_allclose(tissue.grid.affine[:3, :3], np.eye(3), atol=1e-9)
    for kind in (Tissue.SKIN, Tissue.DIPLOE, Tissue.INNER_AIR, Tissue.WHITE_MATTER):
        expected = (big.voxels == kind).sum()
        assert (tissue.voxels == kind).sum() == pytest.approx(expected, rel=0.1)
    brain, sinus = (
        np.argwhere(tissue.voxels == kind).mean(axis=0)
        for kind in (Tissue.WHITE_MATTER, Tissue.INNER_AIR)
    )
    np.testing.assert_allclose(sinus - brain, (0, 46, 0), atol=2)


def test_what_is_too_small_is_no_head(small: np.ndarray) -> None:
    i, j, k = small.shape
    with pytest.raises(
        ValueRangeError, match=r"its largest body has 1\d\d ml; a head has at least"
    ):
        tissues_of(Volume(small, Grid((i, j, k), np.eye(4)), "label"))
