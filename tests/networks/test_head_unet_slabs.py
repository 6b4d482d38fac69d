"""Slabs give the numbers of one pass: no slab's border shows, and the volume's borders are kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mrtoct.networks import head_unet_slabs
from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.networks.head_unet_slabs import in_slabs


@pytest.mark.parametrize(("channels", "widths"), [(1, (8, 16)), (2, (16, 8, 24))])
@pytest.mark.parametrize("slab", [2, 6, 16, 64])
def test_the_numbers_of_one_pass(
    monkeypatch: pytest.MonkeyPatch, channels: int, widths: tuple[int, ...], slab: int
) -> None:
    monkeypatch.setattr(head_unet_slabs, "SLAB", slab)
    torch.manual_seed(1)
    network = HeadUNet(HeadUNetConfig(channels, widths, detail=6)).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    mr = torch.rand(2, channels, 24, 16, 8)
    with torch.no_grad():
        wanted = network(mr)
        found = in_slabs(network, mr)
    assert wanted.std() > 1
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
