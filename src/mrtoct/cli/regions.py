"""What `mrtoct register` says and writes of skull, face and jaw, and neck."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mrtoct.io.displacement import write_field
from mrtoct.registration.deformation import Deformation, whole_field
from mrtoct.registration.motion import Motion
from mrtoct.registration.regions import Name
from mrtoct.volume import Array, Grid

FIELD_MM = 3.0
"""Spacing of a written field: what it says between its voxels is 0.1 mm off at most."""


def region_lines(motions: Mapping[Name, Motion]) -> list[str]:
    """Return a line a region: name, verdict, reason."""
    return [f"  {name:12}  {m.verdict:9}  {m.reason}" for name, m in motions.items()]


def write_whole_field(
    path: Path, deformation: Deformation, transform: Array, ct: Grid, *, overwrite: bool
) -> None:
    """Write the deformation and the rigid map as one displacement field over a CT's grid."""
    grid = ct.upright((FIELD_MM,) * 3)
    write_field(path, whole_field(deformation, transform, grid), grid, overwrite=overwrite)
