"""Whole volumes from a network that sees only a part at a time.

There are two ways, because the generator of the context-aware GAN pads its inner layers with
zeros, which reach ten voxels into what it gives: nearly every voxel of a 16^3 patch differs from
the same voxel of a larger output. A translator uses the one that it was trained for.

- predict_patches: 32^3 in, 16^3 out, side by side, as such patches are trained (margin 8). The
  borders between them can show; overlapping patches can be blended, at several times the cost.
- predict_tiles: the network as one filter over the whole volume. Each tile is read with the halo
  that its voxels depend on, so all tiles give the numbers of one pass over the whole volume, and
  no border shows. A training patch whose input has that halo (margin 18) sees the same numbers.

Both cover every voxel, skip what holds no head, and take arrays that may be memory maps; memory is
bounded by the tile, or the batch of patches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.prepare.mask import bounding_box
from mrtoct.volume import Array

Box = tuple[slice, slice, slice]

Predict = Callable[[Array], Array]
"""Maps MR float32 (N, C, i, j, k) to CT (N, i - 2 m, j - 2 m, k - 2 m) for a margin m."""

PredictBox = Callable[[Array, Box], Array]
"""Maps MR float32 (C, i, j, k) and a box of the CT (i - 2 m, j - 2 m, k - 2 m) to that box of it:
what lies around the box need not be computed."""


@dataclass(frozen=True)
class ReceptiveField:
    """What a fully convolutional network sees; the defaults are the context generator's."""

    margin: int = 8
    """Voxels by which its output is smaller than its input on each side."""
    halo: int = 18
    """Voxels of input on each side of an output voxel that can change it."""

    def __post_init__(self) -> None:
        if not 0 <= self.margin <= self.halo:
            raise ValueError(
                f"margin must be between 0 and the halo, got {self.margin} and {self.halo}"
            )


@dataclass(frozen=True)
class PatchGrid:
    """How a volume is cut into patches; the defaults are Table 4's 32^3 in, 16^3 out."""

    size: int = 16
    """Side of a patch of output in voxels."""
    margin: int = 8
    """Voxels of input beyond the output on each side."""
    overlap: int = 0
    """Voxels that neighbours share, blended linearly; at most half of the size."""

    def __post_init__(self) -> None:
        if self.size < 1 or self.margin < 0:
            raise ValueError(
                f"size must be at least 1 and margin at least 0, got {self.size} and {self.margin}"
            )
        if not 0 <= 2 * self.overlap <= self.size:
            raise ValueError(
                f"overlap must be between 0 and half the size {self.size}, got {self.overlap}"
            )

    def starts(self, length: int) -> range:
        """Return the first voxels of the patches along an axis; the first may lie before it."""
        return range(-self.overlap, length, self.size - self.overlap)

    def weights(self) -> Array:
        """Return the weights (size, size, size) of a patch; those of all patches add up to one."""
        line = np.ones(self.size)
        if self.overlap:
            rise = (np.arange(self.overlap) + 0.5) / self.overlap
            line[: self.overlap] = rise
            line[-self.overlap :] = rise[::-1]
        cube = line[:, None, None] * line[:, None] * line
        return cube.astype(np.float32)


def predict_tiles(
    predict: PredictBox,
    mr: Array,
    out: Array,
    field: ReceptiveField = ReceptiveField(),
    *,
    tile: tuple[int, int, int] = (512, 128, 128),
    head: Array | None = None,
) -> None:
    """Fill out (I, J, K) from mr (C, I, J, K) with the numbers of one pass over the whole volume.

    That pass is over mr with the margin of zeros around it. Outside of head (boolean (I, J, K))
    out is 0, and a tile shrinks to the part of the head that it holds. Where a tile ends and the
    volume goes on, the halo is computed twice: the larger the tile, the less of that.
    """
    _require_shapes(mr, out, head)
    if min(tile) < 1:
        raise ValueRangeError(f"tile sides must be at least 1 voxel, got {list(tile)}")
    for box in _boxes(out.shape, tile):
        within: Array | bool = True
        if head is not None:
            if not head[box].any():
                out[box] = 0
                continue
            out[box] = 0
            box = _shrunk(box, head)
            within = head[box]
        # Beyond the volume lie the margin's zeros and nothing else: there the network's own
        # padding begins, as it does in a pass over the whole.
        low = [max(s.start - field.halo, -field.margin) for s in box]
        high = [
            min(s.stop + field.halo, n + field.margin) for s, n in zip(box, out.shape, strict=True)
        ]
        i, j, k = (
            slice(s.start - start - field.margin, s.stop - start - field.margin)
            for s, start in zip(box, low, strict=True)
        )
        result = predict(_read(mr, low, high), (i, j, k))
        _require_result(result, [s.stop - s.start for s in box])
        out[box] = np.where(within, result, 0)


def predict_patches(
    predict: Predict,
    mr: Array,
    out: Array,
    grid: PatchGrid = PatchGrid(),
    *,
    batch: int = 8,
    head: Array | None = None,
) -> None:
    """Fill out (I, J, K), float, from patches of mr (C, I, J, K) as they are trained.

    Without overlap each voxel is computed once. Outside of head (boolean (I, J, K)) out is 0, and
    patches without head are skipped. Beyond the volume MR is 0.
    """
    _require_shapes(mr, out, head)
    if batch < 1:
        raise ValueRangeError(f"the batch must be at least 1 patch, got {batch}")
    weights = grid.weights()
    for plane in range(out.shape[0]):
        out[plane] = 0
    for corners in _batches(_corners(out.shape, grid, head), batch):
        lows = [[c - grid.margin for c in corner] for corner in corners]
        highs = [[c + grid.size + grid.margin for c in corner] for corner in corners]
        regions = [_read(mr, low, high) for low, high in zip(lows, highs, strict=True)]
        results = predict(np.stack(regions))
        _require_result(results, [len(corners), *(grid.size,) * 3])
        for corner, result in zip(corners, results, strict=True):
            into, of = _overlap(corner, grid.size, out.shape)
            out[into] += weights[of] * result[of]
    if head is not None:
        for plane in range(out.shape[0]):
            out[plane][~head[plane]] = 0


def _boxes(shape: tuple[int, ...], tile: tuple[int, int, int]) -> Iterator[Box]:
    """Cut a volume into nearly equal tiles, none larger than asked for."""
    cuts = []
    for n, side in zip(shape, tile, strict=True):
        count = math.ceil(n / side)
        edges = [round(n * part / count) for part in range(count + 1)]
        cuts.append([slice(a, b) for a, b in pairwise(edges)])
    yield from product(*cuts)


def _corners(
    shape: tuple[int, ...], grid: PatchGrid, head: Array | None
) -> Iterator[tuple[int, ...]]:
    for corner in product(*(grid.starts(n) for n in shape)):
        if head is None or head[_overlap(corner, grid.size, shape)[0]].any():
            yield corner


def _batches(corners: Iterator[tuple[int, ...]], batch: int) -> Iterator[list[tuple[int, ...]]]:
    group: list[tuple[int, ...]] = []
    for corner in corners:
        group.append(corner)
        if len(group) == batch:
            yield group
            group = []
    if group:
        yield group


def _overlap(
    corner: tuple[int, ...], size: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return (where in the volume, which part of the patch) the two share."""
    into = tuple(slice(max(c, 0), min(c + size, n)) for c, n in zip(corner, shape, strict=True))
    of = tuple(slice(s.start - c, s.stop - c) for s, c in zip(into, corner, strict=True))
    return into, of


def _shrunk(box: Box, head: Array) -> Box:
    inner = bounding_box(head[box])
    moved = [
        slice(outer.start + s.start, outer.start + s.stop)
        for outer, s in zip(box, inner, strict=True)
    ]
    return moved[0], moved[1], moved[2]


def _read(mr: Array, low: list[int], high: list[int]) -> Array:
    """Return mr[:, low:high] as float32, 0 beyond the volume."""
    region = np.zeros((mr.shape[0], *np.subtract(high, low)), dtype=np.float32)
    of = [slice(max(a, 0), min(b, n)) for a, b, n in zip(low, high, mr.shape[1:], strict=True)]
    into = [slice(s.start - a, s.stop - a) for s, a in zip(of, low, strict=True)]
    region[:, *into] = mr[:, *of]
    return region


def _require_result(result: Array, wanted: list[int]) -> None:
    if list(result.shape) != wanted:
        raise ValueError(f"the network must give {wanted} voxels, got {list(result.shape)}")


def _require_shapes(mr: Array, out: Array, head: Array | None) -> None:
    if mr.ndim != 4 or mr.shape[1:] != out.shape or (head is not None and head.shape != out.shape):
        raise ValueError(
            "mr must be (C, I, J, K), out and head (I, J, K), got "
            f"{list(mr.shape)}, {list(out.shape)} and {None if head is None else list(head.shape)}"
        )
