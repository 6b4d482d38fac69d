"""A whole head through a HeadUNet: the network's own numbers, cropped, clipped, in HU."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.prepare.intensity import HuWindow
from mrtoct.translation import predict_head as predict_head_module
from mrtoct.translation.bundle import Bundle, network_of, read_bundle, write_bundle
from mrtoct.translation.geometry import Heads, Patches, Slices
from mrtoct.translation.predict import predict, predict_once, predict_with_error
from mrtoct.translation.predict_head import OVERLAP, predict_head

CONFIG = HeadUNetConfig(widths=(8, 16), detail=4)
BUNDLE = Bundle(CONFIG, ("mr",), (1.0, 1.0, 1.0), Heads(), window=HuWindow(-1000, 1000))
SHAPE = (9, 12, 7)


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_head_module, "bfloat16_pays", lambda device: False)


@pytest.fixture
def network() -> HeadUNet:
    torch.manual_seed(3)
    made = HeadUNet(CONFIG).eval()
    nn.init.normal_(made.last.weight, std=0.3)  # CT beyond [0, 1], too
    return made


@pytest.fixture
def mr() -> np.ndarray:
    return np.random.default_rng(1).random((1, *SHAPE), dtype=np.float32)


class Voxelwise(nn.Module):
    """Stands in for a network: the CT is half the MR, the expected error e^(MR - 2)."""

    config = CONFIG

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, mr: Tensor) -> Tensor:
        return torch.cat([self.factor * mr[:, :1], mr[:, :1] - 2], dim=1)

    def whole(self, mr: Tensor) -> Tensor:
        made: Tensor = self(mr)
        return made


def by_hand(network: HeadUNet, mr: np.ndarray) -> np.ndarray:
    """What the network gives for a head in the middle of zeros, (2, I, J, K)."""
    padded = np.zeros((1, 1, 12, 12, 8), dtype=np.float32)
    padded[0, :, 1:10, :, :7] = mr
    with torch.no_grad():
        return np.asarray(network(torch.from_numpy(padded))[0, :, 1:10, :, :7].numpy())


def test_one_pass_gives_ct_and_the_expected_error(network: HeadUNet, mr: np.ndarray) -> None:
    made = by_hand(network, mr)
    head = np.zeros(SHAPE, bool)
    head[2:7, 3:9, 1:6] = True
    ct, error = predict_with_error(network, BUNDLE, mr, head)
    assert (made[0] < 0).any()
    assert (made[0] > 1).any()
    np.testing.assert_allclose(ct, np.clip(made[0], 0, 1), atol=1e-5)
    # Thousands of HU of a window of 4095; this one is of 2000.
    expected = np.where(head, np.minimum(np.exp(made[1]) * 1000 * 2000 / 4095, 2000), 0)
    np.testing.assert_allclose(error, expected, rtol=1e-4)
    assert ct.dtype == error.dtype == np.float32
    np.testing.assert_array_equal(predict(network, BUNDLE, mr, head), ct)
    np.testing.assert_array_equal(predict_once(network, BUNDLE, mr, head), ct)


def test_the_mean_of_a_head_and_its_mirror_image(network: HeadUNet, mr: np.ndarray) -> None:
    inside = np.ones(SHAPE, bool)
    both = replace(BUNDLE, mirror=True)
    made = by_hand(network, mr)
    mirrored = by_hand(network, mr[:, ::-1].copy())[:, ::-1]
    ct, error = predict_with_error(network, both, mr, inside)
    wanted = (np.clip(made[0], 0, 1) + np.clip(mirrored[0], 0, 1)) / 2
    np.testing.assert_allclose(ct, wanted, atol=1e-5)
    np.testing.assert_allclose(predict(network, both, mr, inside), wanted, atol=1e-5)
    wanted = sum(np.minimum(np.exp(m[1]) * 2000e3 / 4095, 2000) / 2 for m in (made, mirrored))
    np.testing.assert_allclose(error, wanted, rtol=1e-4)


def test_tiles_of_a_large_head_are_blended_in_place() -> None:
    mr = np.random.default_rng(2).random((1, 150, 20, 90), dtype=np.float32)
    seen: list[tuple[int, ...]] = []
    stand_in = Voxelwise()
    stand_in.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    most = 100 * 20 * 72
    ct, error = predict_head(stand_in, mr, most_voxels=most)
    np.testing.assert_allclose(ct, mr[0] / 2, atol=1e-6)
    np.testing.assert_allclose(error, np.exp(mr[0] - 2) * 1000 / 4095, rtol=1e-5)
    assert len(seen) > 1
    assert max(map(math.prod, seen)) <= most


def test_tiles_of_a_size_share_half_of_themselves_and_are_blended_in_place() -> None:
    """Each tile adds its own number: its weight falls evenly to its border, where none is left."""
    seen: list[tuple[int, ...]] = []

    class Numbered(Voxelwise):
        def forward(self, mr: Tensor) -> Tensor:
            seen.append(tuple(mr.shape[2:]))
            return torch.full((1, 2, *mr.shape[2:]), 0.25 * len(seen))

    mr = np.random.default_rng(3).random((1, 64, 8, 20), dtype=np.float32)
    ct, _ = predict_head(Voxelwise(), mr, tile=(32, 8, 20))
    np.testing.assert_allclose(ct, mr[0] / 2, atol=1e-6)
    ct, _ = predict_head(Numbered(), mr, tile=(32, 8, 20))
    assert seen == [(32, 8, 20)] * 3
    line = ct[:, 4, 4]
    np.testing.assert_allclose(line[[0, 15, -16, -1]], [0.25, 0.25, 0.75, 0.75], atol=0.01)
    np.testing.assert_allclose(np.diff(line)[17:46], 0.25 / 16, rtol=1e-3)
    assert np.abs(np.diff(line)).max() <= 0.25 / 16 * 1.01


def test_a_bundles_tiles_are_used_and_kept(
    tmp_path: Path, network: HeadUNet, mr: np.ndarray
) -> None:
    tiled = replace(BUNDLE, geometry=Heads((8, 8, 8)))
    write_bundle(tmp_path / "bundle", tiled, network.state_dict())
    read, again = read_bundle(tmp_path / "bundle")
    assert read.geometry == Heads((8, 8, 8))
    wanted, error = predict_head(network, mr, tile=(8, 8, 8))
    inside = np.ones(SHAPE, dtype=bool)
    np.testing.assert_array_equal(predict_once(again, read, mr, inside), wanted)
    np.testing.assert_allclose(
        predict_with_error(again, read, mr, inside)[1], error * 2000, rtol=1e-5
    )
    assert np.abs(wanted - predict_head(network, mr)[0]).max() > 1e-4
    with pytest.raises(ValueError, match=r"tile must be multiples of 4 for this head_unet"):
        replace(BUNDLE, geometry=Heads((8, 10, 8)))


def test_no_border_shows_between_tiles() -> None:
    """Each tile adds its own number; from tile to tile the CT passes over evenly."""

    class Numbered(Voxelwise):
        tiles = 0

        def forward(self, mr: Tensor) -> Tensor:
            self.tiles += 1
            return torch.full((1, 2, *mr.shape[2:]), 0.25 * self.tiles)

    mr = np.zeros((1, 152, 8, 8), dtype=np.float32)
    ct, _ = predict_head(Numbered(), mr, most_voxels=100 * 8 * 8)
    line = ct[:, 4, 4]
    assert line[0] == 0.25
    assert line[-1] == 0.5
    np.testing.assert_allclose(np.diff(line)[52:99], 0.25 / OVERLAP, rtol=1e-3)
    assert np.abs(np.diff(line)).max() <= 0.25 / OVERLAP * 1.01


def test_a_bundle_alone_rebuilds_it_and_half_the_size_does_too(
    tmp_path: Path, network: HeadUNet, mr: np.ndarray
) -> None:
    for half, name in ((False, "full"), (True, "half")):
        write_bundle(tmp_path / name, BUNDLE, network.state_dict(), half=half)
        bundle, read = read_bundle(tmp_path / name)
        assert bundle == BUNDLE
        for key, tensor in network.state_dict().items():
            wanted = tensor.half().float() if half else tensor
            found = read.state_dict()[key]
            assert found.dtype == torch.float32
            assert torch.equal(found, wanted), key
        predict(read, bundle, mr, np.ones(SHAPE, bool))
    stored = safetensors.torch.load_file(tmp_path / "half" / "weights.safetensors")
    assert {t.dtype for t in stored.values()} == {torch.float16}


def test_weights_beyond_half_precision_are_refused(tmp_path: Path, network: HeadUNet) -> None:
    state = network.state_dict() | {"last.bias": torch.tensor([0.0, 7e4])}
    with pytest.raises(
        ValueError, match=r"last\.bias holds weights beyond the range of half precision"
    ):
        write_bundle(tmp_path / "b", BUNDLE, state, half=True)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("geometry", [Slices((16, 16)), Patches()])
def test_what_is_for_other_networks(geometry: Slices | Patches) -> None:
    with pytest.raises(
        ValueError, match=f"a head_unet sees heads, but the geometry is of {geometry.kind}"
    ):
        replace(BUNDLE, geometry=geometry)


def test_the_networks_of_a_bundle_are_of_its_size() -> None:
    assert isinstance(network_of(BUNDLE), HeadUNet)
    assert network_of(BUNDLE).config == CONFIG  # type: ignore[union-attr]
