"""Patches: where they come from, what is in them, and that a step's number decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mrtoct.errors import CohortError
from mrtoct.networks.context_gan import ContextGenerator, ContextGeneratorConfig
from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.patches import PatchSet, PatchSource
from mrtoct.volume import Array

SHAPE = (41, 37, 39)


def head_source(seed: int, shape: tuple[int, int, int] = SHAPE) -> PatchSource:
    """A ball of soft tissue with a little bone and less air, and a voxel's number as its MR."""
    index = np.indices(shape)
    radius = np.sqrt(sum((x - n / 2) ** 2 for x, n in zip(index, shape, strict=True)))
    head = radius < 15
    ct = np.where(head, 40, -1000).astype(np.int16)
    ct[head & (radius > 14)] = 900 + seed
    ct[20:22, 18:20, 19:20] = -900
    number = np.arange(head.size, dtype=np.float32).reshape(shape)
    return PatchSource(np.stack([number, number + 0.5]), ct, head)


def tissue(hu: Array) -> Array:
    return np.where(hu > 250, 0, np.where(hu < -250, 2, 1))


def lowest(mr: Array, margin: int, shape: tuple[int, int, int] = SHAPE) -> tuple[int, ...]:
    """Return where the CT of a patch begins, from the numbers in its MR."""
    number = int(np.rint(mr[0, margin, margin, margin]))
    return tuple(int(x) for x in np.unravel_index(number, shape))


def test_a_patch_is_a_piece_of_its_subject() -> None:
    covered = np.ones(SHAPE, dtype=bool)
    covered[:, :20] = False
    source = replace(head_source(0), covered=covered)
    padded = np.pad(source.mr, ((0, 0), *((8, 8),) * 3))
    patches = PatchSet([source], size=16, margin=8).batch(step=3, count=12)
    assert patches.mr.shape == (12, 2, 32, 32, 32)
    assert patches.ct.shape == patches.head.shape == patches.covered.shape == (12, 1, 16, 16, 16)
    ct = HuWindow().normalise(source.ct)
    for n in range(12):
        low = lowest(patches.mr[n].numpy(), 8)
        of = tuple(slice(a, a + 16) for a in low)
        around = tuple(slice(a, a + 32) for a in low)  # of the padded array
        np.testing.assert_array_equal(patches.mr[n], padded[:, *around])
        np.testing.assert_array_equal(patches.ct[n, 0], ct[of])
        np.testing.assert_array_equal(patches.head[n, 0], source.head[of])
        np.testing.assert_array_equal(patches.covered[n, 0], covered[of])


def test_bone_soft_tissue_and_air_in_turn() -> None:
    source = head_source(0)
    shares = [float((tissue(source.ct[source.head]) == t).mean()) for t in range(3)]
    assert shares[0] < 0.25 and shares[2] < 0.001  # balance is not what chance would give
    patches = PatchSet([source], size=16)
    seen = []
    for step in range(4):
        batch = patches.batch(step, 5)
        for mr in batch.mr.numpy():
            low = np.array(lowest(mr, 8))
            # Well inside the volume the voxel that was drawn is number 8 of the patch.
            if (low > 0).all() and (low < np.array(SHAPE) - 16).all():
                centre = tuple(low + 8)
                assert source.head[centre]
                seen.append((len(seen), int(tissue(source.ct[centre]))))
            else:
                seen.append((len(seen), -1))
    assert [t for _, t in seen if t >= 0] == [n % 3 for n, t in seen if t >= 0]
    assert {t for _, t in seen} >= {0, 1, 2}


def test_the_step_decides_and_not_what_came_before() -> None:
    sources = [head_source(n) for n in range(3)]
    first = PatchSet(sources, size=4, margin=2, seed=5)
    expected = {step: first.batch(step, 6) for step in (0, 1, 7)}
    again = PatchSet(sources, size=4, margin=2, seed=5)
    for step in (7, 0, 1):
        batch = again.batch(step, 6)
        for name in ("mr", "ct", "head", "covered"):
            assert getattr(batch, name).equal(getattr(expected[step], name))
    assert not expected[0].mr.equal(expected[1].mr)
    other = PatchSet(sources, size=4, margin=2, seed=6).batch(0, 6)
    assert not other.mr.equal(expected[0].mr)


def test_every_subject_gives_patches_and_one_without_air_gives_others() -> None:
    sources = [head_source(n) for n in range(3)]
    sources[1].ct[sources[1].ct == -900] = 40
    patches = PatchSet(sources, size=4, margin=0)
    counts = {0: 0, 1: 0, 2: 0}
    for step in range(40):
        batch = patches.batch(step, 3)
        hu = HuWindow().to_hu(batch.ct.numpy())
        for values in hu:
            bone = values[values > 500]
            if bone.size:
                counts[round(float(bone[0])) - 900] += 1
        assert (hu[2 - step * 3 % 3] < -800).any()  # the third has its air
    assert min(counts.values()) >= 5


def test_patches_stay_in_the_volume_or_are_filled_with_air() -> None:
    source = head_source(0)
    small = PatchSource(source.mr[:, 10:20, :, :], source.ct[10:20], source.head[10:20])
    batch = PatchSet([small], size=16, margin=2).batch(0, 9)
    assert batch.ct.shape == (9, 1, 16, 16, 16)
    assert not batch.ct[:, :, 10:].any()  # -1024 HU
    assert not batch.head[:, :, 10:].any()
    assert batch.covered.all()
    assert not batch.mr[:, :, :2].any() and not batch.mr[:, :, 12:].any()
    assert batch.mr[:, :, 2:12, 2:-2, 2:-2].all()


def test_the_halo_as_margin_trains_on_the_numbers_of_the_whole() -> None:
    torch.manual_seed(0)
    generator = ContextGenerator(ContextGeneratorConfig(in_channels=2, width=2)).eval()
    shape = (62, 60, 61)
    source = head_source(0, shape)
    scale = 2.0**-18  # exact, so that the numbers can be told again
    source = replace(source, mr=source.mr * scale)
    whole = torch.from_numpy(np.pad(source.mr, ((0, 0), *((8, 8),) * 3)))[None]
    batch = PatchSet([source], size=4, margin=18).batch(0, 40)
    inner = [n for n in range(40) if batch.mr[n, 1].all()]  # nothing of it is beyond the volume
    assert len(inner) > 3
    with torch.no_grad():
        expected = generator(whole)[0, 0]
        for n in inner[:2]:
            low = lowest(batch.mr[n].numpy() / scale, 18, shape)
            middle = generator(batch.mr[n : n + 1])[0, 0, 10:-10, 10:-10, 10:-10]
            wanted = expected[tuple(slice(a, a + 4) for a in low)]
            torch.testing.assert_close(middle, wanted, atol=1e-6, rtol=0)


def test_memory_maps_of_any_kind(tmp_path: Path) -> None:
    source = head_source(0)
    arrays = {"mr": source.mr.astype(np.float32), "ct": source.ct, "head": source.head}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    mapped = PatchSource(
        **{name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in arrays}
    )
    a, b = (PatchSet([s], size=6, margin=3).batch(2, 4) for s in (source, mapped))
    assert a.mr.equal(b.mr) and a.ct.equal(b.ct) and a.head.equal(b.head)
    assert b.mr.dtype == b.ct.dtype == b.head.dtype == torch.float32


def test_what_cannot_be_is_named() -> None:
    source = head_source(0)
    with pytest.raises(ValueError, match=r"\[41, 37, 39\], \[41, 37, 38\]"):
        PatchSource(source.mr, source.ct, source.head[..., :-1])
    with pytest.raises(ValueError, match="got 0 and 8"):
        PatchSet([source], size=0)
    with pytest.raises(CohortError, match="at least one subject"):
        PatchSet([])
    with pytest.raises(CohortError, match="same MR channels"):
        PatchSet([source, replace(source, mr=source.mr[:1])])
    with pytest.raises(CohortError, match="voxel of head"):
        PatchSet([replace(source, head=np.zeros(SHAPE, dtype=bool))])
