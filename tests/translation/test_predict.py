"""Views of a head: each comes back in its place, and the result is their mean."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.cascade import Cascade
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.unet import UNetConfig
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Patches, Slices
from mrtoct.translation.predict import View, predict, predict_once, predict_stages, views

PLANES = ("transverse", "coronal", "sagittal")
SHAPE = (7, 12, 10)


class Blurred(nn.Module):
    """Stands in for a network: a slice's mean with what lies to the right of each pixel."""

    config = UNetConfig(width=3, depth=3)

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * (image + image.roll(1, dims=3))


def bundle(planes: tuple[str, ...] = PLANES, mirror: bool = False) -> Bundle:
    return Bundle(Blurred.config, ("mr",), (2.0, 2.0, 2.0), Slices(planes=planes), mirror)  # type: ignore[arg-type]


def moved(volume: np.ndarray, axis: int, by: int) -> np.ndarray:
    """The volume moved along an axis, zeros coming in."""
    out = np.roll(volume, by, axis)
    edge = [slice(None)] * 3
    edge[axis] = slice(0, 1) if by > 0 else slice(-1, None)
    out[tuple(edge)] = 0
    return out


@pytest.fixture
def mr() -> np.ndarray:
    return np.random.default_rng(1).random((1, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("planes", [("transverse",), ("coronal", "sagittal"), PLANES])
def test_the_mean_of_all_views_in_place(
    mr: np.ndarray, planes: tuple[str, ...], mirror: bool
) -> None:
    """W is I in transverse and coronal slices and K in sagittal ones; a mirror turns I around."""
    volume = mr[0]
    along = {"transverse": 0, "coronal": 0, "sagittal": 2}
    made = []
    for plane, mirrored in product(planes, (False, True) if mirror else (False,)):
        axis = along[plane]
        by = -1 if mirrored and axis == 0 else 1
        made.append((volume + moved(volume, axis, by)) / 2)
    described = bundle(planes, mirror)
    found = predict(Blurred(), described, mr, np.ones(SHAPE, bool))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, np.mean(made, axis=0), atol=1e-6)
    assert found.dtype == np.float32
    once = predict_once(Blurred(), described, mr, np.ones(SHAPE, bool))  # type: ignore[arg-type]
    np.testing.assert_allclose(once, made[0], atol=1e-6)


def test_all_combinations_are_looked_at() -> None:
    assert views(bundle(mirror=True)) == [View(p, m) for p in PLANES for m in (False, True)]  # type: ignore[arg-type]
    assert views(bundle(("sagittal",))) == [View("sagittal", False)]


@pytest.mark.parametrize("mirror", [False, True])
def test_the_stages_of_a_cascade_are_what_shorter_ones_make(mirror: bool) -> None:
    torch.manual_seed(2)
    config = ContextGeneratorConfig(width=1)
    rng = np.random.default_rng(3)
    mr = rng.random((1, 9, 12, 7)).astype(np.float32)
    head = np.zeros(mr.shape[1:], bool)
    head[2:8, 1:11, 1:6] = True
    long = Cascade(config, 3).eval()

    def described(stages: int) -> Bundle:
        return Bundle(config, ("mr",), (2.0, 2.0, 2.0), Patches(stages), mirror)

    made = predict_stages(long, described(3), mr, head)
    assert len(made) == 3
    for stages, found in enumerate(made, start=1):
        short = Cascade(config, stages).eval()
        short.load_state_dict(
            {k: v for k, v in long.state_dict().items() if int(k.split(".")[1]) < stages}
        )
        np.testing.assert_array_equal(found, predict(short, described(stages), mr, head))
    assert not np.allclose(made[0], made[1])
