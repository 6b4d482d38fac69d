"""How far a network disagrees with itself, with networks whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.networks.unet import UNetConfig
from mrtoct.prepare.intensity import HuWindow
from mrtoct.translation import predict_head
from mrtoct.translation.bundle import Bundle, network_of
from mrtoct.translation.deviation.disagreement import predict_with_disagreement
from mrtoct.translation.geometry import Heads, Patches, Slices
from mrtoct.translation.predict import predict
from mrtoct.volume import Array

SMALL = UNetConfig(width=3, depth=3)
WINDOW = HuWindow(-1000, 2000)
SHAPE = (16, 24, 5)


class Ramp(nn.Module):
    """Answers 0.3 + 0.02 w, whatever it is shown: left is not right."""

    config = SMALL

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.02))

    def forward(self, image: Tensor) -> Tensor:
        ramp = 0.3 + self.step * torch.arange(image.shape[3])
        return ramp.expand(len(image), 1, *image.shape[2:])


def bundle(**settings: object) -> Bundle:
    plain = Bundle(SMALL, ("mr",), (2.0, 2.0, 2.0), Slices((8, 8)), window=WINDOW)
    return replace(plain, **settings)  # type: ignore[arg-type]


def head(shape: tuple[int, int, int] = SHAPE) -> tuple[Array, Array]:
    mr = np.random.default_rng(1).random((1, *shape), dtype=np.float32)
    return mr, np.ones(shape, dtype=np.bool_)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_head_and_its_mirror_image(mirror: bool) -> None:
    mr, inside = head()
    hu, disagreement = predict_with_disagreement(
        Ramp(),  # type: ignore[arg-type]
        bundle(mirror=mirror),
        mr,
        inside,
    )
    i = np.arange(16)
    plain, mirrored = (-1000 + 3000 * (0.3 + 0.02 * n) for n in (i, 15 - i))
    ct = (plain + mirrored) / 2 if mirror else plain
    expected = np.sqrt(((plain - ct) ** 2 + (mirrored - ct) ** 2) / 2)
    for found, wanted in ((hu, ct), (disagreement, expected)):
        assert found.dtype == np.float32
        assert found.shape == SHAPE
        np.testing.assert_allclose(found, np.broadcast_to(wanted[:, None, None], SHAPE), rtol=1e-4)
    assert expected.max() > 400


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"mirror": True},
        {"geometry": Slices((8, 8), 1), "model": replace(SMALL, in_channels=3)},
        {"geometry": Slices((8, 8), 0, ("transverse", "coronal", "sagittal")), "mirror": True},
    ],
    ids=["slices", "mirror", "2.5-D", "planes"],
)
def test_the_ct_is_the_one_without_uncertainty(settings: dict[str, object]) -> None:
    torch.manual_seed(2)
    what = bundle(**settings)
    assert isinstance(what.geometry, Slices)
    network = network_of(what).eval()
    mr, inside = head((16, 24, 16))
    hu, disagreement = predict_with_disagreement(network, what, mr, inside)
    np.testing.assert_allclose(
        hu, WINDOW.to_hu(predict(network, what, mr, inside)), rtol=0, atol=0.01
    )
    single = []
    for plane in what.geometry.planes:
        alone = replace(what, geometry=replace(what.geometry, planes=(plane,)), mirror=False)
        for turn, shown in ((1, (mr, inside)), (-1, (mr[:, ::-1], inside[::-1]))):
            single.append(WINDOW.to_hu(predict(network, alone, *shown))[::turn])
    expected = np.sqrt(np.mean([(one - hu) ** 2 for one in single], axis=0))
    np.testing.assert_allclose(disagreement, expected, atol=0.05)
    assert expected.max() > 1


def test_a_cascade_disagrees_at_its_end() -> None:
    torch.manual_seed(3)
    what = Bundle(
        ContextGeneratorConfig(width=2), ("mr",), (2.0, 2.0, 2.0), Patches(2), window=WINDOW
    )
    network = network_of(what).eval()
    mr, inside = head((9, 11, 7))
    hu, disagreement = predict_with_disagreement(network, what, mr, inside)
    plain = WINDOW.to_hu(predict(network, what, mr, inside))
    mirrored = WINDOW.to_hu(predict(network, what, mr[:, ::-1], inside[::-1]))[::-1]
    np.testing.assert_allclose(hu, plain, rtol=0, atol=0.01)
    np.testing.assert_allclose(disagreement, np.abs(plain - mirrored) / np.sqrt(2), atol=0.05)
    assert disagreement.max() > 0.5


def test_a_network_that_expects_its_errors_is_asked_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its second answer, e^x thousand HU of a window of 4095; no mirror image is looked at."""
    monkeypatch.setattr(predict_head, "bfloat16_pays", lambda device: False)
    torch.manual_seed(6)
    config = HeadUNetConfig(widths=(8, 16), detail=4)
    network = HeadUNet(config).eval()
    nn.init.normal_(network.last.weight, std=0.05)
    mr, inside = head((8, 12, 4))
    inside[:, :3] = False
    described = Bundle(config, ("mr",), (2.0, 2.0, 2.0), Heads(), window=WINDOW)
    passes: list[object] = []
    network.first.register_forward_hook(lambda *_: passes.append(1))
    hu, doubt = predict_with_disagreement(network, described, mr, inside)
    assert len(passes) == 1
    with torch.no_grad():
        ct, expected = network(torch.from_numpy(mr)[None])[0].numpy()
    np.testing.assert_allclose(hu, np.clip(ct, 0, 1) * 3000 - 1000, atol=0.1)
    wanted = np.where(inside, np.minimum(np.exp(expected) * 1000 * 3000 / 4095, 3000), 0)
    np.testing.assert_allclose(doubt, wanted, rtol=1e-3)
    assert wanted[inside].std() > 10
