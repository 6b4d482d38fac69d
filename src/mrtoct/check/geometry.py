"""Is the grid plausible, and does the file say one thing about its orientation?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from mrtoct.check.finding import Finding
from mrtoct.io.files import NIFTI_ENDINGS
from mrtoct.io.nifti_orientation import orientation_of
from mrtoct.volume import Grid

SPACINGS_MM = (0.2, 7.0)
"""Head scans have voxels of 0.3 to 1.5 mm in plane and slices of 0.5 to 5, seldom 6 mm."""
FEWEST_SLICES = 10
LEAST_LENGTH_MM = 60.0
"""Less than half a head along any axis: registration has little to hold on to."""
MOST_OBLIQUE = 30.0
"""Degrees: slices along the skull base are turned by up to about 25; a turned head adds some."""
SHEAR_SEEN = 0.5
"""Degrees from a right angle; a gantry tilt is 5 to 25."""


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
                f"{size} voxels are not a volume; export the whole series, not one slice of it",
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
                f"its field of view is {min(facts.length_mm):g} mm at its shortest; a head needs "
                f"{LEAST_LENGTH_MM:g} mm or more to be registered; check spacing and coverage",
                scan,
            )
        )
    if facts.oblique_degrees > MOST_OBLIQUE:
        found.append(
            Finding(
                "doubtful",
                "oblique",
                f"its axes are {facts.oblique_degrees:g} degrees off the world axes; up to "
                f"{MOST_OBLIQUE:g} is usual: check in a viewer that the head is upright",
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
    _, contradiction = orientation_of(nib.load(path).header)
    if contradiction is None:
        return []
    return [Finding("doubtful", contradiction.kind, contradiction.sentence, scan)]
