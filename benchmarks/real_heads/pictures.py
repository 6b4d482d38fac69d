"""A picture of a head: MR, synthetic CT, and what there is of real CT, difference and deviation."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mrtoct.prepare.mask import bounding_box
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Array, Volume

from .part import Made

CT_WINDOW = (-1000, 1500)
DIFFERENCE_HU = 1000
DEVIATION_HU = 600
EYES_BELOW_MM = 95.0
"""Below the vertex."""
HIGHER_MM = 35.0
"""From the slice through the eyes to the one above."""


def draw(
    path: Path, mr: Volume, made: Made, ct: Volume | None = None, at: Array | None = None
) -> None:
    """Write path.png; at is a point between the eyes (RAS mm), else as high as eyes usually are."""
    grid = mr.grid.upright((1.0, 1.0, 1.0))
    shown = {"MR": (resample(mr, grid, fill=0.0).voxels, "gray", (0.0, _bright(mr)))}
    sct = resample(made.sct, grid, fill=AIR_HU).voxels
    shown["synthetic CT"] = (sct, "gray", CT_WINDOW)
    if ct is not None:
        real = resample(ct, grid, fill=AIR_HU).voxels
        shown["real CT"] = (real, "gray", CT_WINDOW)
        difference = np.where(sct > AIR_HU, sct - real, 0)
        shown["synthetic - real"] = (difference, "RdBu_r", (-DIFFERENCE_HU, DIFFERENCE_HU))
    if made.deviation is not None:
        sd = resample(made.deviation, grid, fill=0.0).voxels
        shown["deviation"] = (sd, "magma", (0, DEVIATION_HU))
    head = sct > -500
    if not head.any():
        head = np.ones(sct.shape, dtype=np.bool_)
    box = bounding_box(head, (4, 4, 4))
    centre = _face(head) if at is None else grid.to_index(at)
    i, _, k = (int(np.clip(c, b.start, b.stop - 1)) for c, b in zip(centre, box, strict=True))
    middle = (box[1].start + box[1].stop) // 2
    above = min(k + round(HIGHER_MM), box[2].stop - 1)
    figure = Figure(figsize=(2.6 * len(shown), 10.4), layout="constrained", facecolor="white")
    axes = figure.subplots(4, len(shown), squeeze=False)
    for column, (title, (voxels, colours, window)) in zip(axes.T, shown.items(), strict=True):
        part = (box[0], box[1]), (box[0], box[1]), (box[1], box[2]), (box[0], box[2])
        planes = voxels[:, :, k], voxels[:, :, above], voxels[i], voxels[:, middle]
        for axis, plane, cut in zip(column, planes, part, strict=True):
            axis.imshow(plane[cut].T, origin="lower", cmap=colours, vmin=window[0], vmax=window[1])
            axis.set_axis_off()
        column[0].set_title(title)
    figure.savefig(path.with_name(_file_name(path.name)), dpi=70)


def _bright(mr: Volume) -> float:
    values = mr.voxels[mr.voxels > np.percentile(mr.voxels, 50)]
    return float(np.percentile(values, 99)) if values.size else 1.0


def _face(head: Array) -> Array:
    """Return the index of a point in the head's middle plane, as high as eyes usually are."""
    filled = np.argwhere(head)
    low, high = filled.min(axis=0), filled.max(axis=0)
    middle = (low + high) / 2
    return np.asarray([middle[0], middle[1], max(low[2], high[2] - EYES_BELOW_MM)])


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") + ".png"
