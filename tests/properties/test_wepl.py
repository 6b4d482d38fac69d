"""Path lengths through shells whose chords are known."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.curve import through
from mrtoct.properties.ranges import compare_ranges, default_target, range_error
from mrtoct.properties.wepl import Beam, beam_paths, ring, sphere

CURVE = through("made up", ((-1000, 0.0), (0, 1.0), (1000, 1.5), (2000, 2.0)), "nobody")
BEAMS = [b for b in ring(8) if b.name in ("gantry 0", "gantry 45", "gantry 270", "vertex left")]


def chord(outer: float, aside: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(outer**2 - aside**2, 0))


@pytest.fixture(scope="module")
def ct(shells):
    return shells.ct()


def test_beams_come_from_where_a_gantry_is():
    beams = {b.name: np.array(b.towards) for b in ring(36)}
    assert len(beams) == 38
    np.testing.assert_allclose(beams["gantry 0"], (0, -1, 0), atol=1e-9)  # from the front
    np.testing.assert_allclose(beams["gantry 90"], (1, 0, 0), atol=1e-9)  # from the left
    np.testing.assert_allclose(beams["gantry 270"], (-1, 0, 0), atol=1e-9)
    assert beams["vertex left"][2] == pytest.approx(-np.sin(np.pi / 3))
    assert all(np.linalg.norm(t) == pytest.approx(1) for t in beams.values())


@pytest.mark.parametrize("beam", BEAMS, ids=lambda b: b.name)
def test_the_length_is_that_of_the_layers(shells, ct, beam):
    target = sphere(ct, shells.middle, 20.0)
    body = head_mask_ct(ct)
    paths = beam_paths(ct, ct, body, target, beam, CURVE)
    assert np.abs(paths.error_mm).max() == 0
    aside = np.linalg.norm(paths.across_mm, axis=1)
    assert aside.max() == pytest.approx(20, abs=2.5)
    scalp = (chord(74, aside) - chord(68, aside)) * 1.01
    skull = (chord(68, aside) - chord(60, aside)) * 1.5
    brain = (chord(60, aside) + chord(20, aside)) * (1 + 40 * 0.0005)
    near = aside < 17  # the ball's rim is a voxel's
    np.testing.assert_allclose(paths.real_mm[near], (scalp + skull + brain)[near], atol=2.6)
    assert abs((paths.real_mm - scalp - skull - brain)[near].mean()) < 0.9


def test_a_softer_skull_is_a_shorter_range_and_by_how_much(shells, ct):
    hu = np.where(ct.voxels > 300, ct.voxels - 200, ct.voxels).astype(np.int16)
    target = sphere(ct, shells.middle, 20.0)
    result = compare_ranges(ct.with_voxels(hu), ct, target, BEAMS, CURVE)
    aside = np.linalg.norm(np.concatenate([p.across_mm for p in result.paths]), axis=1)
    expected = -0.1 * (chord(68, aside) - chord(60, aside)).mean()
    assert result.all.mean_mm == pytest.approx(expected, abs=0.06)
    assert result.all.far == 0
    assert set(result.by_beam) == {b.name for b in BEAMS}
    assert result.all.rays == sum(e.rays for e in result.by_beam.values())


def test_what_the_synthetic_ct_lacks_outside_the_body_does_not_count(shells, ct):
    _, radius = shells.radii()
    cut = ct.with_voxels(np.where(radius > 78, 300, ct.voxels).astype(np.int16))
    body = head_mask_ct(ct)
    paths = beam_paths(ct, cut, body, sphere(ct, shells.middle, 20.0), BEAMS[0], CURVE)
    assert np.abs(paths.error_mm).max() == 0


def test_the_target_is_in_the_brain_where_none_is_named(shells, ct):
    target = default_target(ct)
    middle = ct.grid.to_world(np.argwhere(target.voxels)).mean(axis=0)
    np.testing.assert_allclose(middle, shells.middle, atol=1.5)


def test_errors_are_summarised():
    error = range_error(np.array([1.0, -3.0, 0.0, 2.0]), np.array([50.0, 100.0, 100.0, 40.0]))
    assert (error.rays, error.mean_mm, error.mean_abs_mm) == (4, 0.0, 1.5)
    assert error.sd_mm == pytest.approx(np.sqrt(3.5), abs=1e-3)
    assert error.mean_percent == pytest.approx((2 - 3 + 0 + 5) / 4)
    assert error.far == 0.5  # 3 mm; 5 %


def test_what_cannot_be_compared(shells, ct, head):
    target = sphere(ct, shells.middle, 20.0)
    with pytest.raises(ValueRangeError, match="the synthetic CT: looks like an MR"):
        compare_ranges(head.mr["T1"], ct, target, BEAMS, CURVE)
    with pytest.raises(ValueRangeError, match="the target is empty"):
        nothing = target.with_voxels(np.zeros_like(target.voxels))
        compare_ranges(ct, ct, nothing, BEAMS, CURVE)
    with pytest.raises(GeometryError, match="lies outside the CT"):
        sphere(ct, (500, 0, 0), 20.0)
    outside = sphere(ct, np.array(shells.middle) + np.array([79.0, 79.0, 79.0]), 3.0)
    with pytest.raises(ValueRangeError, match="lies outside the body"):
        compare_ranges(ct, ct, outside, [Beam("away", (-1.0, 0.0, 0.0))], CURVE)
