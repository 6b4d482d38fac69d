"""Tiles and patches give every voxel once and the same numbers however they are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.networks.context_gan import HALO, MARGIN, ContextGenerator, ContextGeneratorConfig
from mrtoct.networks.streaming import StreamedGenerator
from mrtoct.translation.tiling import (
    Box,
    PatchGrid,
    Predict,
    PredictBox,
    ReceptiveField,
    predict_patches,
    predict_tiles,
)
from mrtoct.volume import Array

SIDES = st.tuples(*(st.integers(1, 23),) * 3)


def identity(margin: int, seen: list[tuple[int, ...]] | None = None) -> Predict:
    """The middle of the first channel, as a network that changes nothing would give it."""

    def predict(mr: Array) -> Array:
        if seen is not None:
            seen.append(mr.shape)
        assert mr.dtype == np.float32
        return mr[(slice(None), 0, *(slice(margin, n - margin) for n in mr.shape[2:]))]

    return predict


def boxed(predict: Predict) -> PredictBox:
    """A network of which a box is cut out only when all is computed."""

    def cut(mr: Array, wanted: Box) -> Array:
        return predict(mr[None])[(0, *wanted)]

    return cut


def ball(shape: tuple[int, ...], seed: int) -> Array:
    """A random blob that does not fill the volume."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 2)
    return np.asarray(noise > np.quantile(noise, 0.8))


def smoothing(mr: Array) -> Array:
    """A filter with zero padding of its own after a valid one: margin 1, halo 3, not linear."""
    out = []
    for volume in mr[:, 0]:
        valid = ndimage.uniform_filter(volume, 3, mode="constant")[1:-1, 1:-1, 1:-1]
        squared = np.tanh(3 * valid) + 0.5  # not 0 for 0: the padding counts
        out.append(ndimage.uniform_filter(squared, 5, mode="constant"))
    return np.stack(out).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    shape=SIDES, tile=SIDES, margin=st.integers(0, 3), extra=st.integers(0, 4), seed=st.integers(0)
)
def test_tiles_of_an_identity_are_the_volume(
    shape: tuple[int, int, int], tile: tuple[int, int, int], margin: int, extra: int, seed: int
) -> None:
    mr = np.random.default_rng(seed).random((2, *shape), dtype=np.float32)
    out = np.full(shape, np.nan, dtype=np.float32)
    field = ReceptiveField(margin, margin + extra)
    predict_tiles(boxed(identity(margin)), mr, out, field, tile=tile)
    np.testing.assert_array_equal(out, mr[0])


@settings(max_examples=25, deadline=None)
@given(shape=SIDES, tile=SIDES, seed=st.integers(0, 1000))
def test_tiles_of_any_size_give_one_pass(
    shape: tuple[int, int, int], tile: tuple[int, int, int], seed: int
) -> None:
    mr = np.random.default_rng(seed).random((1, *shape), dtype=np.float32)
    whole = smoothing(np.pad(mr, ((0, 0), (1, 1), (1, 1), (1, 1)))[None])[0]
    out = np.empty(shape, dtype=np.float32)
    predict_tiles(boxed(smoothing), mr, out, ReceptiveField(1, 3), tile=tile)
    np.testing.assert_allclose(out, whole, atol=1e-6)
    head = ball(shape, seed)
    predict_tiles(boxed(smoothing), mr, out, ReceptiveField(1, 3), tile=tile, head=head)
    np.testing.assert_allclose(out, np.where(head, whole, 0), atol=1e-6)


def test_a_halo_too_small_would_show() -> None:
    mr = np.random.default_rng(0).random((1, 21, 22, 23), dtype=np.float32)
    whole = smoothing(np.pad(mr, ((0, 0), (1, 1), (1, 1), (1, 1)))[None])[0]
    out = np.empty(mr.shape[1:], dtype=np.float32)
    predict_tiles(boxed(smoothing), mr, out, ReceptiveField(1, 2), tile=(8, 8, 8))
    assert np.abs(out - whole).max() > 0.01


@settings(max_examples=30, deadline=None)
@given(
    shape=SIDES,
    size=st.integers(1, 9),
    margin=st.integers(0, 3),
    part=st.floats(0, 0.5),
    batch=st.integers(1, 7),
    seed=st.integers(0, 1000),
)
def test_patches_of_an_identity_are_the_volume(
    shape: tuple[int, int, int], size: int, margin: int, part: float, batch: int, seed: int
) -> None:
    mr = np.random.default_rng(seed).random((1, *shape), dtype=np.float32)
    out = np.full(shape, np.nan, dtype=np.float32)
    grid = PatchGrid(size, margin, overlap=int(part * size))
    predict_patches(identity(margin), mr, out, grid, batch=batch)
    np.testing.assert_allclose(out, mr[0], atol=1e-6)
    head = ball(shape, seed)
    predict_patches(identity(margin), mr, out, grid, batch=batch, head=head)
    np.testing.assert_allclose(out, np.where(head, mr[0], 0), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 40), part=st.floats(0, 0.5), length=st.integers(1, 120))
def test_weights_add_up_to_one_along_an_axis(size: int, part: float, length: int) -> None:
    grid = PatchGrid(size, 0, overlap=int(part * size))
    weights = grid.weights().astype(np.float64)
    line = np.cbrt(np.einsum("iii->i", weights))  # the same along each axis
    np.testing.assert_allclose(weights, np.einsum("i,j,k->ijk", line, line, line), atol=1e-6)
    total = np.zeros(length + 2 * size)
    for start in grid.starts(length):
        total[start + size : start + 2 * size] += line
    np.testing.assert_allclose(total[size:-size], 1, atol=1e-6)


def test_blended_by_hand() -> None:
    """Patches of 4 that share 2: each weighs 1/4, 3/4, 3/4, 1/4; their values are 0, 1, 2, 3."""
    count = iter(range(100))

    def constant(mr: Array) -> Array:
        # Four patches, two along J and two along K, at each start along I.
        return np.stack([np.full((4, 4, 4), next(count) // 4, np.float32) for _ in mr])

    out = np.empty((6, 1, 1), dtype=np.float32)
    grid = PatchGrid(4, 0, overlap=2)
    assert list(grid.starts(6)) == [-2, 0, 2, 4]
    predict_patches(constant, np.zeros((1, 6, 1, 1), np.float32), out, grid)
    np.testing.assert_allclose(out[:, 0, 0], [0.25, 0.75, 1.25, 1.75, 2.25, 2.75])


def test_a_voxel_is_computed_once_and_only_with_head() -> None:
    shape = (40, 33, 50)
    mr = np.ones((1, *shape), dtype=np.float32)
    head = np.zeros(shape, dtype=bool)
    head[5:9, 30:33, 20:22] = True  # in one tile along I, two along J
    out = np.empty(shape, dtype=np.float32)
    seen: list[tuple[int, ...]] = []
    predict_tiles(
        boxed(identity(2, seen)), mr, out, ReceptiveField(2, 3), tile=(20, 31, 50), head=head
    )
    # Tiles along J end at round(33 / 2) = 16: both head parts lie in the second.
    assert seen == [(1, 1, 4 + 6, 3 + 3 + 2, 2 + 6)]
    np.testing.assert_array_equal(out, head)

    seen.clear()
    predict_patches(identity(2, seen), mr, out, PatchGrid(8, 2), batch=3, head=head)
    # Rows 5..8 lie in two patches, 30..32 in two, 20..21 in one.
    assert [s[0] for s in seen] == [3, 1]
    np.testing.assert_array_equal(out, head)


def test_memory_is_bounded_by_the_tile() -> None:
    mr = np.zeros((1, 70, 64, 55), dtype=np.float32)
    seen: list[tuple[int, ...]] = []
    out = np.empty(mr.shape[1:], dtype=np.float32)
    predict_tiles(boxed(identity(1, seen)), mr, out, ReceptiveField(1, 4), tile=(20, 10, 15))
    assert max(s[2] for s in seen) <= 28
    assert max(s[3] for s in seen) <= 18
    assert max(s[4] for s in seen) <= 23
    assert len(seen) == 4 * 7 * 4


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_memory_maps_in_and_out(tmp_path: Path, kind: type) -> None:
    values = np.random.default_rng(1).random((1, 9, 10, 11)).astype(kind)
    np.save(tmp_path / "mr.npy", values)
    mr = np.load(tmp_path / "mr.npy", mmap_mode="r")
    for name in ("tiles", "patches"):
        path = tmp_path / f"{name}.npy"
        out = np.lib.format.open_memmap(path, "w+", np.float32, mr.shape[1:])
        if name == "tiles":
            predict_tiles(boxed(identity(1)), mr, out, ReceptiveField(1, 1), tile=(4, 4, 4))
        else:
            predict_patches(identity(1), mr, out, PatchGrid(4, 1, 2), batch=5)
        out.flush()
        np.testing.assert_allclose(np.load(path), values[0], atol=1e-6)


@pytest.fixture(scope="module")
def generator() -> ContextGenerator:
    torch.manual_seed(7)
    network = ContextGenerator(ContextGeneratorConfig(width=2)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.running_var, 0.1, 0.4)
    return network


def test_the_context_generator_in_tiles_is_one_pass(generator: ContextGenerator) -> None:
    rng = np.random.default_rng(2)
    mr = rng.random((1, 39, 45, 31), dtype=np.float32)
    padded = np.pad(mr, ((0, 0), *((MARGIN, MARGIN),) * 3))
    with torch.no_grad():
        whole = generator(torch.from_numpy(padded)[None])[0, 0].numpy()
    assert whole.std() > 1e-3

    def at_once(tile: Array) -> Array:
        with torch.no_grad():
            return np.asarray(generator(torch.from_numpy(tile))[:, 0].numpy())

    def in_planes(tile: Array, wanted: Box) -> Array:
        return np.asarray(streamed(torch.from_numpy(tile)[None], wanted)[0, 0].numpy())

    streamed = StreamedGenerator(generator, 8 * 40 * 40)
    field = ReceptiveField()
    assert (field.margin, field.halo) == (MARGIN, HALO)
    out = np.empty_like(whole)
    for predict, tile in ((boxed(at_once), (20, 16, 31)), (in_planes, (39, 23, 16))):
        predict_tiles(predict, mr, out, field, tile=tile)
        np.testing.assert_allclose(out, whole, atol=1e-5)

    # Patches as trained: each is the network's own answer to it alone, and not the one pass.
    predict_patches(at_once, mr, out, PatchGrid(), batch=5)
    with torch.no_grad():
        alone = generator(torch.from_numpy(padded[:, 16:48, 0:32, 0:32].copy())[None])[0, 0]
    np.testing.assert_allclose(out[16:32, :16, :16], alone, atol=1e-5)
    assert np.abs(out - whole).max() > 1e-3
    other = np.empty_like(out)
    predict_patches(at_once, mr, other, PatchGrid(), batch=1)
    np.testing.assert_allclose(other, out, atol=1e-5)


def test_what_cannot_be_is_named() -> None:
    mr, out = np.zeros((1, 4, 5, 6), np.float32), np.zeros((4, 5, 6), np.float32)
    with pytest.raises(ValueError, match="halo, got 3 and 2"):
        ReceptiveField(3, 2)
    with pytest.raises(ValueError, match="half the size 5, got 3"):
        PatchGrid(5, 1, 3)
    with pytest.raises(ValueError, match="got 0 and 1"):
        PatchGrid(0, 1)
    with pytest.raises(ValueRangeError, match=r"at least 1 voxel, got \[4, 0, 4\]"):
        predict_tiles(boxed(identity(0)), mr, out, ReceptiveField(0, 0), tile=(4, 0, 4))
    with pytest.raises(ValueRangeError, match="at least 1 patch, got 0"):
        predict_patches(identity(0), mr, out, PatchGrid(4, 0), batch=0)
    with pytest.raises(ValueError, match=r"\[1, 4, 5, 6\], \[4, 5, 6\] and \[4, 5, 5\]"):
        predict_tiles(boxed(identity(0)), mr, out, head=np.ones((4, 5, 5), bool))
    with pytest.raises(ValueError, match=r"must give \[4, 5, 6\] voxels, got \[6, 7, 8\]"):
        predict_tiles(lambda mr, wanted: mr[0], mr, out, ReceptiveField(1, 1))
