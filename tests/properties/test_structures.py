from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.properties.structures import structures_of


def test_the_masks_are_the_shells(shells):
    _, radius = shells.radii()
    found = {s.name: s for s in structures_of(shells.ct())}
    assert [(s.name, s.type) for s in found.values()] == [
        ("EXTERNAL", "EXTERNAL"), ("BONE", "ORGAN"), ("AIR", "CAVITY"), ("BRAIN", "ORGAN"),
    ]  # fmt: skip
    for name, true in (
        ("EXTERNAL", radius < 74),
        ("BONE", (radius > 60) & (radius < 68)),
        ("BRAIN", radius < 60),
    ):
        mask = found[name].mask.voxels
        assert 2 * (mask & true).sum() / (mask.sum() + true.sum()) > 0.95, name
    assert not found["AIR"].mask.voxels.any()


def test_external_is_one_filled_part_a_slice(head):
    external, bone, air, brain = structures_of(head.ct)
    for k in range(head.ct.grid.shape[2]):
        plane = external.mask.voxels[:, :, k]
        assert ndimage.label(plane)[1] <= 1
        assert (ndimage.binary_fill_holes(plane) == plane).all()
    inside = external.mask.voxels
    assert air.mask.voxels.sum() > 50
    for part in (bone, air):
        assert not (part.mask.voxels & ~inside).any()
    hu = head.ct.voxels
    assert np.median(hu[brain.mask.voxels]) == pytest.approx(30, abs=25)
