"""The residual encoder in 3-D: its size, what it gives at each resolution, what it refuses."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from mrtoct.networks.residual_encoder import ResidualEncoderConfig, ResidualEncoderUNet

TINY = ResidualEncoderConfig(width=8, blocks=(1, 2, 1), supervised=2)


def test_the_weights_are_those_of_the_layers_written_down() -> None:
    def norm(width: int) -> int:
        return 2 * width

    def block(width: int) -> int:
        return 2 * (norm(width) + 27 * width * width)

    encoder = (27 * 1 * 8 + 8 + block(8)) + (8 * 8 * 16 + 16 + 2 * block(16))
    encoder += 8 * 16 * 32 + 32 + block(32)
    decoder = 8 * 32 * 16 + 16 + norm(32) + 27 * 32 * 16 + 16
    decoder += 8 * 16 * 8 + 8 + norm(16) + 27 * 16 * 8 + 8
    drawings = (norm(8) + 8 * 2 + 2) + (norm(16) + 16 + 1)
    network = TINY.build()
    assert sum(p.numel() for p in network.parameters()) == encoder + decoder + drawings


def test_the_channels_double_up_to_a_bound() -> None:
    assert ResidualEncoderConfig().channels == [32, 64, 128, 256, 320]
    assert ResidualEncoderConfig().divisor == 16
    assert ResidualEncoderConfig().most_voxels == 4_000_000


def test_every_resolution_is_given_finest_first_and_the_finest_is_what_forward_gives() -> None:
    torch.manual_seed(1)
    network = ResidualEncoderUNet(TINY).eval()
    mr = torch.rand(2, 1, 12, 8, 16)
    with torch.no_grad():
        fine, coarse = network(mr, every=True)
        assert torch.equal(fine, network(mr))
        assert torch.equal(fine, network.whole(mr))
    assert fine.shape == (2, 2, 12, 8, 16)
    assert coarse.shape == (2, 1, 6, 4, 8)
    # It begins near 0 HU of the usual window, with some 220 HU of error expected.
    assert abs(float(fine[:, 0].mean()) - 0.25) < 0.02
    assert abs(float(coarse.mean()) - 0.25) < 0.02
    assert abs(float(fine[:, 1].mean()) + 1.5) < 0.1


def test_an_image_is_translated_alike_alone_and_in_a_batch() -> None:
    torch.manual_seed(2)
    network = ResidualEncoderUNet(TINY).eval()
    mr = torch.rand(3, 1, 8, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(network(mr)[1:2], network(mr[1:2]))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"width": 12}, "width must be a multiple of 8, got 12"),
        ({"width": 512}, "width must be 8 to 256, got 512"),
        ({"blocks": [1]}, "blocks must be 2 to 7 numbers of 1 to 12 blocks, got [1]"),
        ({"blocks": [1, 0]}, "blocks must be 2 to 7 numbers of 1 to 12 blocks, got [1, 0]"),
        ({"blocks": [1, 1], "supervised": 2}, "supervised must be 1 to 1, got 2"),
    ],
)
def test_what_cannot_be_built_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(ResidualEncoderConfig).validate_python(values)
    assert said in str(error.value)
