"""Whether the borders of tiles show in a volume that was put together from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array


@dataclass(frozen=True)
class TileGrid:
    """Tiles of size voxels along (I, J, K), side by side; origin is the first voxel of one."""

    size: tuple[int, int, int]
    origin: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueRangeError(f"tiles need sides of at least 1 voxel, got {list(self.size)}")

    def crossed(self, axis: int, length: int) -> Array:
        """Return which of the length - 1 steps from voxel to voxel cross a border, boolean."""
        after = np.arange(1, length)
        return np.asarray((after - self.origin[axis]) % self.size[axis] == 0)


@dataclass(frozen=True)
class Seam:
    """Steps in the synthetic CT over those in the CT: across tile borders, and all others.

    across is 1 where the borders are like the real CT. Blur lowers and noise raises both, so that
    borders show where across exceeds elsewhere. steps counts those across borders.
    """

    tiles: TileGrid
    steps: int
    across: float
    elsewhere: float


def seam(sct: Array, ct: Array, mask: Array, tiles: TileGrid) -> Seam:
    """Return mean |step between neighbours| of the sCT over that of the CT, at tile borders.

    Steps along all three axes count where both voxels are inside the mask. NaN where there is no
    such step, or the CT has none.
    """
    sums = np.zeros((2, 2))  # [across or elsewhere, synthetic or real]
    steps = 0
    for axis in range(3):
        first, second = _neighbours(mask, axis)
        counted = first & second
        crossed = np.expand_dims(
            tiles.crossed(axis, mask.shape[axis]), tuple(a for a in range(3) if a != axis)
        )
        across = counted & crossed
        steps += int(across.sum())
        for column, volume in enumerate((sct, ct)):
            step = np.abs(np.diff(volume.astype(np.float64), axis=axis))
            sums[0, column] += step[across].sum()
            sums[1, column] += step[counted & ~crossed].sum()
    ratios = [float(s / r) if r > 0 else float("nan") for s, r in sums]
    return Seam(tiles, steps, across=ratios[0], elsewhere=ratios[1])


def _neighbours(array: Array, axis: int) -> tuple[Array, Array]:
    along = np.moveaxis(array, axis, 0)
    return np.moveaxis(along[:-1], 0, axis), np.moveaxis(along[1:], 0, axis)
