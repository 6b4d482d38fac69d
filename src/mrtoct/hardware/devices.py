"""What the machine has and computes fast in."""

from __future__ import annotations

import torch

from mrtoct.errors import ValueRangeError


def device_named(name: str) -> torch.device:
    """Return the torch device of a name: "auto" takes a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" can be named, but holds no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueRangeError(
            f"device {name!r} is not available here; allowed: auto, cpu, and cuda or cuda:N where "
            "there is a GPU"
        ) from error
    return device


def bfloat16_pays(device: torch.device) -> bool:
    """Tell whether a device is faster in bfloat16 than in float32, from what it states.

    On CPUs without AVX512-BF16 instructions bfloat16 convolutions are emulated and many times
    slower; with them they are about twice as fast (benchmarks/training.py).
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and bool(native and native())


def training_layout(device: torch.device, *, bfloat16: bool, width: int) -> torch.memory_format:
    """Return the memory layout in which a u-net of a width trains faster (benchmarks/training.py).

    Channels-last pays in bfloat16 and on GPUs. In float32 on a CPU it gained 13 % at width 16, lost
    3 % at 32 and 15 % at 64. For inference it always pays (1.3 times).
    """
    pays = bfloat16 or device.type == "cuda" or width < 32
    return torch.channels_last if pays else torch.contiguous_format
