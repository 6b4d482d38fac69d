"""Slices against the store's voxels: orientation, normalisation, padding, another spacing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.store import PreparedSubject, read_subject
from mrtoct.resample import resample, resample_mask
from mrtoct.sampling.slices import SliceSet, centered, neighbouring
from mrtoct.sampling.subjects import load_subject
from mrtoct.volume import AIR_HU, Array

STORE_SPACING = (4.0, 4.0, 4.0)


def slice_set(
    store: Path,
    names: list[str],
    size: tuple[int, int],
    spacing: tuple[float, float, float] = STORE_SPACING,
    scaling: MrScaling = MrScaling(),
    window: HuWindow = HuWindow(),
    neighbours: int = 0,
) -> SliceSet:
    subjects = [
        load_subject(store, name, channels=("mr",), spacing=spacing, scaling=scaling)
        for name in names
    ]
    return SliceSet(subjects, size=size, window=window, neighbours=neighbours)


def fitted(slices: Array, size: tuple[int, int], fill: float) -> Array:
    """Pad or crop (N, J, I) evenly about the middle, one axis after the other."""
    for axis, length in ((2, size[0]), (1, size[1])):
        extra = length - slices.shape[axis]
        if extra >= 0:
            width = [(0, 0)] * 3
            width[axis] = (extra // 2, extra - extra // 2)
            slices = np.pad(slices, width, constant_values=fill)
        else:
            first = -extra // 2
            slices = np.take(slices, range(first, first + length), axis=axis)
    return slices


def scaled_by_hand(mr: Array, head: Array, low: float = 1, high: float = 99) -> Array:
    a, b = np.percentile(mr[head], (low, high))
    return np.where(head, np.clip((mr - a) / (b - a), 0, 1.5), 0)


def transverse(voxels: Array, subject: PreparedSubject) -> Array:
    """Kept slices as (K, J, I)."""
    return voxels.transpose(2, 1, 0)[subject.kept_slices]


@pytest.mark.parametrize("size", [(64, 64), (61, 40), (30, 71), (33, 33)])
def test_a_batch_holds_the_stores_normalised_voxels(
    tiny_store: Path, size: tuple[int, int]
) -> None:
    subject = read_subject(tiny_store, "head1")
    slices = slice_set(tiny_store, ["head1"], size)
    assert 0 < len(slices) == len(subject.kept_slices) < subject.ct.grid.shape[2]
    batch = slices.batch(list(range(len(slices))))
    assert batch.mr.shape == (len(slices), 1, size[1], size[0])

    mr = scaled_by_hand(subject.mr.voxels, subject.mr_head.voxels)
    ct = (subject.ct.voxels.astype(float) + 1024) / 4095
    for tensor, voxels, fill, tolerance in (
        (batch.mr, mr, 0, 1e-3),  # held as float16
        (batch.ct, ct, 0, 1e-6),
        (batch.covered, subject.covered.voxels.astype(float), 1, 0),
        (batch.head, (subject.head.voxels | subject.mr_head.voxels).astype(float), 0, 0),
    ):
        assert tensor.dtype == torch.float32
        expected = fitted(transverse(voxels, subject), size, fill)
        np.testing.assert_allclose(tensor[:, 0].numpy(), expected, atol=tolerance, rtol=0)


def test_indices_pick_slices_in_their_order_and_subjects_follow_one_another(
    tiny_store: Path,
) -> None:
    both = slice_set(tiny_store, ["head2", "head1"], (64, 64))
    second, first = (slice_set(tiny_store, [n], (64, 64)) for n in ("head2", "head1"))
    assert len(both) == len(first) + len(second)
    picked = both.batch([len(second) + 7, 3, 3])
    torch.testing.assert_close(picked.ct[0], first.batch([7]).ct[0])
    torch.testing.assert_close(picked.ct[1], second.batch([3]).ct[0])
    assert torch.equal(picked.mr[1], picked.mr[2])


def test_the_heads_nose_is_where_j_is_high(tiny_store: Path) -> None:
    """H runs along J (back to front), W along I (right to left), neither mirrored."""
    subject = read_subject(tiny_store, "head1")
    slices = slice_set(tiny_store, ["head1"], subject.ct.grid.shape[:2])
    batch = slices.batch([20])
    k = subject.kept_slices[20]
    for i, j in ((10, 30), (30, 10), (24, 44), (11, 17)):
        hu = batch.ct[0, 0, j, i].item() * 4095 - 1024
        assert hu == pytest.approx(float(subject.ct.voxels[i, j, k]), abs=0.01)


def test_window_and_scaling_are_the_recipes_not_the_stores(tiny_store: Path) -> None:
    subject = read_subject(tiny_store, "head1")
    slices = slice_set(
        tiny_store,
        ["head1"],
        (64, 64),
        scaling=MrScaling(low_percentile=5, high_percentile=90, ceiling=1.2),
        window=HuWindow(-200, 800),
    )
    batch = slices.batch(list(range(len(slices))))
    mr = np.minimum(scaled_by_hand(subject.mr.voxels, subject.mr_head.voxels, 5, 90), 1.2)
    expected = fitted(transverse(mr, subject), (64, 64), 0)
    np.testing.assert_allclose(batch.mr[:, 0].numpy(), expected, atol=1e-3)
    ct = np.clip((subject.ct.voxels.astype(float) + 200) / 1000, 0, 1)
    expected = fitted(transverse(ct, subject), (64, 64), 0)
    np.testing.assert_allclose(batch.ct[:, 0].numpy(), expected, atol=1e-6)


def test_another_spacing_is_resampled(tiny_store: Path) -> None:
    subject = read_subject(tiny_store, "head1")
    spacing = (5.0, 6.0, 3.0)
    slices = slice_set(tiny_store, ["head1"], (64, 64), spacing)
    grid = subject.ct.grid.upright(spacing)
    mr = resample(subject.mr, grid, fill=0.0)
    ct = resample(subject.ct, grid, fill=AIR_HU)
    # A new slice is kept where the store's slice nearest to its middle is.
    store_z = subject.ct.affine[2, 3] + 4.0 * np.arange(subject.ct.grid.shape[2])
    new_z = grid.affine[2, 3] + 3.0 * np.arange(grid.shape[2])
    nearest = np.abs(new_z[:, None] - store_z).argmin(axis=1)
    kept = np.isin(nearest, subject.kept_slices)
    assert len(slices) == kept.sum() > len(subject.kept_slices)
    batch = slices.batch(list(range(len(slices))))
    for tensor, voxels, fill, tolerance in (
        (batch.mr, scaled_by_hand(mr.voxels, head_mask_mr(mr).voxels), 0, 1e-3),
        (batch.ct, (np.rint(ct.voxels) + 1024) / 4095, 0, 1e-6),
        (batch.covered, resample_mask(subject.covered, grid).voxels, 1, 0),
        (
            batch.head,
            resample_mask(subject.head, grid).voxels | head_mask_mr(mr).voxels,
            0,
            0,
        ),
    ):
        expected = fitted(voxels.transpose(2, 1, 0)[kept], (64, 64), fill)
        np.testing.assert_allclose(tensor[:, 0].numpy(), expected, atol=tolerance, rtol=0)


def test_to_a_device_keeps_the_values_channels_last(tiny_store: Path) -> None:
    batch = slice_set(tiny_store, ["head1"], (64, 64)).batch([1, 2])
    moved = batch.to(torch.device("cpu"))
    assert moved.mr.is_contiguous(memory_format=torch.channels_last)
    for name in ("mr", "ct", "covered", "head"):
        assert torch.equal(getattr(moved, name), getattr(batch, name))


@pytest.mark.parametrize(
    ("old", "new", "into", "of"),
    [
        (5, 8, (1, 6), (0, 5)),
        (8, 5, (0, 5), (1, 6)),
        (4, 7, (1, 5), (0, 4)),
        (7, 4, (0, 4), (1, 5)),
        (6, 6, (0, 6), (0, 6)),
    ],
)
def test_centered_by_hand(old: int, new: int, into: tuple[int, int], of: tuple[int, int]) -> None:
    assert centered((old,), (new,)) == ((slice(*into),), (slice(*of),))


def test_nobody_or_nothing_is_refused(tiny_store: Path) -> None:
    with pytest.raises(CohortError, match="no usable slice in no subjects"):
        slice_set(tiny_store, [], (64, 64))
    with pytest.raises(CohortError, match="head9"):
        slice_set(tiny_store, ["head9"], (64, 64))


def test_neighbours_are_shown_as_channels_and_the_ends_repeated(tiny_store: Path) -> None:
    subject = load_subject(
        tiny_store, "head1", channels=("mr",), spacing=STORE_SPACING, scaling=MrScaling()
    )
    size = subject.hu.shape[:2]
    slices = SliceSet([subject], size=size, window=HuWindow(), neighbours=2)
    depth = subject.hu.shape[2]
    for number in (0, 7, len(slices) - 1):
        k = subject.kept[number]
        batch = slices.batch([number])
        assert batch.mr.shape == (1, 5, size[1], size[0])
        assert batch.ct.shape == (1, 1, size[1], size[0])
        for image, offset in zip(batch.mr[0].numpy(), range(-2, 3), strict=True):
            wanted = min(max(k + offset, 0), depth - 1)
            np.testing.assert_array_equal(image, subject.mr[0, :, :, wanted].T)


def test_several_channels_keep_their_order_among_the_neighbours() -> None:
    mr = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    stack = neighbouring(mr, 0, 1)
    assert stack.shape == (6, 4, 3)
    for image, (channel, k) in zip(
        stack, [(0, 0), (1, 0), (0, 0), (1, 0), (0, 1), (1, 1)], strict=True
    ):
        np.testing.assert_array_equal(image, mr[channel, :, :, k].T)
