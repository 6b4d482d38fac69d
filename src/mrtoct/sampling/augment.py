"""Mild random changes of a batch of paired slices: a head is still a head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mrtoct.hardware.share import Share, all_of
from mrtoct.sampling.slices import Batch


@dataclass(frozen=True)
class Augmentation:
    """How far a slice may be changed; 0 or false switches a change off."""

    flip: bool = False
    """Mirror left and right in half of the slices (sagittal ones have neither)."""
    rotation: float = 0.0
    """Largest rotation in the slice, degrees."""
    scale: float = 0.0
    """Largest relative change of size."""
    shift: float = 0.0
    """Largest shift as a part of the slice's side."""
    gain: float = 0.0
    """Largest relative change of MR brightness."""
    gamma: float = 0.0
    """Largest change of the exponent of MR contrast from 1."""

    def __post_init__(self) -> None:
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation must be 0 to 180 degrees, got {self.rotation}")
        for name in ("scale", "shift", "gain", "gamma"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), got {getattr(self, name)}")

    @property
    def moves(self) -> bool:
        """Whether pixels change place."""
        return self.flip or max(self.rotation, self.scale, self.shift) > 0


def augment(
    batch: Batch,
    settings: Augmentation,
    generator: torch.Generator,
    share: Share | None = None,
) -> Batch:
    """Return the batch changed at random; the same generator state gives the same changes.

    share says which samples of a larger batch these are; None: all of it.
    """
    share = share or all_of(len(batch.mr))
    mr, ct, covered, head, brain = batch.mr, batch.ct, batch.covered, batch.head, batch.brain
    if settings.moves:
        grid = _moved_grid(batch, settings, generator, share)
        # One pass for all channels; air is 0 in each, outside the scan counts as covered.
        stacked = torch.cat([mr, ct, 1 - covered, head, brain], dim=1)
        stacked = F.grid_sample(stacked, grid, padding_mode="zeros", align_corners=False)
        mr, ct, uncovered, head, brain = torch.split(stacked, [mr.shape[1], 1, 1, 1, 1], dim=1)
        covered, head = 1 - uncovered, (head >= 0.5).float()
    if settings.gain or settings.gamma:
        mr = _brightened(mr, settings, generator, share)
    return Batch(mr, ct, covered, head, brain, batch.lateral)


def augment_patches(
    batch: Batch,
    settings: Augmentation,
    generator: torch.Generator,
    share: Share | None = None,
) -> Batch:
    """Return patches (N, C, I, J, K) changed at random: mirrored along I, of another brightness.

    Rotation, scale and shift are for slices: cuts of a turned head are drawn elsewhere anyway.
    share is as for augment.
    """
    share = share or all_of(len(batch.mr))
    tensors = [batch.mr, batch.ct, batch.covered, batch.head, batch.brain]
    if settings.flip:
        mirrored = (_drawn(share, generator) < 0.5)[:, None, None, None, None]
        tensors = [torch.where(mirrored, t.flip(2), t) for t in tensors]
    mr, *others = tensors
    if settings.gain or settings.gamma:
        mr = _brightened(mr, settings, generator, share)
    return Batch(mr, *others)


def _brightened(
    mr: Tensor, settings: Augmentation, generator: torch.Generator, share: Share
) -> Tensor:
    each = (len(mr), *(1,) * (mr.ndim - 1))
    gain = 1 + settings.gain * _uniform(share, generator)
    gamma = 1 + settings.gamma * _uniform(share, generator)
    return gain.reshape(each) * mr.clamp(min=0) ** gamma.reshape(each)


def _moved_grid(
    batch: Batch, settings: Augmentation, generator: torch.Generator, share: Share
) -> Tensor:
    shape = batch.mr.shape
    angle = torch.deg2rad(settings.rotation * _uniform(share, generator))
    scale = 1 + settings.scale * _uniform(share, generator)
    shift = 2 * settings.shift * torch.stack([_uniform(share, generator) for _ in range(2)], dim=1)
    mirror = torch.ones(share.count)
    if settings.flip:
        mirror = torch.where(_drawn(share, generator) < 0.5, -1.0, 1.0)
        if batch.lateral is not None:
            mirror = torch.where(batch.lateral, mirror, 1.0)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    aspect = shape[2] / shape[3]
    # Normalised coordinates stretch a slice that is not square; the aspect undoes it.
    rows = [
        torch.stack([mirror * cos, -mirror * sin * aspect, shift[:, 0]], dim=1),
        torch.stack([sin / aspect, cos, shift[:, 1]], dim=1),
    ]
    return F.affine_grid(torch.stack(rows, dim=1), list(shape), align_corners=False)


def _drawn(share: Share, generator: torch.Generator) -> Tensor:
    """Return a number in [0, 1) for each sample of a share.

    They are drawn for the whole batch: a sample is changed alike in whichever process.
    """
    return torch.rand(share.whole, generator=generator)[share.part]


def _uniform(share: Share, generator: torch.Generator) -> Tensor:
    return 2 * _drawn(share, generator) - 1
