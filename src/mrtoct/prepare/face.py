"""Was the face taken away before the scan was given on? Seen from the side, it does not recede.

Whatever the contrast: from the eyes down to the mouth, a face reaches as far forward as the
forehead, or up to 35 mm further. Where it was cut off, the head recedes by 30 to 60 mm.
"""

from __future__ import annotations

import numpy as np

from mrtoct.volume import Array, Grid, Volume

FOREHEAD_MM = (40.0, 70.0)
FACE_MM = (88.0, 150.0)
"""Below the vertex; the second is the mouth of a small head and the nose of a large one."""
CHIN_MM = 190.0
"""Below the vertex: down to here something was removed in front of what is left."""
HALF_BAND_MM = 20.0
"""To each side of the middle: the ridge of forehead and nose."""
RECEDES_MM = 20.0
"""Behind the forehead. Whole faces: 12 at most, also with the chin on the chest."""
LEAST_HEIGHT_MM = 18.0
"""Over which it must recede: a slice or two may be dark."""


def missing_face(head: Volume, inside: Array) -> float:
    """Return by how many mm what is left of a face lies behind the forehead; 0 if a face is there.

    head is a mask on an upright grid, inside (I, J, K) what of it was in view. Also 0 where the
    field of view ends above the face or cuts it.
    """
    mask, grid = head.voxels, head.grid
    below = _below_vertex(mask, grid)
    forehead = (below >= FOREHEAD_MM[0]) & (below <= FOREHEAD_MM[1])
    if not mask[:, :, forehead].any():
        return 0.0
    band = _band(mask[:, :, forehead], grid)
    front = _front(np.asarray(mask[band].any(axis=0)))
    ahead = float(np.median(front[forehead & (front >= 0)]))
    # Where the air ahead of it was not measured, the face may go on there.
    measured = np.asarray(inside[band].all(axis=0))
    face = [
        k
        for k in np.flatnonzero((below >= FACE_MM[0]) & (below <= FACE_MM[1]) & (front >= 0))
        if measured[int(front[k]) : int(ahead) + 1, k].all()
    ]
    gaps = (ahead - front[face]) * grid.spacing[1]
    gone = gaps[gaps > RECEDES_MM]
    least = LEAST_HEIGHT_MM / grid.spacing[2]
    return float(np.median(gone)) if len(gone) >= least else 0.0


def where_a_face_was(head: Volume) -> Array:
    """Return the space (I, J, K) between what is left of a face and where it was, about.

    A face reaches as far as the forehead's outline, carried down to the chin.
    """
    mask, grid = head.voxels, head.grid
    below = _below_vertex(mask, grid)
    forehead = (below >= FOREHEAD_MM[0]) & (below <= FOREHEAD_MM[1])
    outline = _front(np.asarray(mask[:, :, forehead].any(axis=2)).T)
    lower = (below > FOREHEAD_MM[0]) & (below <= CHIN_MM)
    j = np.arange(mask.shape[1])
    front = _front(np.moveaxis(mask, 1, 0))
    reach = (j[None, :, None] <= outline[:, None, None]) & (j[None, :, None] > front[:, None, :])
    return np.asarray(reach & (front >= 0)[:, None, :] & lower)


def _below_vertex(mask: Array, grid: Grid) -> Array:
    """Return how far each slice lies below the top of the head (K,) in mm."""
    top = int(np.flatnonzero(mask.any(axis=(0, 1)))[-1])
    return (top - np.arange(grid.shape[2])) * grid.spacing[2]


def _band(forehead: Array, grid: Grid) -> slice:
    """Return the sagittal slices (along I) on both sides of the forehead's middle."""
    middle = float(np.median(np.argwhere(forehead)[:, 0]))
    half = HALF_BAND_MM / grid.spacing[0]
    return slice(max(round(middle - half), 0), round(middle + half) + 1)


def _front(mask: Array) -> Array:
    """Return the last index along the first axis of a mask (J, ...), -1 where it is empty."""
    last = mask.shape[0] - 1 - np.argmax(mask[::-1], axis=0)
    return np.where(mask.any(axis=0), last, -1)
