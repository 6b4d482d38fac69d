from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import GeometryError
from mrtoct.properties.curves.find import CURVES
from mrtoct.properties.mumap import replace_head
from mrtoct.volume import Grid, Volume

CURVE = CURVES["mu511"]["burger-2002"]


def scanners_map(shells, shift: float = 0.0) -> Volume:
    """What a scanner makes of the shells without seeing bone, with an arm beside them."""
    middle = np.array(shells.middle) + np.array([shift, 0, 0])
    reach = np.array([180, 100, 90])
    grid = Grid.from_box(middle - reach, middle + reach, (3.0, 3.0, 3.5))
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - middle
    mu = np.where(np.linalg.norm(points, axis=-1) < 74, 0.1, 0.0)
    mu[np.hypot(points[..., 0] - 140, points[..., 1]) < 25] = 0.097
    return Volume(mu.astype(np.float32), grid, "1/cm")


def test_the_head_is_ours_and_the_arm_the_scanners(shells):
    theirs = scanners_map(shells)
    made = replace_head(shells.ct(), theirs, CURVE)
    assert made.mu.grid is theirs.grid
    assert made.agreement > 0.97
    points = theirs.grid.to_world(np.moveaxis(np.indices(theirs.grid.shape), 0, -1))
    away = points - shells.middle
    radius = np.linalg.norm(away, axis=-1)
    np.testing.assert_allclose(made.mu.voxels[radius < 55], 0.096 + 40 * 5.73e-5, rtol=1e-4)
    bone = made.mu.voxels[(radius > 63) & (radius < 65)]
    assert bone.mean() == pytest.approx(0.096 + 1000 * 5.73e-5, rel=0.02)
    arm = np.hypot(away[..., 0] - 140, away[..., 1]) < 24
    assert set(np.unique(made.mu.voxels[arm])) == {np.float32(0.097)}
    assert made.kept_ml == pytest.approx(
        (theirs.voxels[radius > 90] > 0.05).sum() * 31.5e-3, rel=0.01
    )
    assert made.replaced_ml == pytest.approx(4 / 3 * np.pi * 7.4**3, rel=0.03)


def test_where_the_ct_was_not_measured_the_map_stays_the_scanners(shells):
    theirs, ct = scanners_map(shells), shells.ct()
    measured = np.ones(ct.grid.shape, bool)
    measured[: ct.grid.shape[0] // 3] = False
    holed = ct.with_voxels(np.where(measured, ct.voxels, -1024)).measured_where(measured)
    whole, made = (replace_head(v, theirs, CURVE).mu.voxels for v in (ct, holed))
    points = theirs.grid.to_world(np.moveaxis(np.indices(theirs.grid.shape), 0, -1))
    at = ct.grid.to_index(points)[..., 0]
    border = ct.grid.shape[0] // 3 - 0.5
    unknown, known = (at < border - 0.1), (at > border + 2.5)
    assert (whole != theirs.voxels)[unknown].sum() > 1000
    np.testing.assert_array_equal(made[unknown], theirs.voxels[unknown])
    np.testing.assert_allclose(made[known], whole[known], atol=1e-6)


def test_attenuation_along_a_line_is_kept_by_the_grid(shells):
    made = replace_head(shells.ct(), scanners_map(shells), CURVE)
    i, j, k = np.rint(made.mu.grid.to_index(shells.middle)).astype(int)
    depth = made.mu.voxels[i - 28 : i + 29, j, k].sum() * 0.3
    water, bone, brain = 0.096 + 10 * 5.73e-5, 0.096 + 0.0573, 0.096 + 40 * 5.73e-5
    assert depth == pytest.approx(2 * (0.6 * water + 0.8 * bone + 6 * brain), rel=0.01)


def test_smoothing_spreads_and_keeps_the_sum(shells):
    theirs = scanners_map(shells)
    sharp, soft = (
        replace_head(shells.ct(), theirs, CURVE, smooth_mm=mm).mu.voxels for mm in (0, 6)
    )
    assert soft.max() < 0.97 * sharp.max()
    assert soft.sum() == pytest.approx(sharp.sum(), rel=2e-3)


def test_another_position_is_refused(shells):
    with pytest.raises(GeometryError, match="another patient or position"):
        replace_head(shells.ct(), scanners_map(shells, shift=60), CURVE)
