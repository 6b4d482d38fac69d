from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.mr import CONTRASTS, SpinEcho, scan_mr, signals
from mrtoct.phantom.tissues import TISSUES, Tissue, draw_hu
from mrtoct.volume import Grid, Volume


def slab(tissue: Tissue, edge: int = 40) -> Volume:
    """A block of one tissue in the middle of air, 1 mm voxels."""
    voxels = np.zeros((edge, edge, edge), dtype=np.uint8)
    voxels[10:-10, 10:-10, 10:-10] = tissue
    return Volume(voxels, Grid((edge, edge, edge), np.eye(4)), "label")


def scan(labels: Volume, grid: Grid, *, bias: float = 0.0, noise: float = 0.0, seed: int = 0):
    return scan_mr(
        labels,
        CONTRASTS["T1"],
        grid,
        np.eye(4),
        bias_field=bias,
        noise=noise,
        rng=np.random.default_rng(seed),
    ).voxels.astype(float)


# Worked by hand from S = PD (1 - exp(-TR / T1)) exp(-TE / T2) and the published table.
@pytest.mark.parametrize(
    ("tissue", "tr", "te", "expected"),
    [
        (Tissue.WHITE_MATTER, 600, 15, 0.434294),  # 0.77 * 0.698806 * 0.807118
        (Tissue.GREY_MATTER, 600, 15, 0.368517),  # 0.86 * 0.513390 * 0.834665
        (Tissue.CSF, 600, 15, 0.199002),  # 1.00 * 0.208285 * 0.955431
        (Tissue.FAT, 600, 15, 0.661762),  # 1.00 * 0.819908 * 0.807118
        (Tissue.CSF, 3000, 90, 0.524056),  # 1.00 * 0.688940 * 0.760670
        (Tissue.WHITE_MATTER, 3000, 90, 0.212341),  # 0.77 * 0.997521 * 0.276453
        (Tissue.CORTICAL_BONE, 600, 15, 0.0),
        (Tissue.INNER_AIR, 3000, 90, 0.0),
    ],
)
def test_spin_echo_signal(tissue: Tissue, tr: float, te: float, expected: float) -> None:
    p = TISSUES[tissue]
    assert SpinEcho(tr, te).signal(p.t1, p.t2, p.pd) == pytest.approx(expected, abs=2e-6)


def test_the_weightings_order_the_tissues_as_on_real_films() -> None:
    t1, t2, pd = (signals(CONTRASTS[name]) for name in ("T1", "T2", "PD"))
    fat, white, grey, csf, muscle = (
        Tissue.FAT, Tissue.WHITE_MATTER, Tissue.GREY_MATTER, Tissue.CSF, Tissue.MUSCLE,
    )  # fmt: skip
    assert t1[fat] > t1[white] > t1[grey] > t1[csf]
    assert t2[csf] > t2[grey] > t2[white] > t2[muscle]
    assert pd[grey] > pd[white]
    for weighting in (t1, t2, pd):
        assert weighting[Tissue.CORTICAL_BONE] == weighting[Tissue.INNER_AIR] == 0


def test_noise_in_air_is_rayleigh_of_the_level_asked_for() -> None:
    grid = Grid((40, 40, 40), np.eye(4))
    noise = 0.04
    found = scan(slab(Tissue.WHITE_MATTER), grid, noise=noise, seed=3)
    gain = np.median(found[13:-13, 13:-13, 13:-13])  # white matter's signal is 1
    background = found[:8] / gain
    assert background.mean() == pytest.approx(noise * np.sqrt(np.pi / 2), rel=0.02)
    assert background.std() == pytest.approx(noise * np.sqrt(2 - np.pi / 2), rel=0.03)
    assert found[13:-13, 13:-13, 13:-13].std() / gain == pytest.approx(noise, rel=0.05)


def test_partial_volume_conserves_the_total_signal() -> None:
    labels = slab(Tissue.WHITE_MATTER)
    coarse = Grid.from_box((-5, -5, -5), (45, 45, 45), (2.3, 2.9, 5.1))
    found = scan(labels, coarse)
    gain = found.max()  # somewhere a voxel is all white matter
    volume = found.sum() / gain * coarse.voxel_volume
    assert volume == pytest.approx(20**3, rel=0.01)
    edge = (found > 0.1 * gain) & (found < 0.9 * gain)
    assert edge.any()


def test_the_bias_field_is_smooth_and_as_large_as_asked() -> None:
    labels = slab(Tissue.WHITE_MATTER, 80)
    grid = Grid((80, 80, 80), np.eye(4))
    found = scan(labels, grid, bias=0.3)[11:-11, 11:-11, 11:-11]
    assert 1.1 < found.max() / found.min() < 1.3 / 0.7
    relative = found / found.mean()
    assert np.abs(np.diff(relative, axis=0)).max() < 0.02 + 2 / found.mean()  # and rounding


def test_every_tissue_has_properties_and_hu_within_its_range() -> None:
    assert set(TISSUES) == set(Tissue)
    for seed in range(3):
        drawn = draw_hu(np.random.default_rng(seed))
        for tissue, p in TISSUES.items():
            assert p.hu[0] <= drawn[tissue] <= p.hu[1], tissue
