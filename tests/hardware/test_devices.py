from __future__ import annotations

import pytest
import torch

from mrtoct.errors import ValueRangeError
from mrtoct.hardware.devices import bfloat16_pays, device_named, training_layout

CPU = torch.device("cpu")


def test_an_unknown_device_is_named_with_what_is_allowed() -> None:
    with pytest.raises(ValueRangeError, match=r"'gpu9'.*auto, cpu"):
        device_named("gpu9")


def test_auto_takes_what_there_is() -> None:
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_chosen_by_the_processors_instructions(
    native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native, raising=False)
    assert bfloat16_pays(CPU) is native


@pytest.mark.parametrize(
    ("bfloat16", "width", "layout"),
    [
        (True, 64, torch.channels_last),
        (False, 16, torch.channels_last),
        (False, 64, torch.contiguous_format),
    ],
)
def test_memory_layout_of_training_on_a_cpu(
    bfloat16: bool, width: int, layout: torch.memory_format
) -> None:
    assert training_layout(CPU, bfloat16=bfloat16, width=width) is layout
