from __future__ import annotations

import numpy as np
import pytest

from mrtoct.phantom.ct import CtScan, correlated_noise, outside_circle, scan_ct, tissue_hu
from mrtoct.phantom.tissues import TISSUES, Tissue
from mrtoct.volume import Grid, Volume

PLAIN = CtScan(noise=0.0, padding=-2048, hardening=0.0, table=False)


def ball(radius: float = 30.0, hu: float = 40.0) -> Volume:
    i, j, k = np.ogrid[:90, :90, :90]
    inside = np.sqrt((i - 45) ** 2 + (j - 45) ** 2 + (k - 45) ** 2) < radius
    voxels = np.where(inside, hu, -1000).astype(np.float32)
    return Volume(voxels, Grid((90, 90, 90), np.eye(4)), "HU")


def scan(hu: Volume, grid: Grid, settings: CtScan, metal: Volume | None = None) -> np.ndarray:
    rng = np.random.default_rng(4)
    return scan_ct(hu, metal, grid, np.eye(4), settings, rng).voxels


def test_padding_lies_outside_the_circle_and_only_there() -> None:
    grid = Grid.from_box((-5, -5, 0), (95, 95, 90), (1.9, 1.9, 4.5))
    found = scan(ball(), grid, PLAIN)
    centers = grid.to_world(np.argwhere(found == -2048))[:, :2]
    distance = np.linalg.norm(centers - grid.center[:2], axis=1)
    assert distance.min() > min(grid.shape[:2]) * 1.9 / 2
    assert (found == -2048).mean() == pytest.approx(1 - np.pi / 4, abs=0.02)
    inside = found[~outside_circle(grid)]
    assert inside.min() >= -1024  # padding is below any air


def test_partial_volume_conserves_the_mean_and_fills_the_edge() -> None:
    ball_hu = ball(28.0, 500.0)
    grid = Grid.from_box((-12, -12, -12), (102, 102, 102), (1.7, 1.7, 5.0))
    found = scan(ball_hu, grid, PLAIN).astype(float)
    found[outside_circle(grid)] = -1000
    mass = (found + 1000).sum() * grid.voxel_volume
    assert mass == pytest.approx((ball_hu.voxels + 1000.0).sum(), rel=0.01)
    assert ((found > -800) & (found < 300)).sum() > 100


def test_noise_has_the_level_asked_for_and_is_correlated_in_plane() -> None:
    grid = Grid.from_box((0, 0, 0), (90, 90, 90), (0.9, 0.9, 3.0))
    clean, noisy = (
        scan(ball(), grid, CtScan(n, -1024, 0.0, False)).astype(float) for n in (0.0, 12.0)
    )
    core = np.s_[35:65, 35:65, 10:20]
    assert (noisy - clean)[core].std() == pytest.approx(12.0, rel=0.06)
    grain = correlated_noise(grid, np.random.default_rng(0))
    neighbours = np.corrcoef(grain[1:].ravel(), grain[:-1].ravel())[0, 1]
    slices = np.corrcoef(grain[..., 1:].ravel(), grain[..., :-1].ravel())[0, 1]
    assert neighbours > 0.3
    assert abs(slices) < 0.02


def test_table_and_holder_lie_behind_the_head_and_leave_it_untouched() -> None:
    grid = Grid.from_box((-30, -50, 0), (120, 100, 90), (1.5, 1.5, 6.0))
    without = scan(ball(), grid, PLAIN).astype(int)
    found = scan(ball(), grid, CtScan(0.0, -2048, 0.0, True)).astype(int)
    added = found - without
    assert (added >= 0).all()
    world = grid.to_world(np.argwhere(added > 50))
    assert len(world) > 500
    radial = np.linalg.norm(world[:, :2] - 45, axis=1)
    assert radial.min() > 28  # nothing inside the ball
    assert world[:, 1].max() < 60  # nothing before its face
    shell = found[added > 50]
    assert shell.min() >= -980
    assert shell.max() < 0


def test_metal_stays_bright_and_throws_streaks() -> None:
    hu = ball()
    metal = np.zeros(hu.voxels.shape, dtype=np.float32)
    metal[50:55, 44:49, 43:48] = 1
    grid = Grid.from_box((0, 0, 0), (90, 90, 90), (1.1, 1.1, 3.0))
    plain = scan(hu, grid, PLAIN).astype(float)
    found = scan(hu, grid, PLAIN, Volume(metal, hu.grid, "HU")).astype(float)
    assert found.max() == 3071
    i, j, k = np.round(grid.to_index((52.0, 46.0, 45.0))).astype(int)
    assert found[i, j, k] == 3071
    change = np.abs(found - plain)
    change[i - 6 : i + 7, j - 6 : j + 7] = 0
    assert change[:, :, k].max() > 40
    assert change[:, :, 3].max() == 0


def test_hu_of_bone_varies_but_stays_within_the_published_range() -> None:
    voxels = np.random.default_rng(1).choice(
        [Tissue.CORTICAL_BONE, Tissue.DIPLOE, Tissue.CSF, Tissue.FAT], (40, 41, 42)
    )
    labels = Volume(voxels.astype(np.uint8), Grid((40, 41, 42), np.eye(4)), "label")
    found = tissue_hu(labels, np.random.default_rng(2)).voxels
    for tissue in (Tissue.CORTICAL_BONE, Tissue.DIPLOE):
        values = found[voxels == tissue]
        low, high = TISSUES[tissue].hu
        assert low <= values.min()
        assert values.max() <= high
        assert values.std() > 30
    for tissue in (Tissue.CSF, Tissue.FAT):
        values = found[voxels == tissue]
        assert np.ptp(values) == 0
        assert TISSUES[tissue].hu[0] <= values[0] <= TISSUES[tissue].hu[1]
