"""Random patches of prepared volumes: inside the head, balanced between the kinds of tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mrtoct.errors import CohortError
from mrtoct.hardware.share import Share, all_of
from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.slices import Batch
from mrtoct.volume import AIR_BELOW_HU, AIR_HU, BONE_ABOVE_HU, Array

CENTRES = 50_000
"""Voxels remembered of each tissue of each subject; the others are as good."""


@dataclass(frozen=True)
class PatchSource:
    """One subject's arrays on one grid, which may be memory maps: patches alone are read."""

    mr: Array
    """Scaled MR (C, I, J, K), about [0, 1], 0 outside the head."""
    ct: Array
    """CT (I, J, K) in HU."""
    head: Array
    """Boolean (I, J, K)."""
    covered: Array | None = None
    """Boolean (I, J, K): where the MR was measured; none: everywhere."""
    brain: Array | None = None
    """(I, J, K), 0 to 1: the space that the skull encloses; none: not wanted."""

    def __post_init__(self) -> None:
        shapes = [a.shape for a in (self.ct, self.head, self.covered, self.brain) if a is not None]
        if self.mr.ndim != 4 or any(shape != self.mr.shape[1:] for shape in shapes):
            raise ValueError(
                "mr must be (C, I, J, K), and ct, head and covered (I, J, K), got "
                f"{[list(shape) for shape in [self.mr.shape, *shapes]]}"
            )


class PatchSet:
    """Patches of MR with the CT in their middle; a step's number decides which ones.

    As many patches lie around bone as around soft tissue and around air inside the head (as far as
    the subjects have all three). Soft tissue alone is most of a head, and nearly one value. The
    paper takes 32^3 of MR with the central 16^3 of CT: margin 8. With margin 18 a patch holds all
    that its voxels depend on, and the context generator, of whose output one then takes the middle
    16^3, is trained on the numbers that sampling.tiling.predict_tiles gives.
    """

    def __init__(
        self,
        sources: Sequence[PatchSource],
        *,
        size: int = 16,
        margin: int = 8,
        window: HuWindow = HuWindow(),
        seed: int = 1,
    ) -> None:
        if size < 1 or margin < 0:
            raise ValueError(
                f"size must be at least 1 and margin at least 0, got {size} and {margin}"
            )
        if not sources:
            raise CohortError("a set of patches needs at least one subject")
        if len({source.mr.shape[0] for source in sources}) > 1:
            raise CohortError("all subjects of a set of patches must have the same MR channels")
        self.sources = list(sources)
        self.size = size
        self.margin = margin
        self.window = window
        self.seed = seed
        by_subject = [_centres(s, [seed, n]) for n, s in enumerate(self.sources)]
        # Of each tissue, the subjects that have it, each with its centres.
        self._tissues = [
            held
            for tissue in range(3)
            if (held := [(n, c[tissue]) for n, c in enumerate(by_subject) if len(c[tissue])])
        ]
        if not self._tissues:
            raise CohortError("no subject of the set of patches has a voxel of head")

    def batch(self, step: int, count: int | Share) -> Batch:
        """Return the patches of a step: MR (N, C, n, n, n) and the others (N, 1, m, m, m).

        m is the size and n the size with a margin on both sides; axes are I, J, K. count is how
        many there are, or the share of them that is wanted.
        """
        share = count if isinstance(count, Share) else all_of(count)
        rng = np.random.default_rng([self.seed, step])
        rows = []
        for n in range(share.whole):
            # In turn, across steps, too: exact balance however small the batch.
            held = self._tissues[(step * share.whole + n) % len(self._tissues)]
            number, centres = held[rng.integers(len(held))]
            centre = centres[rng.integers(len(centres))]
            if n in share.numbers:  # the others are drawn all the same: one stream for all
                rows.append(self._patch(self.sources[number], centre))
        return Batch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*rows, strict=True)))

    def _patch(self, source: PatchSource, centre: Array) -> tuple[Array, ...]:
        """Return MR, CT, covered, head and brain about a voxel, as a batch holds them."""
        low = np.array(
            [
                min(max(c - self.size // 2, 0), max(n - self.size, 0))
                for c, n in zip(centre.tolist(), source.ct.shape, strict=True)
            ]
        )
        high = low + self.size
        covered = np.ones((1, *(self.size,) * 3), np.float32)
        if source.covered is not None:
            covered = cut_out(source.covered[None], low, high, 1.0)
        brain = np.zeros((1, *(self.size,) * 3), np.float32)
        if source.brain is not None:
            brain = cut_out(source.brain[None], low, high, 0.0)
        return (
            cut_out(source.mr, low - self.margin, high + self.margin, 0.0),
            self.window.normalise(cut_out(source.ct[None], low, high, AIR_HU)).astype(np.float32),
            covered,
            cut_out(source.head[None], low, high, 0.0),
            brain,
        )


def _centres(source: PatchSource, seed: list[int]) -> list[Array]:
    """Return some voxels (n, 3) inside the head of bone, soft tissue and air, chosen at random."""
    rng = np.random.default_rng(seed)
    found: list[list[Array]] = [[], [], []]
    for i in range(source.ct.shape[0]):  # plane by plane: the arrays may be memory maps
        inside, ct = np.asarray(source.head[i], dtype=bool), source.ct[i]
        bone, air = ct > BONE_ABOVE_HU, ct < AIR_BELOW_HU
        for kept, where in zip(found, (bone, ~bone & ~air, air), strict=True):
            plane = np.argwhere(where & inside)
            kept.append(np.insert(plane, 0, i, axis=1).astype(np.int32))
    every = [np.concatenate(planes) for planes in found]
    return [
        voxels[np.sort(rng.choice(len(voxels), min(len(voxels), CENTRES), replace=False))]
        for voxels in every
    ]


def cut_out(array: Array, low: Array, high: Array, fill: float) -> Array:
    """Return array[:, low:high] as float32, with a value beyond the volume."""
    out = np.full((array.shape[0], *(high - low)), fill, dtype=np.float32)
    shape = array.shape[1:]
    of = tuple(slice(max(a, 0), min(b, n)) for a, b, n in zip(low, high, shape, strict=True))
    into = tuple(slice(s.start - a, s.stop - a) for s, a in zip(of, low, strict=True))
    out[:, *into] = array[:, *of]
    return out
