"""Metal: a dental filling or, where the teeth are out of view, an aneurysm clip."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.shapes import Points, capsule, ellipsoid
from mrtoct.phantom.tissues import Tissue
from mrtoct.volume import Array, Grid, Volume


def add_implant(head: Volume, ct_grid: Grid, ct_to_head: Array, rng: np.random.Generator) -> None:
    """Paint metal into the labels of a head, in place, where the CT will see it."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    teeth = head.grid.to_world(np.argwhere(head.voxels == Tissue.ENAMEL))
    if len(teeth):
        # The molars are the hindmost teeth; the upper row is the one in view more often.
        row = teeth[(teeth[:, 2] > np.median(teeth[:, 2])) & (teeth[:, 0] * side > 0)]
        molar = row[np.argsort(row[:, 1])[: max(len(row) // 5, 1)]].mean(axis=0)
        index = ct_grid.to_index(np.append(molar, 1) @ np.linalg.inv(ct_to_head).T[:, :3])
        if 2 <= index[2] <= ct_grid.shape[2] - 3:
            x, y, z = (float(v) for v in molar)
            points = _points(head.grid)
            head.voxels[ellipsoid(points, (x, y, z), (3.5, 4.0, 3.5)) < 0] = Tissue.METAL
            return
    x, y, z = side * rng.uniform(10, 16), rng.uniform(2, 10), rng.uniform(-17, -11)
    width = max(1.2, 0.6 * head.spacing[0])
    clip = capsule(_points(head.grid), (x, y, z), (x + side * 4, y + 2, z + 9), width)
    head.voxels[clip < 0] = Tissue.METAL


def _points(grid: Grid) -> Points:
    """Return the open grid of head-frame coordinates of an upright grid, mm."""
    x, y, z = (
        (np.arange(n) * s + o).astype(np.float32)
        for n, s, o in zip(grid.shape, grid.spacing, grid.affine[:3, 3], strict=True)
    )
    return x[:, None, None], y[None, :, None], z[None, None, :]
