"""Do the slices follow one another: none empty, repeated, out of order or missing?"""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.volume import Array, Volume

# Correlations of whole slices, measured on phantoms at 1 to 6 mm and on five real volumes.
JUMP, JUMP_PART = 0.06, 1.0
"""Neighbours correlate less than both pairs beside them by the first, and by the second as a part
of what neighbours usually lack of 1. Where all was well, at most 0.09 and 0.9; where 12 mm were cut
out, 0.08 to 0.28 and 1.2 to 12, except on coarse or smooth scans, where little shows."""
SWAP_GAIN = 0.1
"""Two slices fit better in exchanged order, by this part of what neighbours lack of 1; below 0
where all was well, above 0.13 where two were exchanged."""
STRANGERS = 0.3
"""Part of the slices whose most similar one is no neighbour: near 0, or near 1 if interleaved."""
MIRRORED = 2
"""A sagittal slice may look most like the one as far to the other side, or one so near to that."""


def check_slices(
    volume: Volume,
    head: Array,
    low: float,
    high: float,
    scan: str,
    there: Array | None = None,
) -> list[Finding]:
    """Return slices that are empty, repeated, out of order or missing, along the coarsest axis.

    head is a mask (I, J, K); values are clipped to low and high first. Where a part was removed,
    slices differ by that: what is not there in one of them is compared in none.
    """
    axis = int(np.argmax(volume.spacing))
    area = head.sum(axis=tuple(a for a in range(3) if a != axis))
    inside = np.flatnonzero(area > 0.25 * area.max())
    # The mask may have a hole where a slice is empty: from the first to the last.
    first, last = int(inside[0]), int(inside[-1]) + 1
    slices = np.moveaxis(volume.voxels, axis, 0)[first:last]
    if len(slices) < 5:
        return []
    found = []
    empty = [k + first for k, plane in enumerate(slices) if plane.min() == plane.max()]
    if empty:
        found.append(
            Finding(
                "doubtful",
                "empty-slices",
                f"{_slices(empty)} inside the head have a constant value; the series is damaged: "
                "convert it again",
                scan,
            )
        )
    same = [
        k + first
        for k in range(len(slices) - 1)
        if k + first not in empty and np.array_equal(slices[k], slices[k + 1])
    ]
    if same:
        found.append(
            Finding(
                "doubtful",
                "repeated-slices",
                f"{_slices(same)} and the next are identical; noise makes slices differ: a slice "
                "was exported twice, convert it again",
                scan,
            )
        )
    if not found:
        if there is not None:
            shared = np.moveaxis(there, axis, 0)[first:last].all(axis=0)
            slices = np.where(shared, slices, slices.dtype.type(low))
        found += _order(_likeness(slices, low, high), first, scan)
    return found


def _order(likeness: Array, first: int, scan: str) -> list[Finding]:
    """Judge the order of slices by how alike each two are (n, n)."""
    beside = np.diag(likeness, 1)
    others = likeness - 2 * np.eye(len(likeness))
    here, nearest = np.arange(len(likeness)), others.argmax(axis=1)
    strange = np.abs(nearest - here) > 2
    if strange.any():
        # Mirrored slices have one middle in common, interleaved ones do not.
        middles = nearest + here
        strange &= np.abs(middles - np.median(middles[strange])) > 2 * MIRRORED
    if np.mean(strange) > STRANGERS:
        return [
            Finding(
                "doubtful",
                "slice-order",
                f"{np.mean(strange):.0%} of the slices are most similar to a slice not next to "
                "them; slices are out of order, as when an interleaved scan is stacked: convert "
                "it again",
                scan,
            )
        ]
    k = np.arange(1, len(likeness) - 2)
    gain = likeness[k - 1, k + 1] + likeness[k, k + 2] - beside[k - 1] - beside[k + 1]
    swapped = k[gain > SWAP_GAIN * (1 - np.median(beside))]
    if swapped.size:
        return [
            Finding(
                "doubtful",
                "slice-order",
                f"{_slices((swapped + first).tolist())} and the next fit better in swapped order; "
                "convert the series again, sorted by position",
                scan,
            )
        ]
    drop = np.minimum(beside[:-2], beside[2:]) - beside[1:-1]
    jumps = np.flatnonzero(drop > max(JUMP, JUMP_PART * (1 - np.median(beside)))) + 1
    if jumps.size:
        return [
            Finding(
                "doubtful",
                "slice-jump",
                f"between {_slices((jumps + first).tolist())} and the next there is a jump, "
                "larger than between their neighbours; slices may be missing or the patient "
                "moved: check a sagittal view",
                scan,
            )
        ]
    return []


def _likeness(slices: Array, low: float, high: float) -> Array:
    """Return the correlation of each two slices (n, n)."""
    step = [max(size // 128, 1) for size in slices.shape[1:]]
    flat = np.float32(slices[:, :: step[0], :: step[1]].clip(low, high)).reshape(len(slices), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    return np.asarray(flat @ flat.T)


def _slices(indices: list[int]) -> str:
    shown = ", ".join(map(str, indices[:4])) + (", ..." if len(indices) > 4 else "")
    return f"slice {shown}" if len(indices) == 1 else f"slices {shown}"
