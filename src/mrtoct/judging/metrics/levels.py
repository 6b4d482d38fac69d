"""Errors by level of the head: where between vertex and neck a synthetic CT fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.judging.metrics.tissue import bone
from mrtoct.volume import Array, Grid

LEVEL_MM = 20.0
"""Height of a level. Levels are counted in mm from the top, not in parts of the height: where a
scan ends below varies far more between subjects than the size of their heads does."""


@dataclass(frozen=True)
class LevelError:
    """Errors in HU inside the mask, from_mm to to_mm below its highest voxel in the world.

    mae and me are those of all voxels, bone_mae of the reference's bone (NaN without any).
    """

    from_mm: float
    to_mm: float
    voxels: int
    mae: float
    me: float
    bone_mae: float


def level_errors(sct: Array, ct: Array, mask: Array, grid: Grid) -> tuple[LevelError, ...]:
    """Return the errors of each level that meets the mask, the top first.

    Height is the world's superior axis, whatever the order of the array's axes.
    """
    i, j, k = (np.arange(n) for n in grid.shape)
    up = grid.affine[2]
    height = (up[0] * i[:, None, None] + up[1] * j[:, None] + up[2] * k)[mask]
    # A voxel on a limit must not change sides by rounding.
    level = np.floor((height.max() - height) / LEVEL_MM + 1e-6).astype(np.int64)
    error = sct[mask].astype(np.float64) - ct[mask]
    in_bone = bone(ct, mask)[mask]
    voxels = np.bincount(level)
    absolute, signed = np.bincount(level, np.abs(error)), np.bincount(level, error)
    bone_voxels = np.bincount(level, in_bone)
    bone_absolute = np.bincount(level, np.abs(error) * in_bone)
    return tuple(
        LevelError(
            from_mm=float(n * LEVEL_MM),
            to_mm=float((n + 1) * LEVEL_MM),
            voxels=int(voxels[n]),
            mae=float(absolute[n] / voxels[n]),
            me=float(signed[n] / voxels[n]),
            bone_mae=float(bone_absolute[n] / bone_voxels[n]) if bone_voxels[n] else float("nan"),
        )
        for n in np.flatnonzero(voxels)
    )
