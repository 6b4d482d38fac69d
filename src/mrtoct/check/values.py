"""What a volume's values look like: its two main peaks, and a fingerprint that finds copies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from skimage.filters import threshold_otsu

from mrtoct.volume import Array

MOST_SAMPLES = 2_000_000
"""Voxels that a histogram is made of: more would not move its peaks."""

LEAST_AIR = 0.02
"""Part of the voxels above the padding that lie at the air's peak, if there is air besides."""
SHARP = 0.4
"""The soft tissue of a CT is a narrow peak; bone, which comes next where air was masked, is not."""


@dataclass(frozen=True)
class Peaks:
    """The background's and the body's most frequent value."""

    background: float
    body: float
    narrow: float
    """Part of the body's voxels within 8 % of the distance of the peaks around the body's."""
    tail: float
    """Part of the body's voxels above its peak by more than half that distance: bone in a CT."""

    @property
    def distance(self) -> float:
        """From the background's peak to the body's; in HU about 1040 for a head in air."""
        return self.body - self.background


def find_peaks(voxels: Array) -> Peaks:
    """Return the peaks on either side of Otsu's threshold; padding does not count as background."""
    step = max(voxels.size // MOST_SAMPLES, 1)
    values = np.asarray(voxels.ravel()[::step], dtype=np.float32)
    peaks = _peaks(values)
    rest = values[values > values.min()]
    # Half the voxels hold the very lowest value: air that was masked, or padding beside air.
    if peaks.background > values.min() or rest.size == 0:
        return peaks
    others = _peaks(rest)
    air = np.abs(rest - others.background) < 0.05 * others.distance
    is_apart = others.background - peaks.background > 0.15 * others.distance
    return others if is_apart and others.narrow > SHARP and air.mean() > LEAST_AIR else peaks


def fingerprint(voxels: Array) -> str:
    """Return a hash of how often each value occurs: the same for a copy turned, flipped or moved.

    Whole numbers give the same hash in any type.
    """
    if voxels.dtype.kind == "f" and np.array_equal(voxels, np.rint(voxels)):
        voxels = voxels.astype(np.int64)
    if voxels.dtype.kind in "bui":
        start = int(voxels.min())
        span = int(voxels.max()) - start
    if voxels.dtype.kind in "bui" and span < 1 << 22:
        counts = np.bincount((voxels.astype(np.int64) - start).ravel())
        values = np.flatnonzero(counts)
        counts, values = counts[values], values + start
    else:
        values, counts = np.unique(voxels, return_counts=True)
    digest = hashlib.sha256(str(sorted(voxels.shape)).encode())
    digest.update(np.asarray(values, dtype=np.float64).tobytes())
    digest.update(np.asarray(counts, dtype=np.int64).tobytes())
    return digest.hexdigest()


def _peaks(values: Array) -> Peaks:
    low, high = np.percentile(values, (0.1, 99.9))
    if not high > low:
        return Peaks(float(low), float(low), 1.0, 0.0)
    values = values.clip(low, high)
    threshold = threshold_otsu(values)
    below, above = values[values <= threshold], values[values > threshold]
    width = float(above.mean() - below.mean()) / 100
    background, body = _mode(below, width), _mode(above, width)
    narrow = np.abs(above - body) < 0.08 * (body - background)
    tail = above > body + 0.5 * (body - background)
    return Peaks(background, body, float(narrow.mean()), float(tail.mean()))


def _mode(values: Array, width: float) -> float:
    """Return the most frequent value, to about half a bin of the width."""
    low, high = float(values.min()), float(values.max())
    bins = int(np.clip((high - low) / width, 1, 1000))
    counts, edges = np.histogram(values, bins, (low, high + 1e-6))
    best = int(counts.argmax())
    near = values[(values >= edges[best] - width) & (values <= edges[best + 1] + width)]
    return float(np.median(near))
