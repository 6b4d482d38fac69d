"""Metal in a CT: found with its streaks, not found in bone, enamel and noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.io.files import read_scan
from mrtoct.io.scan import Scan
from mrtoct.phantom import TINY, Tissue, make_subject
from mrtoct.prepare.metal import find_metal
from mrtoct.resample import resample
from mrtoct.volume import Grid, Volume

GRID = Grid.from_box((-90, -100, -40), (90, 100, 40), (2.0, 2.0, 4.0))
INDICES = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), axis=-1)
X, Y, Z = np.moveaxis(GRID.to_world(INDICES), -1, 0)


def disc(*, highest: float = 3071.0) -> Volume:
    """A head of water and bone with teeth of enamel, noise of 6 HU."""
    away = np.hypot(X / 80, Y / 90)
    hu = np.select([away < 0.82, away < 0.92, away < 1], [40.0, 1700.0, 30.0], -1000.0)
    hu[(np.abs(X) < 20) & (np.abs(Y - 60) < 3) & (np.abs(Z) < 10)] = 2600  # a row of teeth
    hu += np.random.default_rng(1).normal(0, 6, GRID.shape)
    return Volume(np.rint(np.clip(hu, -1024, highest)).astype(np.int16), GRID, "HU")


def with_streaks(ct: Volume, reach: float, hu: float, k: int, highest: float) -> Volume:
    """A filling at (20, 40) in one slice, with rays that end at a distance."""
    out = ct.voxels.astype(np.float64)
    x, y = X[..., k] - 20, Y[..., k] - 40
    rays = 80 * np.sign(np.sin(24 * np.arctan2(y, x))) * (np.hypot(x, y) < reach)
    out[..., k] += rays + 60 * np.random.default_rng(2).normal(size=x.shape) * (rays != 0)
    out[..., k][np.hypot(x, y) < 5] = hu
    return ct.with_voxels(np.rint(np.clip(out, -1024, highest)).astype(np.int32))


@pytest.mark.parametrize("highest", [3071.0, 32000.0, 2300.0])
@pytest.mark.parametrize("reach", [30.0, 60.0])
def test_metal_and_its_streaks_are_found_on_any_scale(reach, highest):
    k = 8
    metal = find_metal(with_streaks(disc(highest=highest), reach, 12000, k, highest))
    where = np.hypot(X - 20, Y - 40) < 5
    where[..., :k] = where[..., k + 1 :] = False
    found = metal.metal.voxels.copy()
    if highest < 3000:  # where the scale ends in the teeth, those of the slice look alike
        found &= np.hypot(X - 20, Y - 40) < 10
    np.testing.assert_array_equal(found, where)
    assert metal.highest_hu == min(highest, 12000)
    assert metal.volume_ml == pytest.approx(metal.metal.voxels.sum() * 16 / 1000)
    assert metal.reach_mm == pytest.approx(reach, abs=12)
    streaks = np.hypot(X - 20, Y - 40)[..., k] < reach
    assert metal.spoilt.voxels[..., k][streaks].mean() > 0.95
    slices = np.flatnonzero(metal.spoilt.voxels.any(axis=(0, 1)))
    assert slices.tolist() == [k - 1, k, k + 1]


def test_the_slices_are_those_that_lie_across_the_body_however_they_are_stored():
    ct = with_streaks(disc(), 60, 12000, 8, 3071)
    turned = Volume(
        ct.voxels.transpose(2, 0, 1),
        Grid((ct.grid.shape[2], *ct.grid.shape[:2]), ct.affine[:, [2, 0, 1, 3]]),
        "HU",
    )
    found, again = find_metal(ct), find_metal(turned)
    np.testing.assert_array_equal(again.spoilt.voxels.transpose(1, 2, 0), found.spoilt.voxels)
    assert again.reach_mm == found.reach_mm


def test_bone_enamel_and_noise_are_no_metal():
    assert find_metal(disc()) is None
    bright = disc()
    bright.voxels[(np.abs(X) < 20) & (np.abs(Y - 60) < 3) & (np.abs(Z) < 10)] = 3071  # no streaks
    assert find_metal(bright) is None
    assert find_metal(disc(highest=2300.0)) is None  # the teeth are cut off
    specks = disc()
    specks.voxels[np.random.default_rng(3).random(GRID.shape) < 1e-5] = 12000  # 2 voxels apart
    assert find_metal(specks) is None


def test_a_slab_of_nothing_but_teeth_holds_no_metal_unless_streaks_show():
    clean = disc(highest=2300.0)
    slab = (slice(0, 90), slice(0, 100), slice(8, 12))
    teeth = (np.abs(X) < 20) & (np.abs(Y - 60) < 3)
    clean.voxels[teeth] = 2300
    assert find_metal(clean.cropped(slab)) is None
    streaky = clean
    for k in range(8, 12):
        streaky = with_streaks(streaky, 60, 12000, k, 2300)
    assert find_metal(streaky.cropped(slab)) is not None


def test_a_block_beyond_any_tissue_needs_no_streaks():
    ct = disc()
    block = (np.abs(X - 20) < 6) & (np.abs(Y) < 6) & (np.abs(Z) < 6)
    metal = find_metal(ct.with_voxels(np.where(block, 12000, ct.voxels)))
    np.testing.assert_array_equal(metal.metal.voxels, block)
    assert metal.reach_mm == 10
    away = ndimage.distance_transform_edt(~block, sampling=GRID.spacing)
    assert metal.spoilt.voxels[away > 12].sum() == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_phantoms_filling_is_found_where_it_is(seed):
    settings = replace(TINY, metal_probability=1.0)
    subject = make_subject([8, seed], settings)
    labels = subject.labels
    there = labels.with_voxels((labels.voxels == Tissue.METAL).astype(np.float32))
    fraction = resample(there, subject.ct.grid, fill=0.0).voxels
    metal = find_metal(subject.ct)
    assert fraction.max() > 0.3
    near = ndimage.distance_transform_edt(fraction < 0.1, sampling=subject.ct.spacing)
    assert near[metal.metal.voxels].max() < 8
    assert find_metal(make_subject([8, seed], replace(TINY, metal_probability=0.0)).ct) is None


@pytest.mark.slow
def test_fillings_of_a_real_head_and_none_in_meat(real_data):
    ct = read_scan(Scan(real_data / "ct_heads/unc/ct.nii.gz"), "HU")
    metal = find_metal(ct)
    slices = np.flatnonzero(metal.spoilt.voxels.any(axis=(0, 1)))
    assert (slices[0], slices[-1]) == (72, 85)  # upper and lower molars
    assert metal.volume_ml == pytest.approx(4.5, abs=0.5)
    assert find_metal(ct.cropped((slice(0, 256), slice(0, 256), slice(0, 71)))) is None
    meat = read_scan(Scan(real_data / "pork_phantom_ct_mr/ct_full.nii.gz"), "HU")
    assert find_metal(meat) is None
