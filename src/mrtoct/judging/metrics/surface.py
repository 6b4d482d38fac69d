"""How far the surfaces of a structure in two volumes lie apart, in mm."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from mrtoct.volume import Array, Grid

PERCENTILE = 95


def hd95(first: Array, second: Array, grid: Grid) -> float:
    """Return the 95th-percentile Hausdorff distance in mm of two boolean arrays (I, J, K).

    From each surface voxel of one to the nearest surface voxel of the other, centre to centre in
    the grid's world; the 95th percentile in each direction, then the larger of the two (a part
    that one of them lacks shows in one direction only: pooling would let the larger surface hide
    it). NaN where either is empty. Definition as in Huttenlocher et al. 1993, with the percentile
    in the maximum's place.
    """
    if not (first.any() and second.any()):
        return float("nan")
    surfaces = [_surface_points(structure, grid) for structure in (first, second)]
    # Compact and balanced trees cost more to build than they save in one pass of queries.
    trees = [KDTree(points, compact_nodes=False, balanced_tree=False) for points in surfaces]
    there = np.percentile(trees[1].query(surfaces[0])[0], PERCENTILE)
    back = np.percentile(trees[0].query(surfaces[1])[0], PERCENTILE)
    return float(max(there, back))


def _surface_points(structure: Array, grid: Grid) -> Array:
    """Return the world positions (n, 3) of voxels with a face towards a voxel outside.

    What lies beyond the volume is outside.
    """
    box = ndimage.find_objects(structure.astype(np.uint8))[0]
    inside = structure[box]
    surface = inside & ~ndimage.binary_erosion(inside)
    return grid.to_world(np.argwhere(surface) + [s.start for s in box])
