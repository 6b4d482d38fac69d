"""Take the bias field off an MR before it is translated: as told, or as the model needs it."""

from __future__ import annotations

from collections.abc import Mapping

from mrtoct.check.finding import Finding
from mrtoct.errors import ValueRangeError
from mrtoct.prepare.bias import correct_bias
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.guard.look import drift_of
from mrtoct.translation.guard.quality import NOTED_RAMP
from mrtoct.volume import Volume

AS_STORED = ("negative", "saturated", "few-values")
"""Kinds of findings on values as they were stored, which do not show once they are corrected."""


def corrected(
    mr: Mapping[str, Volume], bundle: Bundle, wanted: bool | None
) -> tuple[dict[str, Volume], list[Finding]]:
    """Return MR (from 0) by channel as a bundle wants them, and a note on each that was corrected.

    wanted tells whether to correct their bias fields; None leaves it to the bundle: one that learnt
    from corrected MR wants all of them corrected, one that was trained on every contrast those
    whose brightness drifts strongly. What shows no head stays as it is.
    """
    channels, notes = dict(mr), []
    for name, volume in mr.items():
        why = "as asked for" if wanted else _need(name, volume, bundle) if wanted is None else ""
        if not why:
            continue
        try:
            done = correct_bias(volume)
        except ValueRangeError:
            continue
        channels[name] = done.mr
        said = f"its bias field was corrected, {why}: a shading of {done.strength:.2g}:1"
        notes.append(
            Finding("note", "bias-corrected", said, "MR" if len(mr) == 1 else f"MR {name}")
        )
    return channels, notes


def _need(name: str, mr: Volume, bundle: Bundle) -> str:
    """Say why a bundle wants an MR to be corrected; nothing if it does not."""
    if bundle.bias_corrected:
        return "as in the training"
    channel = bundle.seen.channels.get(name) if bundle.seen else None
    if channel is None or channel.profile is not None:
        return ""
    try:
        drift = drift_of(mr, bundle.spacing)
    except ValueRangeError:
        return ""
    if drift <= NOTED_RAMP:
        return ""
    return f"because its brightness drifts by a factor of {drift:.2g} across the head"
