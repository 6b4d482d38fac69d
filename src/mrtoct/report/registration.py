"""Pictures of a registration for the eye to judge: nothing else finds what no one thought of."""

from __future__ import annotations

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrtoct.errors import GeometryError
from mrtoct.resample import measured_on, resample
from mrtoct.volume import AIR_HU, Array, Grid, Volume

FINEST_MM = 1.0
"""Pixels of the picture; coarser where the grid that is shown is."""
SQUARE_MM = 24.0
"""Side of a checkerboard's squares."""
BONE_HU = 250.0
"""Contours are drawn here: above soft tissue and contrast agent, below thin bone."""
CT_WINDOW = (-400.0, 1200.0)
PLANES = (("transverse", 2), ("coronal", 1), ("sagittal", 0))


def registration_figure(
    ct: Volume, mr: Volume, transform: Array, box: Grid, title: str = ""
) -> Figure:
    """Return checkerboards of CT and registered MR, and the CT's bone contours over the MR.

    transform is the 4 x 4 map (RAS mm) of CT to MR points, box a grid whose extent is shown, cut
    in three planes through the middle of what both scans show. The patient's right is on the left.
    """
    spacing = max(FINEST_MM, min(box.spacing))
    grid = box.upright((spacing,) * 3)
    hu = np.maximum(resample(ct, grid, fill=AIR_HU).voxels, AIR_HU)
    signal = resample(mr, grid, fill=0.0, transform=transform).voxels
    seen = measured_on(mr, grid, transform) & measured_on(ct, grid)
    if not seen.any():
        raise GeometryError("CT and registered MR do not overlap: there is nothing to show")
    middle = np.argwhere(seen & (hu > -300) if (seen & (hu > -300)).any() else seen).mean(axis=0)
    low, high = np.percentile(signal[seen], (1, 99.5))
    gray_ct = _gray(hu, *CT_WINDOW)
    gray_mr = np.where(seen, _gray(signal, float(low), float(high)), 0.0)
    square = max(1, round(SQUARE_MM / spacing))
    parity = sum(np.ix_(*(np.arange(n) // square for n in grid.shape))) % 2
    board = np.where((parity == 0) & seen, gray_mr, gray_ct)

    widths = [grid.shape[0], grid.shape[0], grid.shape[1]]
    height = max(grid.shape[1], grid.shape[2])
    figure = Figure(
        figsize=(2.6 * sum(widths) / max(widths) + 0.2, 5.2 * height / max(widths) + 0.8),
        layout="constrained",
        facecolor="white",
    )
    axes: Array = np.asarray(
        figure.subplots(2, 3, squeeze=False, gridspec_kw={"width_ratios": widths})
    )
    for column, (name, axis) in enumerate(PLANES):
        index = round(float(middle[axis]))
        top: Axes = axes[0, column]
        bottom: Axes = axes[1, column]
        for panel, volume in ((top, board), (bottom, gray_mr)):
            panel.imshow(_cut(volume, axis, index), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
        cut = _cut(hu, axis, index)
        if cut.min() < BONE_HU < cut.max():
            bottom.contour(cut, levels=[BONE_HU], colors=["#e69f00"], linewidths=0.7)
        top.set_title(name, fontsize=9)
    axes[0, 0].set_ylabel("CT and MR checkerboard", fontsize=9)
    axes[1, 0].set_ylabel("MR with the CT's bone", fontsize=9)
    if title:
        figure.suptitle("\n".join(textwrap.wrap(title, 90)), fontsize=9)
    return figure


def _gray(voxels: Array, low: float, high: float) -> Array:
    return np.clip((voxels - low) / max(high - low, 1e-9), 0, 1)


def _cut(voxels: Array, axis: int, index: int) -> Array:
    """Return a slice as a picture: the patient's right, or front, on the left; front or head up."""
    plane = np.take(voxels, index, axis=axis)
    return np.asarray(plane[::-1, ::-1].T)
