"""Figures for papers and documentation: one fixed HU window, so that panels can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure

from mrtoct.errors import ValueRangeError
from mrtoct.report.colors import Window, error_table
from mrtoct.report.contents import SubjectResult
from mrtoct.report.voxels import mask_box, to_ras
from mrtoct.volume import AIR_HU, Array, Volume

FIGURE_WINDOW = Window("head", -400, 1200)
ERROR_LIMIT_HU = 400.0
PANEL_INCHES = 2.1


def panel_figure(
    subjects: Sequence[SubjectResult],
    *,
    window: Window = FIGURE_WINDOW,
    error_limit: float = ERROR_LIMIT_HU,
    height: float = 0.5,
) -> Figure:
    """Return transverse slices, a row per subject: MR, synthetic CT, CT and their difference.

    All CT panels share one window and all differences one scale, with HU colour bars below;
    height says where between the lowest (0) and highest (1) slice of the mask to cut. The
    patient's right is on the left.
    """
    if not subjects:
        raise ValueRangeError("a figure needs at least one subject, got none")
    if not 0 <= height <= 1:
        raise ValueRangeError(f"height must be from 0 to 1, got {height:g}")
    rows = len(subjects)
    size = (4 * PANEL_INCHES + 0.35, rows * PANEL_INCHES + 0.95)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    grid: Array = np.asarray(figure.subplots(rows, 4, squeeze=False))
    grays = Normalize(window.low, window.high)
    errors = Normalize(-error_limit, error_limit)
    error_colors = ListedColormap(error_table() / 255.0, name="error")
    cuts = [_slices(subject, height) for subject in subjects]
    reach = 1.04 * max(max(extent) for *_, extent in cuts) / 2
    for row, (subject, cut) in enumerate(zip(subjects, cuts, strict=True)):
        mr, sct, ct, inside, (wide, high) = cut
        span = np.quantile(mr[inside], (0.005, 0.995)) if inside.any() else np.array([0.0, 1.0])
        blank = np.where(inside, 0.0, np.nan)
        pictures: tuple[tuple[Array, str | Colormap, Normalize], ...] = (
            (
                np.where(inside, mr, np.nan),
                "gray",
                Normalize(span[0], max(span[1], span[0] + 1e-9)),
            ),
            (sct + blank, "gray", grays),
            (ct + blank, "gray", grays),
            (sct - ct + blank, error_colors, errors),
        )
        for column, (picture, colors, scale) in enumerate(pictures):
            axes: Axes = grid[row, column]
            axes.set_facecolor("black")
            extent = (-wide / 2, wide / 2, -high / 2, high / 2)
            axes.imshow(picture, cmap=colors, norm=scale, extent=extent, interpolation="nearest")
            # One scale in mm for every head.
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
        grid[row, 0].set_ylabel(subject.name, fontsize=10)
    titles = ("MR", "Synthetic CT", "Real CT", "Synthetic − real")
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=11)
    for mappable, columns in (
        (ScalarMappable(grays, "gray"), grid[:, 1:3]),
        (ScalarMappable(errors, error_colors), grid[:, 3:]),
    ):
        shrink = 0.6 if columns.shape[1] == 2 else 0.92
        bar = figure.colorbar(
            mappable,
            ax=columns,
            shrink=shrink,
            extend="both",
            orientation="horizontal",
            fraction=0.06,
            pad=0.02,
            aspect=34,
        )
        bar.set_label("HU", fontsize=9)
        bar.ax.tick_params(labelsize=8)
    return figure


def _slices(
    subject: SubjectResult, height: float
) -> tuple[Array, Array, Array, Array, tuple[float, float]]:
    """Return MR, synthetic CT, CT and mask of one slice as pictures, and their extent in mm."""
    box = mask_box(subject.mask)
    mask = to_ras(subject.mask.cropped(box))
    present = np.flatnonzero((mask.voxels > 0).any(axis=(0, 1)))
    index = int(present[round(height * (len(present) - 1))]) if present.size else 0

    def picture(volume: Volume) -> Array:
        # Rows run from anterior to posterior, columns from the patient's right to left.
        return np.asarray(to_ras(volume.cropped(box)).voxels[::-1, ::-1, index].T)

    inside = picture(subject.mask) > 0
    mr, sct, ct = (picture(v).astype(np.float64) for v in (subject.mr, subject.sct, subject.ct))
    sct, ct = np.maximum(sct, AIR_HU), np.maximum(ct, AIR_HU)
    extent = (mask.grid.shape[0] * mask.spacing[0], mask.grid.shape[1] * mask.spacing[1])
    return mr, sct, ct, inside, extent
