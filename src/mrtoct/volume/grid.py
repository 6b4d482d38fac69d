"""Where voxels are: a shape and an affine, the same for files of any kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mrtoct.errors import GeometryError

Array = npt.NDArray[Any]

SIDES = {
    "right": (0, 1), "left": (0, -1), "front": (1, 1), "back": (1, -1), "top": (2, 1),
    "bottom": (2, -1),
}  # fmt: skip
"""World axis and sign of each direction (RAS)."""
MOST_MM = 1e9
"""Beyond it lies nothing; the square of a larger number may be infinite."""

GRID_TOLERANCE_MM = 0.01
"""Two grids are the same when no corner differs by more: files round affines to float32."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels are.

    Parameters
    ----------
    shape : tuple of int
        How many voxels along I, J, K.
    affine : array of shape (4, 4)
        Maps a voxel's index to the world position of its centre, RAS mm.

    Raises
    ------
    GeometryError
        If a size is not positive, or the axes do not span a volume.

    Examples
    --------
    >>> import numpy as np
    >>> import mrtoct
    >>> grid = mrtoct.Grid((96, 128, 30), np.diag([-1.5, 1.5, 4.0, 1.0]))
    >>> print(grid)
    96 x 128 x 30 voxels of 1.5 x 1.5 x 4 mm
    >>> grid.to_world((10, 0, 2)).tolist()
    [-15.0, 0.0, 8.0]
    """

    shape: tuple[int, int, int]
    affine: Array

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"a grid needs three positive sizes, got shape {shape}")
        if affine.shape != (4, 4) or not np.abs(affine).max() < MOST_MM:
            raise GeometryError(f"a grid needs a finite 4 x 4 affine in mm, got {affine.tolist()}")
        if not np.allclose(affine[3], (0, 0, 0, 1)):
            raise GeometryError(f"an affine's last row is 0 0 0 1, got {affine[3].tolist()}")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        volume = abs(np.linalg.det(affine[:3, :3]))
        # Axes that (almost) coincide span no volume, although each has a length.
        if spacing.min() < 1e-6 or volume < 1e-3 * spacing.prod():
            raise GeometryError(
                "a grid needs three independent axes of positive spacing, got spacing "
                f"{np.round(spacing, 6).tolist()} mm"
            )
        affine.flags.writeable = False
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_box(cls, low: npt.ArrayLike, high: npt.ArrayLike, spacing: npt.ArrayLike) -> Grid:
        """Return the world-aligned grid whose voxels fill the box from low to high (RAS mm).

        The box is enlarged evenly, by less than a voxel, to hold whole voxels.
        """
        low, high, spacing = (np.asarray(v, dtype=np.float64) for v in (low, high, spacing))
        if not (np.isfinite([low, high]).all() and (low <= high).all() and (spacing > 0).all()):
            raise GeometryError(
                "a box needs a low corner below its high one and a positive spacing, got "
                f"{low.tolist()}, {high.tolist()} and {spacing.tolist()} mm"
            )
        shape = np.maximum(np.ceil((high - low) / spacing - 1e-6), 1).astype(int)
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = (low + high) / 2 - (shape - 1) / 2 * spacing
        return cls((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along I, J, K in mm."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in cubic mm."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def center(self) -> Array:
        """World position of the middle of the grid, shape (3,)."""
        return self.to_world((np.array(self.shape) - 1) / 2)

    def corners(self, *, outer: bool = False) -> Array:
        """Return the world positions (8, 3) of the corner voxels' centres, or outer corners."""
        pad = 0.5 if outer else 0.0
        ends = [(-pad, n - 1 + pad) for n in self.shape]
        return self.to_world([(i, j, k) for k in ends[2] for j in ends[1] for i in ends[0]])

    def to_world(self, indices: npt.ArrayLike) -> Array:
        """Map indices (..., 3), fractional ones too, to RAS mm."""
        indices = np.asarray(indices, dtype=np.float64)
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_index(self, points: npt.ArrayLike) -> Array:
        """Map RAS mm (..., 3) to fractional indices."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(points, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3])

    def matches(self, other: Grid) -> bool:
        """Tell whether both grids have their voxels at the same places, to 0.01 mm."""
        return self.shape == other.shape and bool(
            _corner_distance(self, other) <= GRID_TOLERANCE_MM
        )

    def cropped(self, box: tuple[slice, slice, slice]) -> Grid:
        """Return the grid of the voxels inside a box of index slices (start and stop given)."""
        for s, n in zip(box, self.shape, strict=True):
            if not (0 <= s.start < s.stop <= n and s.step in (None, 1)):
                raise GeometryError(f"a box must lie inside the grid {self.shape}, got {box}")
        affine = self.affine.copy()
        affine[:3, 3] = self.to_world([s.start for s in box])
        i, j, k = (s.stop - s.start for s in box)
        return Grid((i, j, k), affine)

    def upright(self, spacing: npt.ArrayLike) -> Grid:
        """Return the world-aligned grid of a spacing (mm) that holds all of this one.

        Networks see every head upright in the world, however its scan was angulated or stored.
        """
        corners = self.corners(outer=True)
        return Grid.from_box(corners.min(axis=0), corners.max(axis=0), spacing)

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing)
        return f"{size} voxels of {spacing} mm"


def require_same_grid(first: Grid, second: Grid, first_name: str, second_name: str) -> None:
    """Raise GeometryError unless both grids agree; nothing is ever resampled silently."""
    if first.matches(second):
        return
    detail = ""
    if first.shape == second.shape:
        detail = f", corners up to {_corner_distance(first, second):.3g} mm apart"
    raise GeometryError(
        f"{first_name} ({first}) and {second_name} ({second}) are on different grids{detail}; "
        "resample one to the other first (mrtoct resample)"
    )


def _corner_distance(first: Grid, second: Grid) -> float:
    # The outer corners differ even where a grid of one slice differs in its thickness only.
    return float(np.abs(first.corners(outer=True) - second.corners(outer=True)).max())
