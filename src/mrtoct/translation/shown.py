"""A head as a network sees it, upright in its box, and the way back onto the MR's grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mrtoct.prepare.absent import find_absent
from mrtoct.prepare.channels import align_channels, channel_transforms
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import measured_on, resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Grid, Volume


@dataclass(frozen=True, eq=False)
class Shown:
    """A head as a network sees it, and where that is."""

    mr: Array
    """MR (C, I, J, K) in the head's box, upright, at the bundle's spacing."""
    head: Volume
    """The head on the whole upright grid."""
    box: tuple[slice, slice, slice]
    """Of that grid."""
    scans: tuple[tuple[Volume, Array], ...]
    """MR channels as they were scanned, each with the map (4 x 4, RAS mm) to it from the first."""
    absent: Volume
    """What of the head is not in a channel, such as a face that was removed; on the head's grid."""

    @property
    def inside(self) -> Array:
        """The head in its box, boolean (I, J, K)."""
        return self.head.voxels[self.box]

    def placed(self, hu: Array, onto: Grid | None = None) -> Volume:
        """Return HU (I, J, K) of the box as int16 on the first MR's own grid, or on another one.

        Measured is it where every channel was.
        """
        return self._cut_out(hu, onto, AIR_HU)

    def placed_deviation(self, deviation: Array, onto: Grid | None = None) -> Volume:
        """Return HU of uncertainty likewise: at least 1 in the head, 0 outside."""
        return self._cut_out(np.maximum(deviation, 1), onto, 0)

    def _cut_out(self, values: Array, onto: Grid | None, outside: float) -> Volume:
        onto = onto or self.scans[0][0].grid
        whole = np.full(self.head.grid.shape, outside, dtype=np.float32)
        whole[self.box] = values
        # The head is cut out on the MR's grid, not before: interpolating across a cut would thin
        # the skin by half a voxel.
        moved = resample(Volume(whole, self.head.grid, "HU"), onto, fill=outside)
        seen = [measured_on(scan, onto, transform) for scan, transform in self.scans]
        # What a network draws where nothing was measured is its invention: it is not kept.
        there = ~resample(self.absent, onto, fill=0, interpolation="nearest").voxels
        measured = np.logical_and.reduce([*seen, there])
        inside = resample_mask(self.head, onto).voxels & measured
        voxels = np.where(inside, np.rint(moved.voxels), outside).astype(np.int16)
        return Volume(voxels, onto, "HU", measured)


def shown_of(
    channels: Mapping[str, Volume],
    first: str,
    spacing: tuple[float, float, float],
    aligned: bool,
    on_doubt: Callable[[str], None],
) -> Shown:
    """Return a head, by channel, as a network of voxels of a spacing in mm sees it.

    Channels are registered to the first unless they are aligned; on_doubt is told where that may
    have failed.
    """
    alignments = {} if aligned else align_channels(channels)
    for name, found in alignments.items():
        if found.verdict == "doubtful":
            on_doubt(f"the registration of MR channel {name} is doubtful: {found.reason}")
    transforms = channel_transforms(channels, alignments, np.eye(4))
    grid = channels[first].grid.upright(spacing)
    work = [
        resample(channel, grid, fill=0.0, transform=transforms[name])
        for name, channel in channels.items()
    ]
    head, box = head_and_box(work[0])
    scans = tuple((channel, transforms[name]) for name, channel in channels.items())
    gone = np.logical_or.reduce([find_absent(w, head).mask.voxels for w in work])
    absent = head.with_voxels(gone)
    return Shown(np.stack([w.voxels[box] for w in work]), head, box, scans, absent)


def head_and_box(mr: Volume) -> tuple[Volume, tuple[slice, slice, slice]]:
    """Return the head on an upright MR, and the box that a network is shown of it."""
    head = head_mask_mr(mr)
    return head, bounding_box(head.voxels, margin=(2, 2, 2))
