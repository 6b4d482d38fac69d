"""Figures of slices for papers: one fixed HU window, so that panels can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics import tissue
from mrtoct.report.colors import Window
from mrtoct.report.contents import SubjectResult
from mrtoct.report.headline import number
from mrtoct.report.panels import (
    Bar,
    Row,
    Scale,
    deviation_scale,
    error_scale,
    gray_scale,
    panel_grid,
    signal_scale,
)
from mrtoct.report.slices import (
    AXES,
    Plane,
    at_depth,
    extent,
    levels,
    picture,
    richest_depth,
    upright,
)
from mrtoct.volume import AIR_HU, Array, Volume

FIGURE_WINDOW = Window("head", -400, 1200)
ERROR_LIMIT_HU = 400.0
COLUMNS = ("MR", "Synthetic CT", "Real CT", "Synthetic − real")
UNCERTAINTY_COLUMNS = ("Synthetic CT", "Real CT", "|Synthetic − real|", "Standard deviation")


def panel_figure(
    subjects: Sequence[SubjectResult],
    *,
    window: Window = FIGURE_WINDOW,
    error_limit: float = ERROR_LIMIT_HU,
    depth: float | None = None,
) -> Figure:
    """Return transverse slices, a row per subject: MR, synthetic CT, CT and their difference.

    All CT panels share one window and all differences one scale, with HU colour bars below. depth
    (mm below the top of the mask) is where all are cut, `overview_depth` without it. The patient's
    right is on the left.
    """
    depth = overview_depth(subjects) if depth is None else depth
    grays, errors = gray_scale(window), error_scale(error_limit)
    rows = []
    for subject in subjects:
        volumes = _upright(subject)
        index = at_depth(_inside(volumes), depth, volumes["mask"].spacing[2])
        rows.append(_row(subject.name, "transverse", index, _compared(volumes, grays, errors)))
    return panel_grid(rows, COLUMNS, _bars(grays, errors))


def overview_depth(subjects: Sequence[SubjectResult]) -> float:
    """Return the depth below the top (mm) where the real CTs together hold most bone and air."""
    found = []
    for subject in subjects:
        volumes = _upright(subject)
        found.append((_inside(volumes), _detail(volumes), volumes["ct"].spacing[2]))
    return richest_depth(found)


def subject_figure(subject: SubjectResult) -> Figure:
    """Return one subject in three planes: MR, synthetic CT, CT and their difference.

    Transverse through the base of the head and higher up, coronal and sagittal; `levels` says
    where.
    """
    grays, errors = gray_scale(FIGURE_WINDOW), error_scale(ERROR_LIMIT_HU)
    volumes = _upright(subject)
    shown = _compared(volumes, grays, errors)
    rows = [_row(plane, plane, index, shown) for plane, index in _cuts(volumes)]
    return panel_grid(rows, COLUMNS, _bars(grays, errors))


def uncertainty_figure(subject: SubjectResult) -> Figure:
    """Return the standard deviation of a synthetic CT beside its absolute error, on one scale."""
    if subject.deviation is None:
        raise ValueRangeError(f"subject {subject.name} has no standard deviation to show")
    grays = gray_scale(FIGURE_WINDOW)
    sizes = deviation_scale(ERROR_LIMIT_HU)
    volumes = _upright(subject)
    _, (sct, _), (ct, _), (error, _) = _compared(volumes, grays, grays)
    deviation = volumes["deviation"]
    shown = [
        (sct, grays),
        (ct, grays),
        (error.with_voxels(np.abs(error.voxels)), sizes),
        (deviation.with_voxels(np.where(_inside(volumes), deviation.voxels, np.nan)), sizes),
    ]
    rows = [_row(plane, plane, index, shown) for plane, index in _cuts(volumes)]
    bars = (Bar("HU", grays, 0, 1), Bar("HU", sizes, 2, 3, "max"))
    return panel_grid(rows, UNCERTAINTY_COLUMNS, bars)


def cut_text(subject: SubjectResult) -> str:
    """Return where a subject's slices lie, in RAS mm of its own world."""
    volumes = _upright(subject)
    grid = volumes["mask"].grid
    named = []
    for plane, index in _cuts(volumes):
        axis = AXES[plane]
        middle = (np.array(grid.shape) - 1) / 2
        middle[axis] = index
        named.append(f"{plane} {'xyz'[axis]} = {number(grid.to_world(middle)[axis], 0)} mm")
    return ", ".join(named)


def _upright(subject: SubjectResult) -> dict[str, Volume]:
    """Return everything a subject has, in the mask's box, axes right, anterior, superior."""
    volumes = {"mr": subject.mr, "sct": subject.sct, "ct": subject.ct, "mask": subject.mask}
    if subject.deviation is not None:
        volumes["deviation"] = subject.deviation
    return upright(volumes, subject.mask)


def _inside(volumes: Mapping[str, Volume]) -> Array:
    return np.asarray(volumes["mask"].voxels > 0)


def _detail(volumes: Mapping[str, Volume]) -> Array:
    """Return where the real CT is bone or air: where anatomy decides."""
    inside, ct = _inside(volumes), volumes["ct"].voxels
    return tissue.bone(ct, inside) | tissue.air(ct, inside)


def _cuts(volumes: Mapping[str, Volume]) -> list[tuple[Plane, int]]:
    """Return the slices that show a subject, from the real CT alone."""
    return levels(_inside(volumes), _detail(volumes), volumes["ct"].spacing)


def _compared(
    volumes: Mapping[str, Volume], grays: Scale, errors: Scale
) -> list[tuple[Volume, Scale]]:
    """Return MR, synthetic CT, CT and their difference, NaN outside the mask, and their scales."""
    inside = _inside(volumes)
    mr = volumes["mr"]

    def masked(voxels: Array) -> Volume:
        return mr.with_voxels(np.where(inside, voxels, np.nan))

    sct, ct = (np.maximum(volumes[n].voxels.astype(np.float64), AIR_HU) for n in ("sct", "ct"))
    return [
        (masked(mr.voxels), signal_scale(mr.voxels[inside])),
        (masked(sct), grays),
        (masked(ct), grays),
        (masked(sct - ct), errors),
    ]


def _row(title: str, plane: Plane, index: int, shown: Sequence[tuple[Volume, Scale]]) -> Row:
    pictures = [(picture(volume, plane, index), scale) for volume, scale in shown]
    return Row(title, plane, extent(shown[0][0], plane), pictures)


def _bars(grays: Scale, errors: Scale) -> tuple[Bar, Bar]:
    return Bar("HU", grays, 1, 2), Bar("HU", errors, 3, 3)
