import numpy as np
import pytest

from mrtoct.errors import GeometryError
from mrtoct.report.volumes import NamedVolume, guess_unit, scene_of_volumes
from mrtoct.report.voxels import to_ras
from mrtoct.volume import Grid, Volume

OBLIQUE = np.array([[0.1, 2.0, 0.0, -20], [-1.5, 0.1, 0.2, 30], [0.0, -0.1, 3.0, 5], [0, 0, 0, 1]])


def values(coded, number):
    """What the browser reads: value = low + (code - 1) * step, NaN where there is none."""
    scene = coded.scene
    layer = scene.layers[number]
    codes = np.frombuffer(coded.codes[layer.key], "<u2").reshape(scene.shape, order="F")
    found = layer.low + (codes.astype(float) - 1) * layer.step
    return np.where(codes > 0, found, np.nan)


@pytest.mark.parametrize(
    ("voxels", "unit"),
    [
        (np.array([-1024, 0, 3000], np.int16), "HU"),
        (np.array([-1000.0, 0.5], np.float32), "HU"),
        (np.array([True, False]), "label"),
        (np.array([0, 1, 7], np.uint8), "label"),
        (np.array([0.0, 1.0], np.float32), "label"),
        (np.array([0.0, 0.25, 1.0], np.float32), "a.u."),
        (np.arange(200, dtype=np.int16), "a.u."),
        (np.array([0, 400], np.int16), "a.u."),
        (np.array([-3.0, 3.0], np.float32), "a.u."),
    ],
)
def test_units_are_told_by_the_voxels(voxels, unit):
    assert guess_unit(voxels) == unit


def test_every_voxel_is_sent_with_its_value_and_place():
    generator = np.random.default_rng(0)
    grid = Grid((5, 4, 3), OBLIQUE)
    hu = Volume(generator.integers(-1024, 3000, grid.shape).astype(np.int16), grid, "HU")
    signal = Volume(generator.normal(3e5, 1e5, grid.shape).astype(np.float32), grid, "a.u.")
    coded = scene_of_volumes([NamedVolume("ct", hu), NamedVolume("mr", signal)])
    assert coded.scene.shape == (4, 5, 3)
    shown = Grid(coded.scene.shape, np.array(coded.scene.affine))
    read, real = values(coded, 0), hu.voxels
    for index in np.ndindex(shown.shape):
        at = tuple(np.rint(grid.to_index(shown.to_world(index))).astype(int))
        assert read[index] == real[at]
        assert values(coded, 1)[index] == pytest.approx(signal.voxels[at], abs=10)
        assert values(coded, 1)[index] == pytest.approx(
            signal.voxels[at], abs=coded.scene.layers[1].step * 0.51
        )


def test_others_come_to_the_first_ones_grid_and_end_where_they_end():
    fine = Grid((6, 6, 6), np.eye(4))
    coarse_affine = np.diag([2.0, 2.0, 2.0, 1.0])
    coarse = Grid((2, 3, 3), coarse_affine)
    ramp = Volume(np.broadcast_to(np.arange(2.0)[:, None, None], (2, 3, 3)) * 1000, coarse, "a.u.")
    labels = Volume(np.full((2, 3, 3), 3, np.uint8), coarse, "label")
    flat = Volume(np.arange(216, dtype=np.int16).reshape(6, 6, 6) - 1000, fine, "HU")
    named = [NamedVolume("ct", flat), NamedVolume("mr", ramp), NamedVolume("mask", labels)]
    coded = scene_of_volumes(named)
    # Centres at 0 and 2 mm, so 500 between them; the coarse voxels reach from -1 to 3 mm.
    along = values(coded, 1)[:, 2, 2]
    assert along[:3] == pytest.approx([0, 500, 1000], abs=0.1)
    assert np.isnan(along[3:]).all()
    assert set(values(coded, 2)[:3, 2, 2]) == {3.0}
    assert coded.scene.unmeasured  # beyond the coarse one
    assert [(o.base, o.over) for o in coded.scene.overlays] == [
        (None, "layer2"),
        ("layer0", "layer1"),
    ]


def test_volumes_apart_are_refused():
    here = Volume(np.arange(8.0).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)), "a.u.")
    far = np.eye(4)
    far[0, 3] = 100
    there = Volume(here.voxels, Grid((2, 2, 2), far), "a.u.")
    with pytest.raises(GeometryError, match="b does not overlap a"):
        scene_of_volumes([NamedVolume("a", here), NamedVolume("b", there)])


def test_a_constant_volume_is_shown():
    flat = Volume(np.full((2, 2, 2), 7.5, np.float32), Grid((2, 2, 2), np.eye(4)), "a.u.")
    coded = scene_of_volumes([NamedVolume("flat", flat)])
    assert (values(coded, 0) == 7.5).all()
    low, high = coded.scene.layers[0].window
    assert high > low


def test_what_was_not_measured_is_no_value_and_sets_no_window():
    generator = np.random.default_rng(3)
    grid = Grid((5, 4, 3), OBLIQUE)
    measured = generator.random(grid.shape) < 0.6
    signal = np.where(measured, generator.normal(500, 20, grid.shape), -1024).astype(np.float32)
    mr = Volume(signal, grid, "a.u.", measured)
    whole = Volume(np.arange(60, dtype=np.int16).reshape(grid.shape), grid, "HU")
    coded = scene_of_volumes([NamedVolume("ct", whole), NamedVolume("mr", mr)])
    assert coded.scene.unmeasured
    assert not scene_of_volumes([NamedVolume("ct", whole)]).scene.unmeasured
    turned = to_ras(mr)
    np.testing.assert_array_equal(np.isnan(values(coded, 1)), ~turned.measured)
    np.testing.assert_allclose(
        values(coded, 1)[turned.measured], turned.voxels[turned.measured], atol=0.1
    )
    assert coded.scene.layers[1].window[0] > 400
    assert not np.isnan(values(coded, 0)).any()
