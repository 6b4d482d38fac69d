"""Bring a subject's further MR channels to the first, as preparation and translation both must.

A new patient comes without a CT, so the channels are registered to one another and only the first
to the CT. What a network learns from is then what a translator can give it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mrtoct.errors import CohortError, ValueRangeError
from mrtoct.prepare.intensity import from_zero
from mrtoct.registration.register import Registration, RegistrationSettings, register
from mrtoct.volume import Array, Volume, require_signal


def checked_channels(mr: Mapping[str, Volume], wanted: Sequence[str]) -> dict[str, Volume]:
    """Return the wanted channels in order, each moved up to 0 (no signal) if it goes below.

    Raises CohortError if one is missing, ValueRangeError if one is constant or not finite.
    """
    if any(name not in mr for name in wanted):
        raise CohortError(
            f"the MR channels {', '.join(wanted)} are needed, got {', '.join(mr) or 'none'}"
        )
    checked = {}
    for name in wanted:
        kind = kind_of(name, wanted)
        require_signal(mr[name], kind)
        if not np.isfinite(mr[name].voxels).all():
            raise ValueRangeError(
                f"the {kind} holds NaN or infinite voxels; every voxel must be finite"
            )
        checked[name] = from_zero(mr[name])
    return checked


def kind_of(channel: str, channels: Sequence[str]) -> str:
    """Return what messages call one of a subject's channels."""
    return "MR" if len(channels) == 1 else f"MR channel {channel}"


def align_channels(
    mr: Mapping[str, Volume], settings: RegistrationSettings = RegistrationSettings()
) -> dict[str, Registration]:
    """Register every further channel to the first: points of the first to points of the other."""
    first, *others = mr
    return {name: register(mr[first], mr[name], settings) for name in others}


def channel_transforms(
    mr: Mapping[str, Volume], alignments: Mapping[str, Registration], to_first: Array
) -> dict[str, Array]:
    """Return for each channel the map (4 x 4, RAS mm) to it from where to_first starts.

    A channel without an alignment shares the frame of the first.
    """
    return {
        name: alignments[name].transform @ to_first if name in alignments else to_first
        for name in mr
    }
