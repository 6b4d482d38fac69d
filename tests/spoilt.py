"""The same scan turned, cut or made noisy, for tests."""

from __future__ import annotations

import numpy as np

from mrtoct.prepare.mask import head_mask_mr
from mrtoct.volume import Grid, Volume
from volumes import rotation


def turned(scan: Volume, degrees: tuple[float, float, float]) -> Volume:
    """The same voxels, said to lie turned about their middle."""
    turn = np.eye(4)
    turn[:3, :3] = rotation(degrees)
    turn[:3, 3] = scan.grid.center - turn[:3, :3] @ scan.grid.center
    return Volume(scan.voxels, Grid(scan.grid.shape, turn @ scan.affine), scan.unit)


def cut(scan: Volume, axis: int, *, below: int = 0, above: int = 0) -> Volume:
    box = [slice(0, n) for n in scan.grid.shape]
    box[axis] = slice(below, scan.grid.shape[axis] - above)
    return scan.cropped((box[0], box[1], box[2]))


def with_noise(scan: Volume, part: float) -> Volume:
    sd = part * float(np.percentile(scan.voxels, 95))
    first, second = np.random.default_rng(1).normal(0, sd, (2, *scan.grid.shape))
    return scan.with_voxels(np.rint(np.hypot(scan.voxels + first, second)).astype(np.int16))


def drifting(scan: Volume, ratio: float) -> Volume:
    """Brighter towards the left, by a ratio across the head."""
    mask = np.flatnonzero(head_mask_mr(scan).voxels.any(axis=(1, 2)))
    part = (np.arange(scan.grid.shape[0]) - mask[0]) / (mask[-1] - mask[0])
    bias = ratio ** (np.clip(part, 0, 1) - 0.5)
    return scan.with_voxels((scan.voxels * bias[:, None, None]).astype(np.float32))
