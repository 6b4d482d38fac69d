"""mrtoct score: how far a transform is from a reference, in mm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from mrtoct.cli.terminal import about
from mrtoct.errors import FileError, GeometryError
from mrtoct.io.files import read_volume
from mrtoct.io.json_text import json_text
from mrtoct.io.points import read_points
from mrtoct.io.rire.transform import (
    CORNER_TOLERANCE_MM,
    is_rire_transform,
    read_rire_transform,
    to_ras,
)
from mrtoct.io.transforms import read_transform
from mrtoct.judging.metrics.registration import head_box, transform_errors
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.volume import AIR_HU, Array, Volume


def score(
    transform: Annotated[
        Path, typer.Argument(metavar="TRANSFORM", help="CT to MR: ITK (.tfm) or RIRE.")
    ],
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="The reference: ITK or RIRE.")
    ],
    ct: Annotated[
        Path | None,
        typer.Option(help="The CT in HU: errors are computed at its corners and over its head."),
    ] = None,
    mr: Annotated[
        Path | None, typer.Option(help="The MR: needed to compare an ITK with a RIRE transform.")
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            help="Points at which to compute the error: .csv with columns x, y, z (and name), RAS "
            "mm of the CT."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure the error of a CT-to-MR transform against a reference, in mm.

    The error at a point is the distance between its images under both transforms: at the corners of
    the CT, over the box around the head (found on the CT), and at your own points. Two RIRE files
    are compared at their own corner points without any scan. RIRE's marker-based reference is
    itself known to about 0.4 mm.
    """
    both_rire = is_rire_transform(transform) and is_rire_transform(reference)
    if ct is None and not both_rire:
        raise FileError("give the CT with --ct: errors are computed over it")
    scan = None if ct is None else read_volume(ct, "HU")
    if ct is None or scan is None:
        matrix, reference_matrix, corners = _of_rire(transform, reference, targets)
        head = points = names = None
    else:
        moving = None if mr is None else read_volume(mr, "a.u.")
        matrix, reference_matrix = (_matrix(p, scan, moving) for p in (transform, reference))
        corners = scan.grid.corners()
        # Padding outside a scanner's field of view was never measured: it counts as air.
        air = scan.with_voxels(np.maximum(scan.voxels, AIR_HU))
        with about(ct):
            head = head_box(head_mask_ct(air))
        names, points = read_points(targets) if targets else (None, None)
    result = transform_errors(matrix, reference_matrix, corners, head=head, targets=points)
    if json:
        typer.echo(json_text(result.to_json() | {"target_names": names}))
        return

    table = Table("error in mm", "mean", "median", "largest")
    rows = [("corners of the CT", result.corners), ("box around the head", result.head)]
    for label, errors in [*rows, ("targets", result.targets)]:
        if errors:
            figures = (errors.mean, errors.median, errors.maximum)
            table.add_row(label, *(f"{value:.3f}" for value in figures))
    for name, error in zip(names or (), result.targets.each if result.targets else (), strict=True):
        table.add_row(f"  {name}", f"{error:.3f}", "", "")
    table.caption = f"rotation between them {result.rotation:.3f} degrees"
    Console().print(table)


def _of_rire(transform: Path, reference: Path, targets: Path | None) -> tuple[Array, Array, Array]:
    """Return both maps and the corners in RIRE's own coordinates, which need no scan."""
    if targets is not None:
        raise FileError("--targets needs --ct: they are in its coordinates")
    first, second = read_rire_transform(transform), read_rire_transform(reference)
    off = float(abs(first.points - second.points).max())
    if off > CORNER_TOLERANCE_MM:
        raise GeometryError(
            f"{transform} and {reference} start from different volumes: their points are up to "
            f"{off:.3g} mm apart"
        )
    return first.rigid(), second.rigid(), second.points


def _matrix(path: Path, ct: Volume, mr: Volume | None) -> Array:
    """Read a transform of either kind as a map of CT points to MR points, RAS mm."""
    if not is_rire_transform(path):
        return read_transform(path)
    if mr is None:
        raise FileError(f"{path} is a RIRE transform; also give the MR with --mr")
    with about(path):
        return to_ras(read_rire_transform(path), ct.grid, mr.grid)
