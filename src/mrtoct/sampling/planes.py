"""The three planes in which a network of slices can look at a head."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np

from mrtoct.prepare.clean import CleanSettings
from mrtoct.sampling.subjects import LoadedSubject, Plane
from mrtoct.volume import Array, Grid

SWAPPED = {"transverse": (-1, -1), "coronal": (-2, -1), "sagittal": (-3, -1)}
"""The axes of (..., I, J, K) that are swapped, so that a plane's slices lie along the last one.

A coronal slice is then right-left x down-up, a sagittal one down-up x back-front: the longest side
of a head, back-front, stays where it is in a transverse slice.
"""

MIN_HEAD_AREA_MM2 = CleanSettings.min_head_area_mm2
"""Of a coronal or sagittal slice to learn from; transverse ones were chosen when prepared."""


def require_planes(planes: tuple[str, ...], spacing: tuple[float, float, float]) -> None:
    """Raise ValueError unless planes are different ones, at a spacing (mm) at which they agree.

    One network looks in all of them, so a pixel has to mean the same in each.
    """
    known = get_args(Plane)
    if not planes or len(set(planes)) < len(planes) or not set(planes) <= set(known):
        raise ValueError(f"planes must be some of {', '.join(known)}, got {list(planes)}")
    if planes != ("transverse",) and max(spacing) > min(spacing) * 1.02:
        raise ValueError(
            "planes other than transverse need the same spacing along all axes, got "
            f"{list(spacing)} mm"
        )


def in_plane(array: Array, plane: Plane) -> Array:
    """Return a view of (..., I, J, K) whose last axis runs across a plane; twice gives it back."""
    return array.swapaxes(*SWAPPED[plane])


def subject_in_plane(subject: LoadedSubject, plane: Plane) -> LoadedSubject:
    """Return a transverse subject with the slices of a plane along the last axis instead.

    What was dropped of the transverse slices counts as not covered in the others; of these, the
    slices with enough head are kept.
    """
    if plane == "transverse":
        return subject
    usable = np.zeros(subject.grid.shape[2], dtype=np.bool_)
    usable[subject.kept] = True
    covered = in_plane(subject.covered & usable, plane)
    head = in_plane(subject.head, plane)
    grid = _turned(subject.grid, plane)
    area = (head & covered).sum(axis=(0, 1)) * grid.spacing[0] * grid.spacing[1]
    return replace(
        subject,
        plane=plane,
        grid=grid,
        mr=in_plane(subject.mr, plane),
        hu=in_plane(subject.hu, plane),
        covered=covered,
        head=head,
        mr_head=in_plane(subject.mr_head, plane),
        kept=np.flatnonzero(area >= MIN_HEAD_AREA_MM2).tolist(),
        brain=None if subject.brain is None else in_plane(subject.brain, plane),
    )


def _turned(grid: Grid, plane: Plane) -> Grid:
    a, b = SWAPPED[plane]
    order = [0, 1, 2]
    order[a], order[b] = order[b], order[a]
    affine = grid.affine.copy()
    affine[:, :3] = grid.affine[:, order]
    i, j, k = (grid.shape[n] for n in order)
    return Grid((i, j, k), affine)
