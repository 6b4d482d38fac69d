"""Large random parts of loaded heads, for networks that need to see far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from mrtoct.errors import CohortError
from mrtoct.hardware.share import Share, all_of
from mrtoct.prepare.intensity import HuWindow
from mrtoct.prepare.mask import bounding_box
from mrtoct.sampling.patches import cut_out
from mrtoct.sampling.slices import Batch
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.volume import AIR_HU, Array, Grid

MARGIN = 2
"""Voxels kept around a head, as in translation."""


class PartSet:
    """Parts of some heads, of one size; a step's number decides which ones.

    Every head gives as many parts as any other. A part may lie anywhere in its head's volume; along
    an axis on which it is longer than the volume, the volume lies anywhere in it.
    """

    def __init__(
        self,
        subjects: Sequence[LoadedSubject],
        *,
        size: tuple[int, int, int],
        multiple: int,
        window: HuWindow = HuWindow(),
        seed: int = 1,
    ) -> None:
        """Take the most voxels of a part (I, J, K).

        Less is taken where no subject is that large; the sides are then rounded up to multiples of
        what the network's are.
        """
        if not subjects:
            raise CohortError("a set of parts of heads needs at least one subject")
        largest = np.max([subject.grid.shape for subject in subjects], axis=0)
        i, j, k = (-(-n // multiple) * multiple for n in np.minimum(size, largest).tolist())
        self.size: tuple[int, int, int] = (i, j, k)
        self.window = window
        self.seed = seed
        self._subjects = list(subjects)
        self._covered = [_learnt_from(subject) for subject in subjects]

    def batch(self, step: int, count: int | Share) -> Batch:
        """Return the parts of a step: tensors (N, C, I, J, K), those but the MR of one channel.

        count is how many there are, or the share of them that is wanted.
        """
        share = count if isinstance(count, Share) else all_of(count)
        rows = [self._part(step * share.whole + n) for n in share.numbers]
        return Batch(*(torch.from_numpy(np.stack(arrays)) for arrays in zip(*rows, strict=True)))

    def _part(self, number: int) -> tuple[Array, ...]:
        """Return MR, CT, covered, head and brain of a part, as a batch holds them."""
        # Rounds in which everybody has a turn, each in another order.
        turn, place = divmod(number, len(self._subjects))
        order = np.random.default_rng([self.seed, turn, 0]).permutation(len(self._subjects))
        subject, covered = self._subjects[order[place]], self._covered[order[place]]
        rng = np.random.default_rng([self.seed, number, 1])
        room = np.subtract(subject.grid.shape, self.size)
        low = np.where(room < 0, -1, 1) * rng.integers(0, np.abs(room) + 1)
        high = low + self.size
        if subject.brain is None:
            brain = np.zeros((1, *self.size), dtype=np.float32)
        else:
            brain = cut_out(subject.brain[None], low, high, 0.0)
        return (
            cut_out(subject.mr, low, high, 0.0),
            self.window.normalise(cut_out(subject.hu[None], low, high, AIR_HU)),
            # Beyond the volume lies air, on the MR and on the CT.
            cut_out(covered[None], low, high, 1.0),
            cut_out((subject.head | subject.mr_head)[None], low, high, 0.0),
            brain,
        )


def around_head(subject: LoadedSubject) -> LoadedSubject:
    """Return a subject without what lies far from its head: the volume that a translator sees."""
    i, j, k = bounding_box(subject.head | subject.mr_head, margin=(MARGIN,) * 3)

    def cut(array: Array) -> Array:
        """Copy, so that the whole array can go; in memory slices along K stay whole."""
        return np.array(array[..., i, j, k], order="K")

    affine = subject.grid.affine.copy()
    affine[:3, 3] = subject.grid.to_world([i.start, j.start, k.start])
    hu = cut(subject.hu)
    return replace(
        subject,
        grid=Grid(hu.shape, affine),
        mr=cut(subject.mr),
        hu=hu,
        covered=cut(subject.covered),
        head=cut(subject.head),
        mr_head=cut(subject.mr_head),
        kept=[n - k.start for n in subject.kept if k.start <= n < k.stop],
        brain=None if subject.brain is None else cut(subject.brain),
    )


def _learnt_from(subject: LoadedSubject) -> Array:
    """Return where the MR was measured in slices that were not dropped, boolean (I, J, K)."""
    kept = np.zeros(subject.grid.shape[2], dtype=np.bool_)
    kept[subject.kept] = True
    return subject.covered & kept
