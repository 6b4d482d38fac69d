from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bent_head import SETTINGS, bent_head
from mrtoct.errors import ValueRangeError
from mrtoct.phantom import TINY, make_subject
from mrtoct.phantom.posture import CHIN, CONDYLES, LOW_NECK, Posture, take_posture
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Grid, Volume

EXTREME = [(10, 10), (10, -10), (-6, 10), (-6, -10), (0, 10), (10, 0)]


def test_the_chin_and_the_neck_go_as_far_as_asked_and_the_skull_stays() -> None:
    posture = Posture(jaw=8.0, neck=-6.0)
    chin, neck = posture.displacement(CHIN), posture.displacement(LOW_NECK)
    assert np.linalg.norm(chin) == pytest.approx(8.0, abs=0.02)
    assert chin[2] < -5 and chin[1] < -4  # down and back
    assert np.linalg.norm(neck) == pytest.approx(6.0, abs=0.02)
    assert neck[1] < -5  # to the back
    x, y, z = np.mgrid[-80:80:20, -115:105:5, -78:100:5].astype(float)
    skull = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    # Above a line from the condyles to the edges of the upper teeth.
    skull = skull[skull[:, 2] > -56 - (skull[:, 1] + 12) * 40 / 78]
    assert not posture.displacement(skull).any()


def test_a_turned_mandible_keeps_its_shape() -> None:
    posture = Posture(jaw=10.0)
    body = np.array([[0.0, 50, -121], [30, 40, -121], [-40, 30, -118], [20, 45, -126]])
    moved = body + posture.displacement(body)
    for p, q in ((body, moved), (body - CONDYLES, moved - CONDYLES)):
        before = np.linalg.norm(p[:, None] - p[None], axis=-1)
        after = np.linalg.norm(q[:, None] - q[None], axis=-1)
        np.testing.assert_allclose(after, before, atol=0.6)


@pytest.mark.parametrize(("jaw", "neck"), EXTREME)
def test_no_posture_folds_and_each_can_be_undone(jaw: float, neck: float) -> None:
    posture = Posture(jaw, neck)
    y, z = np.mgrid[-120:110:1.0, -132:-30:1.0]
    points = np.stack([0 * y, y, z], axis=-1)
    u = posture.displacement(points)
    dy, dz = (np.stack(np.gradient(u[..., a]), axis=0) for a in (1, 2))
    determinant = (1 + dy[0]) * (1 + dz[1]) - dy[1] * dz[0]
    assert determinant.min() > 0.1
    np.testing.assert_allclose(posture.origin(points + u), points, atol=0.01)


def test_labels_go_where_the_displacement_says() -> None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = (-96, -121, -131)
    grid = Grid((97, 117, 118), affine)
    voxels = np.zeros(grid.shape, dtype=np.uint8)
    balls = {Tissue.DENTINE: (0, 50.0, -116), Tissue.CARTILAGE: (20.0, -42, -119)}
    places = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    for tissue, place in balls.items():
        center = np.array(place)
        voxels[np.linalg.norm(places - center, axis=-1) < 7] = tissue
    posture = Posture(jaw=9.0, neck=9.0)
    bent = take_posture(Volume(voxels, grid, "label"), posture)
    for tissue, place in balls.items():
        center = np.array(place)
        found = grid.to_world(np.argwhere(bent.voxels == tissue)).mean(axis=0)
        expected = center + posture.displacement(center)
        assert np.linalg.norm(expected - center) > 5
        np.testing.assert_allclose(found, expected, atol=0.8)


def test_the_ct_stays_and_only_the_lower_mr_changes() -> None:
    straight, bent = bent_head(), bent_head(jaw=9.0)
    np.testing.assert_array_equal(straight.ct.voxels, bent.ct.voxels)
    np.testing.assert_array_equal(straight.ct_to_mr, bent.ct_to_mr)
    assert straight.displacement is None
    assert bent.displacement is not None and bent.displacement.shape == (*bent.ct.grid.shape, 3)
    moved = np.linalg.norm(bent.displacement, axis=-1) > 0
    assert not moved[:, :, 40:].any()
    changed = (straight.mr["T1"].voxels != bent.mr["T1"].voxels).any(axis=(0, 1))
    assert changed[:12].all() and not changed[32:].any()


@pytest.mark.parametrize("posture", [{"jaw": 11.0}, {"jaw": -7.0}, {"neck": float("nan")}])
def test_postures_that_would_fold_are_refused(posture: dict[str, float]) -> None:
    with pytest.raises(ValueRangeError, match="jaw moves by -6 to 10"):
        Posture(**posture)


def test_a_posture_without_a_change_leaves_a_subject_as_it_was() -> None:
    plain, asked = make_subject(4, TINY), make_subject(4, replace(TINY, posture=Posture()))
    np.testing.assert_array_equal(plain.mr["T1"].voxels, asked.mr["T1"].voxels)
    assert SETTINGS.posture == Posture()
