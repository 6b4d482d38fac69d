"""Was the face taken away before the scan was given on? Seen from the side, it does not recede.

Whatever the contrast: from the eyes down to the mouth, a face reaches as far forward as the
forehead, or up to 35 mm further. Where it was cut off, the head recedes by 30 to 60 mm.
"""

from __future__ import annotations

import numpy as np

from mrtoct.translation.guard.look import Look
from mrtoct.volume import Array

FOREHEAD_MM = (40.0, 70.0)
FACE_MM = (88.0, 150.0)
"""Below the vertex; the second is the mouth of a small head and the nose of a large one."""
HALF_BAND_MM = 20.0
"""To each side of the middle: the ridge of forehead and nose."""
RECEDES_MM = 20.0
"""Behind the forehead. Whole faces: 12 at most, also with the chin on the chest."""
LEAST_HEIGHT_MM = 18.0
"""Over which it must recede: a slice or two may be dark."""


def missing_face(look: Look) -> float:
    """Return by how many mm what is left of a face lies behind the forehead; 0 if a face is there.

    Also 0 where the field of view ends above it or cuts it.
    """
    mask, grid = look.mask.voxels, look.mask.grid
    step, height = grid.spacing[1], grid.spacing[2]
    top = int(np.flatnonzero(mask.any(axis=(0, 1)))[-1])
    below = (top - np.arange(grid.shape[2])) * height
    forehead = (below >= FOREHEAD_MM[0]) & (below <= FOREHEAD_MM[1])
    if not mask[:, :, forehead].any():
        return 0.0
    middle = float(np.median(np.argwhere(mask[:, :, forehead])[:, 0]))
    half = HALF_BAND_MM / grid.spacing[0]
    band = slice(max(round(middle - half), 0), round(middle + half) + 1)
    front = _front(mask[band])
    ahead = float(np.median(front[forehead & (front >= 0)]))
    # Where the air ahead of it was not measured, the face may go on there.
    measured = np.asarray(look.inside[band].all(axis=0))
    face = [
        k
        for k in np.flatnonzero((below >= FACE_MM[0]) & (below <= FACE_MM[1]) & (front >= 0))
        if measured[int(front[k]) : int(ahead) + 1, k].all()
    ]
    gaps = (ahead - front[face]) * step
    gone = gaps[gaps > RECEDES_MM]
    return float(np.median(gone)) if len(gone) * height >= LEAST_HEIGHT_MM else 0.0


def _front(mask: Array) -> Array:
    """Return the foremost index (K,) of a mask (I, J, K) in each slice, -1 where it is empty."""
    seen = np.asarray(mask.any(axis=0))
    last = seen.shape[0] - 1 - np.argmax(seen[::-1], axis=0)
    return np.where(seen.any(axis=0), last, -1)
