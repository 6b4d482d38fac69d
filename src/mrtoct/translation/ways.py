"""How a network translates, by what it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from mrtoct.networks.config import Sees
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.predict_head import whole_head
from mrtoct.translation.predict_patches import stage_by_stage
from mrtoct.translation.predict_slices import slice_by_slice
from mrtoct.volume import Array


@dataclass(frozen=True)
class Way:
    """How networks of one kind are shown a head."""

    predict: Callable[[nn.Module, Bundle, Array, Array], list[Array]]
    """Maps a network in evaluation mode, its bundle, scaled MR (C, I, J, K) and the head (I, J, K)
    to CT (I, J, K) float32 in [0, 1], one for each network of a cascade."""
    layout: torch.memory_format
    """Of the network's weights, that it may be fast."""


WAYS: dict[Sees, Way] = {
    "slices": Way(slice_by_slice, torch.channels_last),
    "patches": Way(stage_by_stage, torch.contiguous_format),
    "heads": Way(whole_head, torch.channels_last_3d),
}
