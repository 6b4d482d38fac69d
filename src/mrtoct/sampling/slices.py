"""Slices of loaded subjects, ready to be batched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.volume import Array


@dataclass(frozen=True)
class Batch:
    """Paired samples: tensors (N, C, H, W) with H along J and W along I, or (N, C, I, J, K).

    The MR of a patch reaches further than its CT; everything else has the CT's size.
    """

    mr: Tensor
    """Scaled MR, one or more channels, 0 outside the head."""
    ct: Tensor
    """CT in [0, 1]."""
    covered: Tensor
    """1 where the MR was measured (and beyond the scan, where both are known to be air)."""
    head: Tensor
    """1 inside the head, on the CT or on the MR."""
    brain: Tensor
    """0 to 1, the space that the skull encloses, smoothed; 0 where no recipe asks for it."""
    lateral: Tensor | None = None
    """(N,) boolean: whether W runs from right to left, as in all slices but sagittal ones; None:
    in all."""

    def to(self, device: torch.device, layout: torch.memory_format = torch.channels_last) -> Batch:
        """Return the batch on a device, in a memory layout."""
        mr, ct, covered, head, brain = (
            t.to(device, non_blocking=True).contiguous(memory_format=layout)
            for t in (self.mr, self.ct, self.covered, self.head, self.brain)
        )
        return Batch(mr, ct, covered, head, brain, self.lateral)


class SliceSet:
    """The usable slices of some subjects, each with its neighbours if wanted."""

    def __init__(
        self,
        subjects: list[LoadedSubject],
        *,
        size: tuple[int, int],
        window: HuWindow,
        neighbours: int = 0,
    ) -> None:
        """Take size in pixels (I, J); neighbours are slices above and below shown as channels."""
        self.size = size
        self.window = window
        self.neighbours = neighbours
        self._subjects = subjects
        self._slices = [(s, k) for s, subject in enumerate(subjects) for k in subject.kept]
        if not self._slices:
            names = ", ".join(subject.name for subject in subjects)
            raise CohortError(f"no usable slice in {names or 'no subjects at all'}")

    def __len__(self) -> int:
        return len(self._slices)

    def batch(self, indices: list[int]) -> Batch:
        """Return slices by number, padded or cropped about their middle to the set's size."""
        width, height = self.size
        count, channels = len(indices), len(self._subjects[0].mr)
        seen = 2 * self.neighbours + 1
        mr = np.zeros((count, seen * channels, height, width), dtype=np.float32)
        ct = np.zeros((count, 1, height, width), dtype=np.float32)
        covered, head, brain = np.ones_like(ct), np.zeros_like(ct), np.zeros_like(ct)
        for n, index in enumerate(indices):
            number, k = self._slices[index]
            subject = self._subjects[number]
            into, of = centered(subject.hu.shape[1::-1], (height, width))
            stack = neighbouring(subject.mr, k, self.neighbours)
            mr[n][:, *into] = stack[:, *of]
            ct[n, 0][into] = self.window.normalise(subject.hu[:, :, k].T[of])
            covered[n, 0][into] = subject.covered[:, :, k].T[of]
            # A translation is kept where the MR shows head, and judged where the CT does.
            either = subject.head[:, :, k] | subject.mr_head[:, :, k]
            head[n, 0][into] = either.T[of]
            if subject.brain is not None:
                brain[n, 0][into] = subject.brain[:, :, k].T[of]
        planes = [self._subjects[self._slices[index][0]].plane for index in indices]
        lateral = torch.tensor([plane != "sagittal" for plane in planes])
        return Batch(
            torch.from_numpy(mr),
            torch.from_numpy(ct),
            torch.from_numpy(covered),
            torch.from_numpy(head),
            torch.from_numpy(brain),
            lateral,
        )


def neighbouring(mr: Array, k: int, neighbours: int) -> Array:
    """Return the slices k - n to k + n of (C, I, J, K) as channels ((2 n + 1) C, J, I).

    Beyond the ends of the volume the last slice is repeated.
    """
    wanted = np.clip(np.arange(k - neighbours, k + neighbours + 1), 0, mr.shape[3] - 1)
    return np.concatenate([mr[..., one].swapaxes(1, 2) for one in wanted])


def centered(
    shape: tuple[int, ...], size: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return (where in the new array, which part of the old) to pad or crop about the middle."""
    into, of = [], []
    for old, new in zip(shape, size, strict=True):
        length = min(old, new)
        into.append(slice((new - length) // 2, (new - length) // 2 + length))
        of.append(slice((old - length) // 2, (old - length) // 2 + length))
    return tuple(into), tuple(of)
