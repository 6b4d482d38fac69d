"""What metal in a CT does to a cohort, in words."""

from __future__ import annotations

import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.prepare.metal import Metal
from mrtoct.volume import Volume

TEETH_MM, AHEAD_MM = 100.0, 15.0
"""Below the top of a whole head, and ahead of its middle: the teeth, 130 to 200 mm below in adults.
"""


def check_metal(metal: Metal | None, head: Volume) -> list[Finding]:
    """Return a finding on a CT's metal: how much, where in the head (a mask), what it spoils."""
    if metal is None:
        return []
    whole = head.grid.to_world(np.argwhere(head.voxels)[::7])
    points = head.grid.to_world(np.argwhere(metal.metal.voxels))
    ahead = float(np.median(points[:, 1]) - whole[:, 1].mean())
    below = float(whole[:, 2].max() - np.median(points[:, 2]))
    if not (metal.metal.voxels & head.voxels).any():
        where = "beside the head"
    elif below > TEETH_MM and ahead > AHEAD_MM:
        where = "at the teeth"
    else:
        side = "left" if np.median(points[:, 0]) < whole[:, 0].mean() else "right"
        where = f"in the {side} half of the head, {below:.0f} mm below its top"
    spoilt = float((metal.spoilt.voxels & head.voxels).sum() / max(head.voxels.sum(), 1))
    return [
        Finding(
            "doubtful",
            "metal",
            f"it holds {metal.volume_ml:.2g} ml of metal {where}, up to {metal.highest_hu:.0f} "
            f"HU: it and its streaks, up to {metal.reach_mm:.0f} mm from it in its slices, are "
            f"not HU of tissue; prepare leaves {spoilt:.0%} of the head out of loss and scores "
            "for it",
            "CT",
        )
    ]
