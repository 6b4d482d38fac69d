"""Two bones of one head: brought together, and compared."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, optimize
from scipy.spatial.transform import Rotation

from mrtoct.judging.metrics.tissue import dice
from mrtoct.volume import Array, Volume

from .scores import Row

FULL_HU = 1000.0
"""Bone of this or more counts as all bone when skulls are aligned."""
SMOOTH_MM = 1.5
POINTS = 12_000
NEAR_MM = 4
"""Alignment looks at the bone and so far around it."""
UNITS = np.array([1.0] * 3 + [0.01] * 3 + [0.01] * 3)
"""Steps of the search: mm, radians (1 mm at 100 mm), parts of 1 of scale."""


def align_bones(bone: Volume, sct: Volume, start: Array, first: Array) -> Array:
    """Return the map from the bone's points to the synthetic CT's (4 x 4, RAS mm) that fits best.

    bone is 0 to 1 on voxels of 1 mm, sct in HU, start a pose that is about right. first holds what
    the search begins with beyond it, in UNITS: three shifts and three turns (6,), or also three
    changes of scale (9,) where the two scans are not of one scale; only these are searched. It
    maximises the correlation of both, a little smoothed, around the bone.
    """
    seen = bone.voxels > 0.5
    around = ndimage.binary_dilation(seen, iterations=NEAR_MM)
    at = np.argwhere(around)
    index = sct.grid.to_index(bone.grid.to_world(at) @ start[:3, :3].T + start[:3, 3])
    at = at[((index > 1) & (index < np.array(sct.grid.shape) - 2)).all(axis=1)]
    at = at[:: max(1, len(at) // POINTS)]
    points = bone.grid.to_world(at)
    middle = points.mean(axis=0)
    fixed = ndimage.gaussian_filter(np.asarray(bone.voxels, np.float32), SMOOTH_MM)[tuple(at.T)]
    sigma = [SMOOTH_MM / s if s < 2 * SMOOTH_MM else 0.0 for s in sct.spacing]
    made = np.clip(np.asarray(sct.voxels, np.float32) / FULL_HU, 0, 1)
    made = ndimage.gaussian_filter(made, sigma)

    def loss(change: Array) -> float:
        pose = start @ _change(change, middle)
        index = sct.grid.to_index(points @ pose[:3, :3].T + pose[:3, 3])
        moving = ndimage.map_coordinates(made, index.T, order=1)
        return 1.0 if np.ptp(moving) == 0 else -float(np.corrcoef(moving, fixed)[0, 1])

    found = optimize.minimize(loss, first, method="Powell", options={"maxiter": 12, "xtol": 0.02})
    return np.asarray(start @ _change(found.x, middle))


def _change(change: Array, middle: Array) -> Array:
    """Return the matrix of shifts, turns and, with nine numbers, scales about a point."""
    steps = change * UNITS[: len(change)]
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(steps[3:6]).as_matrix()
    if len(steps) == 9:
        matrix[:3, :3] = matrix[:3, :3] * (1 + steps[6:])
    matrix[:3, 3] = middle + steps[:3] - matrix[:3, :3] @ middle
    return matrix


def bone_scores(first: Array, second: Array, where: Array) -> Row:
    """Return Dice and mean surface distance of two boolean arrays (I, J, K) of 1 mm voxels.

    Distances run from each surface voxel of one to the nearest of the other, both ways, averaged.
    Only what lies in the boolean array where counts.
    """
    surfaces = _surface(first), _surface(second)
    distances = [
        np.asarray(ndimage.distance_transform_edt(~to))[of & where]
        for of, to in (surfaces, surfaces[::-1])
        if to.any()
    ]
    each = np.concatenate([*distances, np.empty(0)])
    return {
        "bone Dice": dice(first & where, second & where),
        "surface distance, mm": float(each.mean()) if each.size else float("nan"),
        "surfaces within 2 mm, %": 100 * float((each <= 2).mean()) if each.size else float("nan"),
    }


def _surface(mask: Array) -> Array:
    return np.asarray(mask & ~ndimage.binary_erosion(mask))
