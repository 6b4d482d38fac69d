"""One scan of an anatomy: an MR of a random contrast with random flaws, or a part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.simulation.acquisition import acquired
from mrtoct.simulation.anatomy import Anatomy
from mrtoct.simulation.scan_settings import ScanSettings
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import AIR_HU, Array

__all__ = ["Scan", "ScanSettings", "draw_raw", "draw_scan"]

MARGIN = 8
"""Voxels simulated around a part: thick slices average over them."""
SURROUNDINGS = 12
"""Voxels of air that a raw scan shows on each side of a head, beyond the anatomy's own."""
GAIN = (200.0, 3000.0)
"""Signal of the brightest tissue in a raw scan, arbitrary units."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Arrays (I, J, K): what is shown to a network, and what it should make of it."""

    mr: Array
    """float32, scaled as MrScaling does: percentiles of the head to 0 and 1, up to its ceiling."""
    hu: Array
    """int16"""
    head: Array
    """bool"""
    trusted: Array
    """bool, where MR and CT both tell the truth."""


def draw_scan(
    anatomy: Anatomy,
    seed: list[int],
    settings: ScanSettings,
    *,
    size: tuple[int, int, int] | None = None,
    sequence: str | None = None,
) -> Scan:
    """Scan a head, or a part of it of a size in voxels, with everything drawn from the seed."""
    rng = np.random.default_rng(seed)
    tissue, hu, trusted, inner = _part(anatomy, size, rng)
    head = tissue != Tissue.AIR
    image = acquired(tissue, settings, rng, sequence)
    image, hu, head, trusted = (
        np.ascontiguousarray(array[inner]) for array in (image, hu, head, trusted)
    )
    trusted = trusted.copy()
    image = _removed(image, head, trusted, settings, rng)
    image = _handled(image, head, trusted, settings, rng)
    return Scan(image, hu, head, trusted)


def draw_raw(
    anatomy: Anatomy, seed: list[int], settings: ScanSettings, *, sequence: str | None = None
) -> tuple[Array, Anatomy]:
    """Scan a whole head as scanners do: MR (I, J, K), int16 in arbitrary units, and its anatomy.

    The anatomy is the head's with air added on its sides; where the MR was cut off or its face was
    removed, trusted is false. Nothing is scaled or masked; an export with 8 bits reaches from 0 to
    255.
    """
    rng = np.random.default_rng(seed)
    pads = [(SURROUNDINGS, SURROUNDINGS)] * 2 + [(0, 0)]
    tissue = np.pad(anatomy.tissue, pads)
    hu = np.pad(anatomy.hu, pads, constant_values=int(anatomy.hu.min()))
    trusted = np.pad(anatomy.trusted, pads, constant_values=True)
    image = acquired(tissue, settings, rng, sequence, whole=True)
    image = _removed(image, tissue != Tissue.AIR, trusted, settings, rng)
    gain = np.exp(rng.uniform(*np.log(GAIN)))
    if rng.uniform() < settings.export:
        image, gain = np.clip(image / rng.uniform(0.9, 1.5), 0, 1), 255.0
    mr = np.rint(image * gain).clip(0, np.iinfo(np.int16).max).astype(np.int16)
    return mr, Anatomy(tissue, hu, trusted)


def _part(
    anatomy: Anatomy, size: tuple[int, int, int] | None, rng: np.random.Generator
) -> tuple[Array, Array, Array, tuple[slice, slice, slice]]:
    """Return tissue, HU, trust of a part and its margin, and where in these the part lies."""
    shape = anatomy.tissue.shape
    wanted = size or shape
    starts = []
    for n, part in zip(shape, wanted, strict=True):
        low, high = min(0, n - part), max(0, n - part)
        starts.append(int(rng.integers(low, high + 1)))
    of = tuple(
        slice(max(a - MARGIN, 0), min(a + part + MARGIN, n))
        for a, part, n in zip(starts, wanted, shape, strict=True)
    )
    pads = [
        (s.start - (a - MARGIN), a + part + MARGIN - s.stop)
        for s, a, part in zip(of, starts, wanted, strict=True)
    ]
    i, j, k = (slice(MARGIN, MARGIN + part) for part in wanted)
    return (
        np.pad(anatomy.tissue[of], pads),
        np.pad(anatomy.hu[of], pads, constant_values=int(AIR_HU)),
        np.pad(anatomy.trusted[of], pads, constant_values=True),
        (i, j, k),
    )


def _removed(
    image: Array, head: Array, trusted: Array, settings: ScanSettings, rng: np.random.Generator
) -> Array:
    """Remove a face, or an end of the field of view; trusted loses what is removed."""
    if rng.uniform() < settings.faceless:
        gone = _face(head, rng)
        image = np.where(gone, np.float32(0), image)
        trusted &= ~gone
    if rng.uniform() < settings.cut:
        for _ in range(int(rng.integers(1, 3))):
            axis, side = int(rng.integers(0, 3)), rng.uniform() < 0.5
            depth = max(int(image.shape[axis] * rng.uniform(0.03, 0.3)), 1)
            gone_box: list[slice] = [slice(None)] * 3
            gone_box[axis] = slice(None, depth) if side else slice(-depth, None)
            image[tuple(gone_box)] = 0
            trusted[tuple(gone_box)] = False
    return image


def _handled(
    image: Array, head: Array, trusted: Array, settings: ScanSettings, rng: np.random.Generator
) -> Array:
    """Scale an image as a translator does, with the flaws of its files and of its mask."""
    measured = image[head & trusted][::7]
    scaling = MrScaling()
    low, high = (
        np.percentile(measured, (scaling.low_percentile, scaling.high_percentile))
        if measured.size > 100
        else (0.0, 1.0)
    )
    # A part of a head has percentiles that differ a little from the whole head's.
    image = (image - low) / max(high - low, 0.02) * rng.uniform(0.85, 1.2)
    image = np.clip(image, 0, None)
    if rng.uniform() < 0.3:
        image = image ** rng.uniform(0.7, 1.4)
    if rng.uniform() < settings.export:
        top = rng.uniform(0.9, 1.5)
        image = np.rint(np.clip(image, 0, top) / top * 255) / 255 * top
    if rng.uniform() < settings.masked:
        image = image * _rough(head, rng)
    return np.asarray(np.clip(image, 0, scaling.ceiling), dtype=np.float32)


def _rough(head: Array, rng: np.random.Generator) -> Array:
    """Return a head's mask as it is found on an MR: a little too wide or too narrow in places."""
    step = int(rng.integers(0, 3))
    if step == 0:
        return head
    place = lattice_noise(head.shape, 20, rng) > rng.uniform(-0.5, 0.5)
    return np.where(place, dilated(head, step) if rng.uniform() < 0.7 else eroded(head, 1), head)


def _face(head: Array, rng: np.random.Generator) -> Array:
    """Return what defacing takes away: all before and below a slanted plane."""
    n = np.array(head.shape)
    j, k = np.arange(n[1])[None, :, None], np.arange(n[2])[None, None, :]
    start, slope = rng.uniform(0.65, 0.9) * n[1], rng.uniform(0.3, 1.2)
    beyond = j - start > slope * (k - rng.uniform(0.35, 0.55) * n[2])
    return np.broadcast_to(beyond & (j > 0.55 * n[1]), head.shape) & head
