"""Augmentation against SciPy's interpolation, on slices that are not square."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

import mrtoct.sampling.augment as module
from mrtoct.hardware.share import Share
from mrtoct.sampling.augment import Augmentation, augment, augment_patches
from mrtoct.sampling.slices import Batch

SHAPE = (34, 52)
"""H x W"""


def random_batch(count: int = 3, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)

    def smooth() -> np.ndarray:
        noise = rng.normal(size=(count, 1, *SHAPE))
        image = ndimage.gaussian_filter(noise, (0, 0, 2, 2))
        return ((image - image.min()) / np.ptp(image)).astype(np.float32)

    head = np.zeros((count, 1, *SHAPE), dtype=np.float32)
    head[:, :, 8:25, 12:44] = 1
    covered = np.ones_like(head)
    covered[:, :, :5] = 0
    arrays = (smooth() * head, smooth(), covered, head, smooth())
    return Batch(*(torch.from_numpy(a) for a in arrays))


def parts(batch: Batch) -> list[np.ndarray]:
    return [t[:, 0].numpy() for t in (batch.mr, batch.ct, batch.covered, batch.head, batch.brain)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moved(
    image: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]
) -> np.ndarray:
    """Bilinear, zero outside: rotate about the middle, shrink the picture's coordinates, shift."""
    angle = np.deg2rad(degrees)
    # (row, column) of the output to (row, column) of the input, in pixels.
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
    middle = (np.array(SHAPE) - 1) / 2
    offset = middle - matrix @ middle + np.array(shift)
    return ndimage.affine_transform(image, matrix, offset, order=1, mode="grid-constant")


@pytest.mark.parametrize("degrees", [17.0, 90.0])
@pytest.mark.parametrize(("scale", "shift"), [(0.0, 0.0), (0.1, 0.05)])
@pytest.mark.parametrize("flip", [False, True])
def test_a_known_movement_is_scipys(
    monkeypatch: pytest.MonkeyPatch, degrees: float, scale: float, shift: float, flip: bool
) -> None:
    monkeypatch.setattr(module, "_uniform", lambda share, _: torch.ones(share.count))
    monkeypatch.setattr(torch, "rand", lambda count, **_: torch.zeros(count))  # all flipped
    batch = random_batch()
    wanted = Augmentation(flip=flip, rotation=degrees, scale=scale, shift=shift)
    out = augment(batch, wanted, generator())
    pixels = (shift * SHAPE[0], (-shift if flip else shift) * SHAPE[1])
    for n in range(3):
        mr, ct, covered, head, brain = (a[n][:, ::-1] if flip else a[n] for a in parts(batch))
        new_mr, new_ct, new_covered, new_head, new_brain = (a[n] for a in parts(out))
        uncovered = (1 - new_covered, 1 - covered)
        for new, old in ((new_mr, mr), (new_ct, ct), uncovered, (new_brain, brain)):
            expected = moved(old, degrees, 1 + scale, pixels)
            np.testing.assert_allclose(new, expected, atol=2e-4)
        soft = moved(head, degrees, 1 + scale, pixels)
        clear = np.abs(soft - 0.5) > 1e-3
        np.testing.assert_array_equal(new_head[clear], soft[clear] >= 0.5)
    assert np.abs(parts(out)[1] - parts(batch)[1]).max() > 0.3


def test_nothing_wanted_nothing_changed() -> None:
    batch = random_batch()
    state = generator()
    out = augment(batch, Augmentation(), state)
    for a, b in zip(parts(out), parts(batch), strict=True):
        np.testing.assert_array_equal(a, b)
    assert torch.equal(state.get_state(), generator().get_state())


def test_a_flip_mirrors_left_and_right_of_all_together_in_half_of_the_slices() -> None:
    batch = random_batch(count=64)
    out = augment(batch, Augmentation(flip=True), generator(1))
    flipped = []
    for n in range(64):
        old = [a[n] for a in parts(batch)]
        new = [a[n] for a in parts(out)]
        mirrored = abs(new[1] - old[1]).max() > 1e-3
        flipped.append(mirrored)
        for a, b in zip(new, old, strict=True):
            np.testing.assert_allclose(a, b[:, ::-1] if mirrored else b, atol=1e-5)
    assert 20 <= sum(flipped) <= 44


def test_brightness_and_contrast_touch_the_mr_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = random_batch()
    monkeypatch.setattr(module, "_uniform", lambda share, _: torch.linspace(-1, 1, share.count))
    out = augment(batch, Augmentation(gain=0.2, gamma=0.5), generator())
    for n, (gain, gamma) in enumerate([(0.8, 0.5), (1.0, 1.0), (1.2, 1.5)]):
        expected = gain * batch.mr[n].numpy() ** gamma
        np.testing.assert_allclose(out.mr[n].numpy(), expected, rtol=1e-5)
    for a, b in zip(parts(out)[1:], parts(batch)[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_slice_draws_its_own_within_the_limits() -> None:
    one = random_batch(count=1)
    batch = Batch(*(torch.from_numpy(a[:, None]).repeat(300, 1, 1, 1) for a in parts(one)))
    out = augment(batch, Augmentation(gain=0.3), generator(2))
    inside = batch.mr > 0.2
    gains = [(o[i] / b[i]).mean().item() for o, b, i in zip(out.mr, batch.mr, inside, strict=True)]
    assert 0.7 <= min(gains) < 0.73
    assert 1.27 < max(gains) <= 1.3
    assert np.mean(gains) == pytest.approx(1.0, abs=0.03)


def test_the_same_generator_state_gives_the_same_changes() -> None:
    wanted = Augmentation(flip=True, rotation=10, scale=0.1, shift=0.1, gain=0.1, gamma=0.1)
    batch = random_batch()
    first, again, other = (augment(batch, wanted, generator(s)) for s in (5, 5, 6))
    for a, b, c in zip(parts(first), parts(again), parts(other), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 0.01


def test_air_and_uncovered_rows_stay_what_they_are_at_the_rim() -> None:
    """What comes in from outside is air in both, and counts as measured."""
    batch = random_batch()
    one = torch.ones_like(batch.ct)
    ones = Batch(batch.mr, one, one, batch.head, batch.brain)
    out = augment(ones, Augmentation(shift=0.4), generator(3))
    assert (out.ct == 0).any()
    assert (out.covered == 1).all()


def test_patches_are_mirrored_along_i_and_brightened_as_slices_are() -> None:
    rng = np.random.default_rng(0)

    def cubes(side: int) -> torch.Tensor:
        return torch.from_numpy(rng.random((64, 1, side, side, side), dtype=np.float32))

    batch = Batch(cubes(6), *(cubes(4) for _ in range(4)))
    flipped = augment_patches(batch, Augmentation(flip=True), generator(1))
    mirrored = [not torch.equal(a, b) for a, b in zip(flipped.ct, batch.ct, strict=True)]
    assert 20 <= sum(mirrored) <= 44
    for name in ("mr", "ct", "covered", "head", "brain"):
        old, new = getattr(batch, name), getattr(flipped, name)
        for n, changed in enumerate(mirrored):
            assert torch.equal(new[n], old[n].flip(1) if changed else old[n])
    brighter = augment_patches(batch, Augmentation(gain=0.3), generator(2))
    gains = (brighter.mr / batch.mr.clamp(min=1e-3)).flatten(1).median(dim=1).values
    assert gains.min() < 0.75
    assert gains.max() > 1.25
    assert torch.equal(brighter.ct, batch.ct)


def test_a_share_of_a_batch_is_changed_as_in_the_whole() -> None:
    """In whichever process a sample is, it is turned, mirrored and brightened alike."""
    torch.manual_seed(1)
    mr = torch.rand(6, 1, 20, 24)
    parts = [mr, mr.round(), torch.ones_like(mr), mr.round(), mr]
    wanted = Augmentation(flip=True, rotation=20, scale=0.1, shift=0.1, gain=0.2, gamma=0.2)
    whole = augment(Batch(*parts), wanted, generator(4))
    for first in (0, 2, 4):
        share = Share(first, 2, 6)
        own = Batch(*(tensor[share.part] for tensor in parts))
        made = augment(own, wanted, generator(4), share)
        for name in ("mr", "ct", "covered", "head", "brain"):
            torch.testing.assert_close(getattr(made, name), getattr(whole, name)[share.part])
