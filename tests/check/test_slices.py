"""Slices that are empty, repeated, out of order or missing."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.slices import check_slices
from mrtoct.prepare.mask import head_mask_ct, head_mask_mr
from mrtoct.volume import Grid, Volume


@pytest.fixture(scope="module", params=["ct", "mr"])
def scan(request, phantom):
    """A volume, its head mask, and the values between which slices are compared."""
    if request.param == "ct":
        ct = phantom.ct.with_voxels(np.maximum(phantom.ct.voxels, -1024))
        return ct, head_mask_ct(ct).voxels, -1000.0, 1000.0
    mr = phantom.mr["T1"]
    head = head_mask_mr(mr).voxels
    return mr, head, 0.0, float(np.percentile(mr.voxels[head], 99.5))


def reordered(scan, order):
    volume, head, low, high = scan
    return check_slices(volume.with_voxels(volume.voxels[:, :, order]), head, low, high, "CT")


def test_slices_in_order_are_fine(scan):
    assert check_slices(*scan, "CT") == []


def test_exchanged_slices_are_named(scan):
    order = list(range(scan[0].grid.shape[2]))
    order[15], order[16] = order[16], order[15]
    (finding,) = reordered(scan, order)
    assert finding.kind == "slice-order"
    assert finding.sentence.startswith("slice 15 and the next fit better")


def test_a_stack_of_interleaved_slices_is_named(scan):
    count = scan[0].grid.shape[2]
    (finding,) = reordered(scan, [*range(0, count, 2), *range(1, count, 2)])
    assert finding.kind == "slice-order"
    assert "interleaved" in finding.sentence


def test_sagittal_slices_look_like_those_of_the_other_side():
    """A ball whose halves differ by noise alone, in slices so thick that neighbours differ more."""
    grid = Grid.from_box((-80,) * 3, (80,) * 3, (8.0, 2.0, 2.0))
    x, y, z = np.moveaxis(
        grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)), -1, 0
    )
    head = x**2 + y**2 + z**2 < 75**2
    stripes = 1 + np.sin(y / (3 + np.abs(x) / 8)) * np.cos(z / 5 + np.abs(x) / 10)
    noise = np.random.default_rng(0).normal(0, 0.05, grid.shape)
    ball = Volume((head * (stripes + noise)).astype(np.float32), grid, "a.u.")
    slices = ball.voxels[3:17].reshape(14, -1)
    alike = np.corrcoef(slices) - 2 * np.eye(14)
    assert np.mean(np.abs(alike.argmax(axis=1) - np.arange(14)) > 2) > 0.5
    assert check_slices(ball, head, 0.0, 2.0, "MR") == []
    order = [*range(0, 20, 2), *range(1, 20, 2)]
    (finding,) = check_slices(ball.with_voxels(ball.voxels[order]), head, 0.0, 2.0, "MR")
    assert finding.kind == "slice-order"


def test_a_repeated_slice_and_an_empty_one_are_named(scan):
    order = list(range(scan[0].grid.shape[2]))
    order[12] = 11
    (finding,) = reordered(scan, order)
    assert finding.kind == "repeated-slices"
    assert finding.sentence.startswith("slice 11 and the next are identical")
    volume, head, low, high = scan
    voxels = volume.voxels.copy()
    voxels[:, :, [9, 14]] = voxels.min()
    (finding,) = check_slices(volume.with_voxels(voxels), head, low, high, "CT")
    assert finding.kind == "empty-slices"
    assert finding.sentence.startswith("slices 9, 14 inside the head have a constant value")


def test_missing_slices_are_a_jump(scan):
    volume, head, low, high = scan
    kept = [k for k in range(volume.grid.shape[2]) if not 12 <= k < 17]
    shorter = volume.cropped((slice(0, 64), slice(0, 64), slice(0, len(kept))))
    shorter = shorter.with_voxels(volume.voxels[:, :, kept])
    (finding,) = check_slices(shorter, head[:, :, kept], low, high, "CT")
    assert finding.kind == "slice-jump"
    assert "between slice 11 and the next" in finding.sentence
