"""Grids that treatment planning systems take: transverse slices, upright in the world."""

from __future__ import annotations

import numpy as np

from mrtoct.errors import GeometryError
from mrtoct.volume import Grid

TRANSVERSE_TOLERANCE = 2e-4
"""Direction cosines; over a head's 256 mm a voxel then lies within 0.05 mm."""

MATRIX_LIMIT = 512
"""Rows and columns that every planning system takes."""

THINNEST_MM = 1.0
"""Of new transverse slices: planning systems limit their number."""


def is_transverse(grid: Grid) -> bool:
    """Tell whether slices along K are transverse, with rows and columns along the world's axes."""
    directions = np.abs(grid.affine[:3, :3] / np.asarray(grid.spacing))
    upright = bool(np.abs(directions - np.rint(directions)).max() < TRANSVERSE_TOLERANCE)
    return upright and round(float(directions[2, 2])) == 1


def planning_grid(grid: Grid) -> Grid:
    """Return a grid that planning systems take: the same if it is transverse, or one around it."""
    return grid if is_transverse(grid) else transverse_grid(grid)


def transverse_grid(grid: Grid) -> Grid:
    """Return transverse slices that hold all of a grid: square pixels, rows from right to left.

    Pixels are as fine as the grid's finest axis unless that takes more than 512 of them; slices
    are as far apart as the grid's axis nearest to head-foot, but no closer than 1 mm.
    """
    spacing = np.asarray(grid.spacing)
    axis = int(np.argmax(np.abs(grid.affine[2, :3]) / spacing))
    extent = np.ptp(grid.corners(outer=True), axis=0)
    pixel = max(float(spacing.min()), float(extent[:2].max()) / MATRIX_LIMIT)
    upright = grid.upright((pixel, pixel, max(float(spacing[axis]), THINNEST_MM)))
    # Rows run to the patient's left and columns to the back, as CT images do.
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    flip[:2, 3] = np.array(upright.shape[:2]) - 1
    return Grid(upright.shape, upright.affine @ flip)


def require_transverse(grid: Grid) -> None:
    """Raise GeometryError unless structures can be drawn on a grid's slices."""
    if not is_transverse(grid):
        raise GeometryError(
            "planning systems accept structures on transverse slices only; draw on a synthetic CT "
            "written as transverse DICOM slices"
        )
