"""Compare a scan with what a translator was trained on, and say in a sentence what is unlike it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mrtoct.check.absent import check_absent, check_face
from mrtoct.check.finding import Finding, verdict_of
from mrtoct.check.head import check_head, measure_head
from mrtoct.check.pair import STATED, CoarseHead, in_words, position_fits
from mrtoct.check.signal import check_modality, check_signal_range
from mrtoct.check.slices import check_slices
from mrtoct.check.values import find_peaks
from mrtoct.errors import ValueRangeError
from mrtoct.prepare.absent import Absent, find_absent
from mrtoct.prepare.intensity import from_zero
from mrtoct.resample import resample
from mrtoct.translation.guard.any_contrast import check_any
from mrtoct.translation.guard.limits import beyond, check_spacing, cut_beyond
from mrtoct.translation.guard.look import DEPTHS_MM, QUANTILES, Look, measure
from mrtoct.translation.guard.quality import check_drift
from mrtoct.translation.guard.seen import SeenChannel, SeenMr, profile_distance
from mrtoct.volume import Array, Grid, Volume

CONTRAST, LEAST_CONTRAST = 0.035, 0.12
"""How much further than any training subject a scan's signal may be from their mean, in units of
the brain's signal; what is nearer than the second is never far: single phantoms of one sequence
are up to 0.10 from the mean of others, and few training subjects do not show all there is."""
NO_VERTEX = 1.5
"""Times that, where the top of the head is cut: 45 mm less gave 0.17 on phantoms."""
TURNED = 0.05
"""By so much a wrong way up must fit the average head better than the stated one."""
STRANGE, USUAL_FIT = 0.2, 1.1
"""By so much less than the worst training subject, or than the second where all fit better (few
subjects do, being most of their own average), a head may fit the average one."""
SIMULATED = ("saturated",)
"""Kinds of findings that simulated scans have: some are clipped, as exports of 8 bits are."""
THIN_MM = 2.0
"""Values and slices are looked at on every nth voxel where voxels are finer."""


def doubts(mr: Mapping[str, Volume], seen: SeenMr | None) -> list[Finding]:
    """Return what is unlike the training MR in the scans of a head, by channel; best is nothing.

    Where it is not known what the translator was trained on (None), only what is odd in any head
    MR is found; where it was trained on every contrast, what is no whole head, well seen. Unusable
    is what must not be translated: a CT, or no head. Channels need not be aligned with one another.
    """
    found = []
    for name, volume in mr.items():
        found += _of_channel(name, volume, seen, "MR" if len(mr) == 1 else f"MR {name}")
    return found


def _of_channel(name: str, mr: Volume, seen: SeenMr | None, scan: str) -> list[Finding]:
    modality = check_modality(mr, find_peaks(mr.voxels), scan)
    if modality:
        return [replace(finding, weight="unusable") for finding in modality]
    mr = from_zero(mr)
    spacing = seen.spacing if seen else (1.0, 1.0, 1.0)
    channel = seen.channels[name] if seen else None
    found = check_spacing(mr.spacing, channel.scanned, scan) if channel else []
    try:
        look = measure(mr, spacing)
    except ValueRangeError as error:
        return [*found, Finding("unusable", "no-head", str(error), scan)]
    absent = find_absent(mr, look.mask)
    look = look.with_cuts(absent.cut_cm2)
    found += _of_any_head(mr, look, absent, scan)
    if seen is None or channel is None:
        whole = check_head(measure_head(look.mask).with_cuts(absent.cut_cm2), scan)
        found += check_absent(absent, whole, scan)
        return found + check_drift(look.numbers["ramp"], scan)
    if channel.profile is None:
        whole = check_any(look, absent, mr.spacing, channel, scan)
        is_head = verdict_of(whole) != "unusable"
        return [*whole, *map(_milder, found)] if is_head else whole
    numbers = cut_beyond(look, channel.numbers, scan)
    numbers += beyond(look.numbers, channel.numbers, scan)
    position = _check_position(look.head, channel, scan)
    if position:  # all else follows from it, but the size may say why
        strange = position[0].kind == "strange"
        return found + position + [n for n in numbers if strange and n.kind == "head-size"]
    # Without the vertex the signal is measured lower down, where heads differ more.
    slack = NO_VERTEX if any(n.kind == "top-missing" for n in numbers) else 1.0
    contrast = _check_contrast(look, channel.profile, name, seen, scan, slack)
    drift = _check_drift(look, channel, numbers, scan)
    return [*found, *check_face(absent, scan), *contrast, *numbers, *drift]


def _of_any_head(mr: Volume, look: Look, absent: Absent, scan: str) -> list[Finding]:
    """Return what is odd about values and slices, whatever the training was."""
    thin = _thinned(mr)
    head = resample(look.mask, thin.grid, fill=0.0, interpolation="nearest").voxels
    if not head.any():
        return []
    bright = float(np.percentile(thin.voxels[head], 99.5))
    there = ~_thinned(absent.mask).voxels
    found = check_signal_range(thin, head, scan)
    return found + check_slices(thin, head, 0.0, bright, scan, there)


def _milder(finding: Finding) -> Finding:
    """Return a finding on values as a note where a training on every contrast shows such scans."""
    return replace(finding, weight="note") if finding.kind in SIMULATED else finding


def _thinned(volume: Volume) -> Volume:
    """Return every nth voxel along the axes with fine voxels, but every slice."""
    step = [max(int(THIN_MM / s), 1) for s in volume.spacing]
    step[int(np.argmax(volume.spacing))] = 1
    voxels = volume.voxels[tuple(slice(None, None, n) for n in step)]
    i, j, k = voxels.shape
    return Volume(voxels, Grid((i, j, k), volume.affine @ np.diag([*step, 1])), volume.unit)


def _check_position(head: CoarseHead, channel: SeenChannel, scan: str) -> list[Finding]:
    """Lay the head on the average one of the training, as stated and in all other ways up."""
    stated = position_fits(channel.average, head, [STATED])[STATED]
    if stated >= channel.fit:  # no other way up is better where a training head fits no better
        return []
    fits = position_fits(channel.average, head)
    best = max(fits, key=lambda turn: fits[turn])
    least = min(channel.fit, USUAL_FIT) - STRANGE
    if fits[best] >= least and fits[best] - stated > TURNED:
        return [
            Finding(
                "doubtful",
                "turned",
                f"the head fits the average head of the training better {in_words(best)} "
                f"({fits[best]:.2f}) than as stated in the header ({stated:.2f}): correct the "
                "orientation, often lost when files are converted",
                scan,
            )
        ]
    if stated < least:
        return [
            Finding(
                "doubtful",
                "strange",
                f"it matches the average head of the training poorly ({stated:.2f}, training "
                f"heads {channel.fit:.2f} at least): is it a complete head with its skull?",
                scan,
            )
        ]
    return []


def _check_contrast(
    look: Look, profile: Array, name: str, seen: SeenMr, scan: str, slack: float
) -> list[Finding]:
    """Compare the signal at each depth below the skin with the training's."""
    channel = seen.channels[name]
    apart = profile_distance(look.profile, profile)
    if apart <= slack * _allowed(channel):
        return []
    measured = f"{apart:.2f} apart, training subjects {channel.apart:.2f} at most"
    for other, candidate in seen.channels.items():
        if candidate.profile is None:
            continue
        distance = profile_distance(look.profile, candidate.profile)
        if other != name and distance < min(apart, _allowed(candidate)):
            return [
                Finding(
                    "doubtful",
                    "exchanged",
                    f"it looks like the training's {other}, not like its {name} ({measured}): are "
                    "the channels swapped?",
                    scan,
                )
            ]
    return [
        Finding(
            "doubtful",
            "contrast",
            f"its contrast differs from that of the training MR ({measured}): "
            f"{_difference(look.profile, profile)}; use the sequence that the model was "
            "trained on",
            scan,
        )
    ]


def _check_drift(
    look: Look, channel: SeenChannel, known: list[Finding], scan: str
) -> list[Finding]:
    """Find a drift that the comparison of the brain's parts let pass, as in a varied training."""
    if any(finding.kind == "uneven" for finding in known):
        return []
    _, usual = channel.numbers.get("ramp", (1.0, 1.0))
    return check_drift(look.numbers["ramp"], scan, usual=usual)


def _allowed(channel: SeenChannel) -> float:
    return max(channel.apart + CONTRAST, LEAST_CONTRAST)


def _difference(profile: Array, trained: Array) -> str:
    """Say in which layer below the skin the median signal differs most, brain is 1."""
    middle = len(QUANTILES) // 2
    medians, before = (p[:, middle - 1 : middle + 1].mean(axis=1) for p in (profile, trained))
    layer = int(np.nanargmax(np.abs(medians - before)))
    low, high = DEPTHS_MM[layer : layer + 2]
    where = f"{low:g} to {high:g} mm" if np.isfinite(high) else f"more than {low:g} mm"
    return (
        f"{where} below the skin its median signal is {medians[layer]:.2f} of the brain's, "
        f"in training {before[layer]:.2f}"
    )
