"""Is the grid plausible, does the file say one thing about orientation, do the slices follow?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.io.files import NIFTI_ENDINGS
from mrtoct.volume import Array, Grid, Volume

SPACINGS_MM = (0.2, 7.0)
"""Head scans have voxels of 0.3 to 1.5 mm in plane and slices of 0.5 to 5, seldom 6 mm."""
FEWEST_SLICES = 10
LEAST_LENGTH_MM = 60.0
"""Less than half a head along any axis: registration has little to hold on to."""
MOST_OBLIQUE = 30.0
"""Degrees: slices along the skull base are turned by up to about 25; a turned head adds some."""
SHEAR_SEEN = 0.5
"""Degrees from a right angle; a gantry tilt is 5 to 25."""
HEADER_MISMATCH_MM = 1.0
"""The two orientations of a NIfTI agree to rounding, unless a tool wrote only one of them."""

# Correlations of whole slices, measured on phantoms at 1 to 6 mm and on five real volumes.
JUMP = 0.06
"""Neighbours correlate less than both pairs beside them by this: 0.04 at most where all was well,
0.08 to 0.28 where 12 mm were cut out (on thick slices or thin contrast less)."""
SWAP_GAIN = 0.1
"""Two slices fit better in exchanged order, by this part of what neighbours lack of 1; below 0
where all was well, above 0.13 where two were exchanged."""
STRANGERS = 0.3
"""Part of the slices whose most similar one is no neighbour: near 0, or near 1 if interleaved."""


@dataclass(frozen=True)
class GridFacts:
    """What a grid is, for the table and the JSON."""

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    length_mm: tuple[float, float, float]
    axes: str
    """Where the three indices point to, such as LPS."""
    oblique_degrees: float
    """How far an axis is from the nearest one of the world's."""
    sheared_degrees: float
    """How far two axes are from a right angle."""
    left_handed: bool


def grid_facts(grid: Grid) -> GridFacts:
    """Measure a grid."""
    directions = grid.affine[:3, :3] / grid.spacing
    between = np.abs(directions.T @ directions - np.eye(3)).max()
    nearest = np.abs(directions).max(axis=0).min()
    i, j, k = (round(n * s, 1) for n, s in zip(grid.shape, grid.spacing, strict=True))
    a, b, c = (round(s, 4) for s in grid.spacing)
    return GridFacts(
        grid.shape,
        (a, b, c),
        (i, j, k),
        "".join(nib.aff2axcodes(grid.affine)),
        round(float(np.rad2deg(np.arccos(min(nearest, 1.0)))), 1),
        round(float(np.rad2deg(np.arcsin(min(between, 1.0)))), 1),
        bool(np.linalg.det(directions) < 0),
    )


def check_grid(facts: GridFacts, scan: str) -> list[Finding]:
    """Return what is odd about a grid's sizes and angles."""
    found = []
    size = " x ".join(map(str, facts.size))
    if min(facts.size) < 3:
        found.append(
            Finding(
                "unusable",
                "no-volume",
                f"{size} voxels are no volume; export the whole series, not one slice of it",
                scan,
            )
        )
    elif min(facts.size) < FEWEST_SLICES:
        found.append(
            Finding(
                "doubtful",
                "few-slices",
                f"only {min(facts.size)} slices, a head scan has 20 or more; is part of the "
                "series missing?",
                scan,
            )
        )
    low, high = SPACINGS_MM
    if not all(low <= s <= high for s in facts.spacing_mm):
        spacing = " x ".join(f"{s:g}" for s in facts.spacing_mm)
        found.append(
            Finding(
                "doubtful",
                "spacing",
                f"voxels of {spacing} mm; {low:g} to {high:g} mm are usual: was the spacing "
                "lost or given in another unit?",
                scan,
            )
        )
    if min(facts.length_mm) < LEAST_LENGTH_MM:
        found.append(
            Finding(
                "doubtful",
                "short",
                f"its field of view is {min(facts.length_mm):g} mm at its shortest, a head needs "
                f"{LEAST_LENGTH_MM:g} mm and more to be registered; check spacing and coverage",
                scan,
            )
        )
    if facts.oblique_degrees > MOST_OBLIQUE:
        found.append(
            Finding(
                "doubtful",
                "oblique",
                f"its axes are {facts.oblique_degrees:g} degrees off the world's; up to "
                f"{MOST_OBLIQUE:g} is usual: look whether the head is upright in a viewer",
                scan,
            )
        )
    if facts.sheared_degrees > SHEAR_SEEN:
        found.append(
            Finding(
                "note",
                "sheared",
                f"its axes are {facts.sheared_degrees:g} degrees off a right angle, as with a "
                "tilted gantry; it is resampled as it is",
                scan,
            )
        )
    return found


def check_header(path: Path, scan: str) -> list[Finding]:
    """Return what a NIfTI file leaves open or contradicts about left, right, front and head."""
    if not path.name.lower().endswith(NIFTI_ENDINGS):
        return []
    header = nib.load(path).header
    by_matrix, has_matrix = header.get_sform(coded=True)
    by_rotation, has_rotation = header.get_qform(coded=True)
    if not has_matrix and not has_rotation:
        return [
            Finding(
                "doubtful",
                "no-orientation",
                "the file states no orientation (sform and qform codes are 0), so left and right "
                "are guessed; convert it again from the scanner's DICOM files",
                scan,
            )
        ]
    if not has_matrix or not has_rotation:
        return []
    shape = header.get_data_shape()[:3]
    first, second = Grid(shape, by_matrix), Grid(shape, by_rotation)
    apart = np.abs(first.corners() - second.corners()).max()
    if apart <= HEADER_MISMATCH_MM:
        return []
    mirrored = np.linalg.det(by_matrix[:3, :3]) * np.linalg.det(by_rotation[:3, :3]) < 0
    which = "mirror each other" if mirrored else f"place voxels up to {apart:.0f} mm apart"
    return [
        Finding(
            "doubtful",
            "two-orientations",
            f"its two orientations, sform and qform, {which}; they should agree. The sform is "
            "used: compare left and right with the original scan",
            scan,
        )
    ]


def check_slices(volume: Volume, head: Array, low: float, high: float, scan: str) -> list[Finding]:
    """Return slices that are empty, repeated, out of order or missing, along the coarsest axis.

    head is a mask (I, J, K); values are clipped to low and high first.
    """
    axis = int(np.argmax(volume.spacing))
    area = head.sum(axis=tuple(a for a in range(3) if a != axis))
    inside = np.flatnonzero(area > 0.25 * area.max())
    # The mask may have a hole where a slice is empty: from the first to the last.
    first, last = int(inside[0]), int(inside[-1]) + 1
    slices = np.moveaxis(volume.voxels, axis, 0)[first:last]
    if len(slices) < 5:
        return []
    found = []
    empty = [k + first for k, plane in enumerate(slices) if plane.min() == plane.max()]
    if empty:
        found.append(
            Finding(
                "doubtful",
                "empty-slices",
                f"{_slices(empty)} inside the head hold one value only; the series is damaged: "
                "convert it again",
                scan,
            )
        )
    same = [
        k + first
        for k in range(len(slices) - 1)
        if k + first not in empty and np.array_equal(slices[k], slices[k + 1])
    ]
    if same:
        found.append(
            Finding(
                "doubtful",
                "repeated-slices",
                f"{_slices(same)} and the next are identical; noise alone makes slices differ: "
                "a slice was exported twice, convert it again",
                scan,
            )
        )
    if not found:
        found += _order(_likeness(slices, low, high), first, scan)
    return found


def _order(likeness: Array, first: int, scan: str) -> list[Finding]:
    """Judge the order of slices by how alike each two are (n, n)."""
    beside = np.diag(likeness, 1)
    others = likeness - 2 * np.eye(len(likeness))
    nearest = np.abs(others.argmax(axis=1) - np.arange(len(likeness)))
    if np.mean(nearest > 2) > STRANGERS:
        return [
            Finding(
                "doubtful",
                "slice-order",
                f"{np.mean(nearest > 2):.0%} of the slices are most like one that is not beside "
                "them; slices are out of order, as when an interleaved scan is stacked: convert "
                "it again",
                scan,
            )
        ]
    k = np.arange(1, len(likeness) - 2)
    gain = likeness[k - 1, k + 1] + likeness[k, k + 2] - beside[k - 1] - beside[k + 1]
    swapped = k[gain > SWAP_GAIN * (1 - np.median(beside))]
    if swapped.size:
        return [
            Finding(
                "doubtful",
                "slice-order",
                f"{_slices((swapped + first).tolist())} and the next fit better in exchanged "
                "order; convert the series again, sorted by position",
                scan,
            )
        ]
    drop = np.minimum(beside[:-2], beside[2:]) - beside[1:-1]
    jumps = np.flatnonzero(drop > JUMP) + 1
    if jumps.size:
        return [
            Finding(
                "doubtful",
                "slice-jump",
                f"between {_slices((jumps + first).tolist())} and the next the image jumps, more "
                "than between their neighbours; slices may be missing or the patient moved: look "
                "at it from the side",
                scan,
            )
        ]
    return []


def _likeness(slices: Array, low: float, high: float) -> Array:
    """Return the correlation of each two slices (n, n)."""
    step = [max(size // 128, 1) for size in slices.shape[1:]]
    flat = np.float32(slices[:, :: step[0], :: step[1]].clip(low, high)).reshape(len(slices), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    return np.asarray(flat @ flat.T)


def _slices(indices: list[int]) -> str:
    shown = ", ".join(map(str, indices[:4])) + (", ..." if len(indices) > 4 else "")
    return f"slice {shown}" if len(indices) == 1 else f"slices {shown}"
