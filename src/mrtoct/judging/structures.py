"""How well structures agree that a network finds in a synthetic CT and in the real one.

A threshold tells bone and air; what is brain, fat or muscle only what knows anatomy. The same small
network looks at both CTs, so its own mistakes, which are alike in both, flatter the Dice a little.
"""

from __future__ import annotations

import numpy as np

from mrtoct.judging.metrics.metric import STRUCTURE_METRICS
from mrtoct.judging.metrics.tissue import dice
from mrtoct.prepare.mask import bounding_box
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Volume

SPACING = (1.0, 1.0, 1.0)
"""mm; the network knows voxels of this size."""
MARGIN = 8
"""Voxels around the mask that it sees, too."""


def structure_dice(sct: Volume, ct: Volume, mask: Volume) -> dict[str, float]:
    """Return the Dice of each structure inside the mask, by the keys of STRUCTURE_METRICS.

    sct, ct (HU) and mask (above 0) are on one grid and are looked at upright at 1 mm. NaN where
    neither CT has any of a structure. Raises RecipeError where the network's weights are missing.
    """
    from mrtoct.networks.segmenter import CLASSES  # here torch is loaded, for which others need not

    grid = ct.grid.upright(SPACING)
    counted = mask.voxels > 0
    for volume in (sct, ct):
        counted = counted if volume.measured is None else counted & volume.measured
    inside = resample_mask(mask.with_voxels(counted, "label"), grid).voxels
    box = bounding_box(inside, margin=(MARGIN,) * 3)
    real, synthetic = (classes_of(resample(hu, grid, fill=AIR_HU).voxels[box]) for hu in (ct, sct))
    inside = inside[box]
    found = {}
    for key in STRUCTURE_METRICS:
        number = CLASSES.index(key.split(".")[1].replace("_", " "))
        found[key] = dice(inside & (synthetic == number), inside & (real == number))
    return found


def classes_of(hu: Array) -> Array:
    """Return which of the network's CLASSES each voxel is of an upright CT (I, J, K) at 1 mm."""
    import torch

    from mrtoct.networks.segmenter import LOW_HU, WIDTH_HU, padded
    from mrtoct.training.anatomy import WEIGHTS, segmenter_on

    ct = torch.from_numpy(np.clip((hu.astype(np.float32) - LOW_HU) / WIDTH_HU, 0, 1))
    network = segmenter_on(WEIGHTS, torch.device("cpu"))
    with torch.no_grad():
        scores = network(padded(ct[None, None]))[0]
    i, j, k = hu.shape
    return np.asarray(scores.argmax(dim=0)[:i, :j, :k].numpy())
