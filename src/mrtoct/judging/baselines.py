"""What a network has to beat: water in the body, and the best map from MR value to HU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.judging.masks import judged_mask
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import PreparedSubject, read_subject
from mrtoct.volume import AIR_HU, Array

WATER, MAP = "water", "intensity map"
"""What the two are called wherever methods stand beside one another."""

WATER_HU = 0.0

VOXELS_PER_SUBJECT = 200_000
"""Voxels drawn from each subject: medians of a thousand bins do not need more."""


def water(mask: Array) -> Array:
    """Return 0 HU inside the boolean mask and -1024 outside, float32."""
    return np.where(mask, np.float32(WATER_HU), np.float32(AIR_HU))


@dataclass(frozen=True)
class IntensityMap:
    """Piecewise constant map from MR value to HU: inner bin edges (n - 1,) and HU (n,).

    No map that looks at one voxel at a time, without its surroundings, has a lower MAE on the
    training subjects (up to the width of the bins): the median minimises the mean absolute error.
    """

    edges: tuple[float, ...]
    hu: tuple[float, ...]

    @classmethod
    def fit(
        cls, subjects: Sequence[tuple[Array, Array, Array]], *, bins: int = 200, seed: int = 0
    ) -> IntensityMap:
        """Fit on (normalised MR, CT in HU, mask) arrays of training subjects.

        Bins hold equal numbers of in-mask voxels; each subject counts alike, with up to 200 000
        of its voxels drawn at random.
        """
        if not subjects:
            raise ValueRangeError("an intensity map needs at least one training subject, got none")
        generator = np.random.default_rng(seed)
        values, targets = [], []
        for mr, ct, mask in subjects:
            if not mr.shape == ct.shape == mask.shape:
                raise GeometryError(
                    "MR, CT and mask of a subject need one shape, "
                    f"got {mr.shape}, {ct.shape} and {mask.shape}"
                )
            where = np.flatnonzero(mask)
            if where.size == 0:
                raise ValueRangeError("a training subject's mask is empty")
            size = min(VOXELS_PER_SUBJECT, where.size)
            where = generator.choice(where, size, replace=False)
            values.append(mr.ravel()[where].astype(np.float64))
            targets.append(ct.ravel()[where].astype(np.float64))
        value, target = np.concatenate(values), np.concatenate(targets)
        if not (np.isfinite(value).all() and np.isfinite(target).all()):
            raise ValueRangeError("MR and CT must be finite inside the mask")
        # Many voxels of one value (saturated fat, padding) make edges coincide: keep each once.
        edges = np.unique(np.quantile(value, np.arange(1, bins) / bins))
        number = np.searchsorted(edges, value, side="right")
        order = np.argsort(number, kind="stable")
        occupied, first = np.unique(number[order], return_index=True)
        medians = [float(np.median(part)) for part in np.split(target[order], first[1:])]
        # An empty bin can only lie below the smallest value or above the largest: merge it.
        return cls(tuple(edges[occupied[1:] - 1].tolist()), tuple(medians))

    def apply(self, mr: Array, mask: Array) -> Array:
        """Return HU (float32) from normalised MR inside the mask, -1024 outside."""
        number = np.searchsorted(np.array(self.edges), mr[mask], side="right")
        sct = np.full(mr.shape, AIR_HU, dtype=np.float32)
        sct[mask] = np.array(self.hu, dtype=np.float32)[number]
        return sct


def fitted_map(
    store: Path, training: list[str], channels: Sequence[str], scaling: MrScaling
) -> IntensityMap:
    """Return the best map from the first channel's value to HU: the baseline to beat.

    Without channels it is the store's first.
    """
    subjects = [read_subject(store, name).with_channels(channels) for name in training]
    return IntensityMap.fit(
        [(scaled_mr(s, scaling), s.ct.voxels, judged_mask(s)[0].voxels) for s in subjects]
    )


def scaled_mr(subject: PreparedSubject, scaling: MrScaling) -> Array:
    """Return the first channel as an intensity map sees it."""
    return scaling.apply(subject.mr.voxels, subject.mr_head.voxels)
