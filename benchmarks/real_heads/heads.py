"""The two real CT heads: where their head is, what of it counts, where their eyes are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from mrtoct.io.files import read_volume
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Volume

from .tilted import read_tilted

INNER_AIR_HU = -400.0
SPACING_MM = 1.0
END_MM = 3
"""Slices so near to the ends of a scan are not judged: what lies beyond them is not known."""


@dataclass(frozen=True, eq=False)
class CtHead:
    """A real head in CT on voxels of 1 mm, axes nearly to the right, forward and up."""

    name: str
    ct: Volume
    head: Array
    """The head with all its air, boolean (I, J, K)."""
    judged: Array
    """The part of the head whose CT is trusted: no metal's streaks, not the end slices."""
    streaked: Array
    """Slices along K that metal spoils, boolean (K,)."""
    eyes: tuple[tuple[float, float, float], ...] = ()
    """Centres of the eyeballs, RAS mm."""


@dataclass(frozen=True)
class Source:
    """A real CT head among the data."""

    path: str
    read: Callable[[Path], Volume]
    eyes: tuple[tuple[float, float, float], ...]
    """As seen in the CT, RAS mm."""
    metal_hu: float = 3000.0
    """Above which there is metal."""


def read_even(path: Path) -> Volume:
    """Return a CT resampled upright to 1 mm."""
    ct = read_volume(path, "HU")
    return resample(ct, ct.grid.upright((SPACING_MM,) * 3), fill=AIR_HU)


SOURCES = {
    # Its values are cut off at 2248 HU, which fillings and crowns reach and bone does not.
    "unc": Source(
        "ct_heads/unc/ct.nii.gz",
        read_even,
        ((-141.0, -63.0, -91.5), (-81.0, -61.0, -92.5)),
        metal_hu=2230.0,
    ),
    "ge_tilted": Source(
        "ct_heads/ge_tilted", read_tilted, ((55.0, 65.0, 14.7), (-16.0, 77.9, 10.6))
    ),
}


def load(data: Path, name: str) -> CtHead:
    """Read one of the sources from the folder of real data."""
    source = SOURCES[name]
    return ct_head(name, source.read(data / source.path), source.eyes, source.metal_hu)


def ct_head(
    name: str,
    ct: Volume,
    eyes: tuple[tuple[float, float, float], ...] = (),
    metal_hu: float = 3000.0,
) -> CtHead:
    """Find head, inner air and metal in a CT on upright voxels of 1 mm."""
    ct = ct.with_voxels(np.maximum(ct.voxels, AIR_HU))
    head = with_open_air(head_mask_ct(ct).voxels)
    metal = (head & (ct.voxels > metal_hu)).any(axis=(0, 1))
    streaked = ndimage.binary_dilation(ndimage.binary_closing(metal, iterations=3), iterations=3)
    judged = head & ~streaked
    filled = np.flatnonzero(head.any(axis=(0, 1)))
    # A head that the scan cuts ends in its first or last slice.
    if filled[0] < END_MM:
        judged[:, :, : filled[0] + END_MM] = False
    if filled[-1] >= head.shape[2] - END_MM:
        judged[:, :, filled[-1] + 1 - END_MM :] = False
    return CtHead(name, ct, head, judged, streaked, eyes)


def with_open_air(head: Array) -> Array:
    """Add to a head mask the air that it surrounds although it is open: nose, throat, ear canals.

    Air counts as surrounded if the head lies beyond it in at least five of the six directions of
    the axes.
    """
    blocked = np.zeros(head.shape, dtype=np.uint8)
    for axis in range(3):
        for way in (1, -1):
            turned = head if way == 1 else np.flip(head, axis)
            seen = np.maximum.accumulate(turned, axis=axis)
            blocked += seen if way == 1 else np.flip(seen, axis)
    surrounded = ndimage.binary_opening(blocked >= 5, iterations=1)
    return np.asarray(head | surrounded)
