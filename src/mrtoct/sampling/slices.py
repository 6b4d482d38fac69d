"""Transverse slices of prepared subjects, normalised, in memory, ready to be batched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mrtoct.errors import CohortError
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.store import PreparedSubject, read_subject
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array


@dataclass(frozen=True)
class Batch:
    """Paired slices: tensors (N, channels, H, W) with H along J and W along I."""

    mr: Tensor
    """Scaled MR, one or more channels, 0 outside the head."""
    ct: Tensor
    """CT in [0, 1]."""
    covered: Tensor
    """1 where the MR was measured (and beyond the scan, where both are known to be air)."""
    head: Tensor
    """1 inside the head on the CT."""

    def to(self, device: torch.device, layout: torch.memory_format = torch.channels_last) -> Batch:
        """Return the batch on a device, in a memory layout."""
        moved = (
            t.to(device, non_blocking=True).contiguous(memory_format=layout)
            for t in (self.mr, self.ct, self.covered, self.head)
        )
        return Batch(*moved)


class SliceSet:
    """The usable transverse slices of some subjects.

    Held as int16 HU and float16 MR: a cohort of 17 heads at 0.65 mm takes about 1 GB.
    """

    def __init__(
        self,
        store: Path,
        names: list[str],
        *,
        channels: tuple[str, ...],
        spacing: tuple[float, float, float],
        size: tuple[int, int],
        window: HuWindow,
        scaling: MrScaling,
    ) -> None:
        if not names:
            raise CohortError("a set of slices needs at least one subject")
        self.channels = channels
        self.size = size
        self.window = window
        self._slices: list[tuple[Array, Array, Array, Array]] = []
        for name in names:
            subject = read_subject(store, name)
            self._slices += _slices(subject, channels, spacing, scaling)
        if not self._slices:
            raise CohortError(f"no usable slice in {', '.join(names)}")

    def __len__(self) -> int:
        return len(self._slices)

    def batch(self, indices: list[int]) -> Batch:
        """Return slices by number, padded or cropped about their middle to the set's size."""
        width, height = self.size
        count = len(indices)
        mr = np.zeros((count, len(self.channels), height, width), dtype=np.float32)
        ct = np.zeros((count, 1, height, width), dtype=np.float32)
        covered = np.ones_like(ct)
        head = np.zeros_like(ct)
        for n, index in enumerate(indices):
            one_mr, one_ct, one_covered, one_head = self._slices[index]
            into, of = centered(one_ct.shape, (height, width))
            mr[n][:, *into] = one_mr[:, *of]
            ct[n, 0][into] = self.window.normalise(one_ct[of])
            covered[n, 0][into] = one_covered[of]
            head[n, 0][into] = one_head[of]
        return Batch(*(torch.from_numpy(a) for a in (mr, ct, covered, head)))


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


def _slices(
    subject: PreparedSubject,
    channels: tuple[str, ...],
    spacing: tuple[float, float, float],
    scaling: MrScaling,
) -> list[tuple[Array, Array, Array, Array]]:
    """Return (mr, ct, covered, head) of each kept slice at a spacing: (C, J, I) and (J, I)."""
    mr = [subject.channels[name] for name in channels]
    ct, mr_head = subject.ct, subject.mr_head
    covered, head = subject.covered, subject.head
    kept = np.zeros(ct.grid.shape[2], dtype=bool)
    kept[subject.kept_slices] = True
    if not np.allclose(spacing, ct.spacing, rtol=1e-3):
        grid = ct.grid.upright(spacing)
        heights = ct.grid.to_index(grid.to_world([(0, 0, k) for k in range(grid.shape[2])]))[:, 2]
        kept = kept[np.clip(np.rint(heights), 0, len(kept) - 1).astype(int)]
        mr = [resample(channel, grid, fill=0.0) for channel in mr]
        ct = resample(ct, grid, fill=AIR_HU)
        covered, head = (resample_mask(m, grid) for m in (covered, head))
        mr_head = head_mask_mr(resample(subject.mr, grid, fill=0.0))
    # Mask and range as a translator finds them on this MR, whatever the store was made with.
    scaled = np.stack(
        [scaling.apply(channel.voxels, mr_head.voxels).astype(np.float16) for channel in mr],
        axis=-1,
    )
    hu = np.rint(ct.voxels).astype(np.int16)
    return [
        tuple(np.ascontiguousarray(a[:, :, k].T) for a in (scaled, hu, covered.voxels, head.voxels))  # type: ignore[misc]
        for k in np.flatnonzero(kept)
    ]
