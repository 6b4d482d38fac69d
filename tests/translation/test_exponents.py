"""Looks at an MR in several contrasts: the mean of what a known network makes, and its spread."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.unet import UNetConfig
from mrtoct.prepare.intensity import HuWindow
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.deviation.disagreement import predict_with_disagreement
from mrtoct.translation.export import Graph
from mrtoct.translation.geometry import Heads, Slices
from mrtoct.translation.predict import predict, predict_once

WINDOW = HuWindow(-1000, 1000)
SLICES = Bundle(
    UNetConfig(width=3, depth=3), ("mr",), (2.0,) * 3, Slices((8, 8)), window=WINDOW,
    exponents=(0.5, 2.0),
)  # fmt: skip
HEADS = replace(SLICES, model=HeadUNetConfig(widths=(8, 16), detail=4), geometry=Heads())


class Same(nn.Module):
    """Half the MR; of a whole head, and an error of e^-1 thousands."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.config = bundle.model
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, mr: Tensor) -> Tensor:
        ct = self.factor * mr[:, :1]
        return ct if mr.ndim == 4 else torch.cat([ct, torch.full_like(ct, -1.0)], dim=1)

    def whole(self, mr: Tensor) -> Tensor:
        made: Tensor = self(mr)
        return made


def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """MR, all of it head, and half of it at each exponent (3, I, J, K)."""
    mr = np.random.default_rng(1).random((1, 8, 16, 8), dtype=np.float32)
    return (
        mr,
        np.ones(mr.shape[1:], dtype=np.bool_),
        np.stack([mr[0], mr[0] ** 0.5, mr[0] ** 2]) / 2,
    )


@pytest.mark.parametrize("bundle", [SLICES, HEADS])
def test_the_ct_is_the_mean_over_contrasts(bundle: Bundle) -> None:
    mr, inside, made = head()
    network = Same(bundle)
    np.testing.assert_allclose(predict(network, bundle, mr, inside), made.mean(0), atol=1e-6)
    np.testing.assert_allclose(predict_once(network, bundle, mr, inside), made[0], atol=1e-6)
    mirrored = replace(bundle, mirror=True)  # a network that knows no sides
    np.testing.assert_allclose(predict(network, mirrored, mr, inside), made.mean(0), atol=1e-6)


def test_the_spread_is_a_network_of_slices_doubt() -> None:
    mr, inside, made = head()
    hu, doubt = predict_with_disagreement(Same(SLICES), SLICES, mr, inside)
    np.testing.assert_allclose(hu, made.mean(0) * 2000 - 1000, atol=1e-2)
    np.testing.assert_allclose(doubt, made.std(0) * 2000, atol=1e-2)


def test_the_spread_adds_to_the_error_that_a_network_of_heads_expects() -> None:
    mr, inside, made = head()
    hu, doubt = predict_with_disagreement(Same(HEADS), HEADS, mr, inside)
    expected = np.exp(-1) * 1000 / 4095 * 2000
    np.testing.assert_allclose(hu, made.mean(0) * 2000 - 1000, atol=1e-2)
    np.testing.assert_allclose(doubt, np.hypot(expected, made.std(0) * 2000), rtol=1e-4)
    plain = replace(HEADS, exponents=())
    _, doubt = predict_with_disagreement(Same(plain), plain, mr, inside)
    np.testing.assert_allclose(doubt, expected, rtol=1e-5)


@pytest.mark.parametrize("bundle", [SLICES, HEADS])
def test_an_exported_graph_looks_in_the_same_ways(bundle: Bundle) -> None:
    mr, _, made = head()
    graph = Graph(Same(bundle), bundle)
    with torch.no_grad():
        hu = graph(
            torch.from_numpy(mr), torch.ones(mr.shape[1:]), torch.zeros(1), torch.ones(1)
        ).numpy()
    np.testing.assert_allclose(hu, made.mean(0) * 2000 - 1000, atol=1e-2)


@pytest.mark.parametrize(
    ("exponents", "said"),
    [
        ((1.0,), "different numbers other than 1"),
        ((0.8, 0.8), "different numbers other than 1"),
        ((0.6, 0.7, 0.8, 0.9, 1.1), "at most 4"),
        ((3.0,), "exponents must be 0.5 to 2"),
        ((float("nan"),), "exponents must be 0.5 to 2"),
    ],
)
def test_exponents_that_are_none(exponents: tuple[float, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(SLICES, exponents=exponents)
