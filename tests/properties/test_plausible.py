"""What is spoilt in a head is found, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.properties.bone_hu import BoneHu
from mrtoct.properties.plausible import doubts_about, look_at_sct
from mrtoct.properties.skull import skull_mask
from mrtoct.properties.vault import look_at_vault, mirrored, patches, upper_directions
from mrtoct.volume import Grid, Volume

MIDDLE = np.array([3.0, -5.0, 8.0])


def ellipsoid_head(tilt: float = 0.0) -> Volume:
    """A head of an ellipsoid, 150 x 180 mm and tall, with a neck and a skull of 7 mm, in HU."""
    grid = Grid.from_box((-92, -115, -112), (98, 105, 113), (2.2, 2.0, 2.4))
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - MIDDLE
    turned = points @ np.array([[np.cos(tilt), -np.sin(tilt), 0],
                                [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])  # fmt: skip
    depth = (1 - np.linalg.norm(turned / [77, 92, 92], axis=-1)) * 85
    hu = np.interp(depth, [-0.8, 0.8, 5.2, 6.8, 12.2, 13.8], [-1000, 20, 20, 950, 950, 40])
    neck = (np.hypot(points[..., 0], points[..., 1] + 20) < 55) & (points[..., 2] < -40)
    hu[neck & (depth < 0.8)] = 30
    noise = np.random.default_rng(3).normal(0, 8, hu.shape)
    return Volume(np.rint(hu + noise).astype(np.int16), grid, "HU")


@pytest.fixture(scope="module")
def clean() -> Volume:
    return ellipsoid_head()


def away(sct: Volume) -> np.ndarray:
    return sct.grid.to_world(np.moveaxis(np.indices(sct.grid.shape), 0, -1)) - MIDDLE


def kinds(sct: Volume) -> set[str]:
    return {finding.kind for finding in look_at_sct(sct).findings}


def test_a_good_head_is_measured_and_nothing_is_odd(clean):
    found = look_at_sct(clean)
    assert not found.findings
    assert found.thickness_mm[1] == pytest.approx(7.0, abs=1.0)
    assert found.sides_mm[0] == pytest.approx(found.sides_mm[1], rel=0.04)
    assert found.bone_hu[1] == pytest.approx(940, abs=30)
    assert (found.brain_air_ml, found.wall_air_cm2, found.holes_cm2) == (0, 0, [])
    assert json.loads(json.dumps(found.facts()))["findings"] == []


def test_a_hole_is_found_with_its_area_and_place(clean):
    at = away(clean)
    hu = clean.voxels.copy()
    hole = (np.hypot(at[..., 1], at[..., 2] - 40) < 15) & (at[..., 0] < 0) & (hu > 200)
    hu[hole] = 40
    found = look_at_sct(clean.with_voxels(hu))
    assert {f.kind for f in found.findings} == {"hole"}
    # A disc of 15 mm radius, closed at its rim, on a slope.
    assert found.holes_cm2[0] == pytest.approx(np.pi * 1.5**2, rel=0.35)
    assert "at the top, left" in found.findings[0].sentence


def test_a_temple_without_bone_is_found_below_the_vault(clean):
    at = away(clean)
    hu = clean.voxels.copy()
    lost = (at[..., 0] < 0) & (np.abs(at[..., 1]) < 30) & (np.abs(at[..., 2]) < 22) & (hu > 200)
    hu[lost] = 40
    found = look_at_sct(clean.with_voxels(hu))
    assert "temple" in {finding.kind for finding in found.findings}
    right, left = found.open_temples
    assert right == 0
    assert 0.2 < left < 0.9
    assert look_at_sct(clean).open_temples == (0, 0)


def test_bone_is_compared_with_that_of_the_training(clean):
    assert kinds(clean) == set()
    harder = BoneHu(8, (1250.0, 1400.0), (1000.0, 1500.0))
    (finding,) = look_at_sct(clean, harder).findings
    assert finding.kind == "bone-hu"
    assert "1000 to 1680 is usual" in finding.sentence
    assert "softer than in its model's training CTs" in finding.sentence
    alike = BoneHu(8, (900.0, 980.0), (930.0, 1000.0))
    assert not look_at_sct(clean, alike).findings


def test_doubts_are_findings_even_where_nothing_can_be_measured(clean, head):
    assert doubts_about(clean) == []
    (finding,) = doubts_about(head.mr["T1"].with_voxels(head.mr["T1"].voxels, "HU"))
    assert (finding.weight, finding.kind, finding.scan) == ("doubtful", "no-head", "synthetic CT")


def test_holes_apart_are_counted_apart(clean):
    at = away(clean)
    hu = clean.voxels.copy()
    for y in (-35, 35):
        hu[(np.hypot(at[..., 0], at[..., 1] - y) < 11) & (at[..., 2] > 0) & (hu > 200)] = 40
    changed = clean.with_voxels(hu)
    vault = look_at_vault(changed, skull_mask(changed), head_mask_ct(changed))
    parts = patches(vault, vault.bone_mm < 1)
    assert len([p for p in parts if vault.area_cm2(p) > 1]) == 2


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("sides", lambda at, hu: np.where((at[..., 0] > 0) & (hu > 200), hu * 0.72, hu)),
        ("bone-hu", lambda at, hu: np.where(hu > 200, 200 + (hu - 200) * 0.25, hu)),
        ("little-bone", lambda at, hu: np.minimum(hu, 280)),
        ("bone-in-brain", lambda at, hu: np.where(
            np.hypot(at[..., 0], at[..., 1]) + np.abs(at[..., 2] - 30) < 15, 350, hu)),
        ("air-in-brain", lambda at, hu: np.where(
            np.linalg.norm(at - [0, 20, 40], axis=-1) < 9, -900, hu)),
        ("air-in-vault", lambda at, hu: np.where(
            (hu > 700) & (at[..., 1] < -60) & (at[..., 2] > 20), -900, hu)),
    ],
)  # fmt: skip
def test_what_is_spoilt_is_found(clean, kind, spoil):
    hu = np.rint(spoil(away(clean), clean.voxels)).astype(np.int16)
    assert kind in kinds(clean.with_voxels(hu))


def test_a_head_turned_in_the_scan_is_no_asymmetric_one():
    turned = ellipsoid_head(np.radians(12))
    assert kinds(turned) == set()
    vault = look_at_vault(turned, skull_mask(turned), head_mask_ct(turned))
    right, left = mirrored(vault)
    assert len(right) > 800
    normal = np.array([np.cos(np.radians(12)), np.sin(np.radians(12)), 0])
    across = vault.directions[right] * vault.outer_mm[right, None]
    across -= vault.directions[left] * vault.outer_mm[left, None]
    length = np.linalg.norm(across, axis=1)
    far = length > 60
    assert np.abs(across[far] @ normal / length[far]).mean() > 0.99


def test_a_scan_without_the_vault_is_looked_at_without_it(clean):
    low = clean.cropped((slice(0, clean.grid.shape[0]), slice(0, clean.grid.shape[1]),
                         slice(0, 60)))  # fmt: skip
    crop = Volume(np.ascontiguousarray(low.voxels), low.grid, "HU")
    found = look_at_sct(crop)
    assert found.bone_part > 0.05
    assert found.thickness_mm is not None


def test_a_vault_without_bone_is_one_hole_and_has_no_sides_to_compare(clean):
    at = away(clean)
    bare = (at[..., 2] > 0) & (clean.voxels > 200)
    found = look_at_sct(clean.with_voxels(np.where(bare, 40, clean.voxels).astype(np.int16)))
    assert "hole" in {finding.kind for finding in found.findings}
    assert np.isnan(found.sides_mm).all() and np.isnan(found.sides_hu).all()
    assert found.holes_cm2[0] > 150


def test_rays_are_even():
    directions = upper_directions(2500)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    mean = directions.mean(axis=0)
    low = np.sin(np.radians(12.0))
    np.testing.assert_allclose(mean, [0, 0, (1 + low) / 2], atol=2e-3)


def test_what_is_no_ct_is_refused(head):
    with pytest.raises(ValueRangeError, match="looks like an MR"):
        look_at_sct(head.mr["T1"])


def test_a_real_head_is_plausible(real_data: Path):
    found = look_at_sct(read_volume(real_data / "ct_heads" / "unc" / "ct.nii.gz", "HU"))
    assert not found.findings
    assert found.bone_hu == pytest.approx((410, 969, 1426), abs=10)
