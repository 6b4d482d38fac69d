"""RIRE's transform files: where the eight corner voxels of one volume go in another, in mm.

Each volume has coordinates of its own: the origin is the centre of its first voxel, x runs along
the first row (to the patient's left), y down the first column (to the back), z towards the last
slice (to the head). Format: https://rire.insight-journal.org/transform_format.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.atomic import write_text
from mrtoct.io.rire.image import lph_grid
from mrtoct.io.transforms import require_rigid
from mrtoct.volume import MOST_MM, Array, Grid

RIGIDITY_TOLERANCE_MM = 0.01
"""The root-mean-square residual of the best rigid fit that RIRE refuses."""

CORNER_TOLERANCE_MM = 0.05
"""How far a file's points may be from a volume's corners: headers round spacings."""

MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Heading:
    """The lines above the points, free text on one line each; empty is allowed."""

    investigators: str = ""
    site: str = ""
    method: str = ""
    date: str = ""
    patient: str = ""
    """The patient's number in the data set, such as 001."""
    source: str = "CT"
    """From which volume: CT or PET."""
    target: str = "mr_T1"
    """To which volume: mr_T1, mr_PD_rectified, ..."""


@dataclass(frozen=True, eq=False)
class RireTransform:
    """A transform file's content; points in mm in each volume's own coordinates."""

    heading: Heading
    points: Array
    """(8, 3): centres of the corner voxels of the From volume, x fastest."""
    moved: Array
    """(8, 3): where they go in the To volume."""

    def rigid(self) -> Array:
        """Return the best rigid 4 x 4 map of points to moved, in the volumes' own coordinates.

        Raises GeometryError if it leaves a root-mean-square residual of 0.01 mm or more.
        """
        matrix, residual = rigid_fit(self.points, self.moved)
        if not residual < RIGIDITY_TOLERANCE_MM:
            raise GeometryError(
                f"the transform is not rigid: the best rigid map leaves {residual:.3g} mm rms at "
                f"the corners; allowed is less than {RIGIDITY_TOLERANCE_MM} mm"
            )
        return matrix


def rigid_fit(points: Array, moved: Array) -> tuple[Array, float]:
    """Return the rigid 4 x 4 map that takes points (n, 3) nearest to moved, and the rms left.

    The singular value decomposition of the cross-covariance gives the rotation (Arun et al. 1987,
    without mirroring). Raises GeometryError if the points lie on one line.
    """
    center, moved_center = points.mean(axis=0), moved.mean(axis=0)
    u, strength, vt = np.linalg.svd((moved - moved_center).T @ (points - center))
    if strength[1] <= 1e-9 * strength[0] or not strength[0] > 0:
        raise GeometryError("a rigid map needs points that are not on one line")
    mirrored = np.sign(np.linalg.det(u @ vt))
    matrix = np.eye(4)
    matrix[:3, :3] = u @ np.diag([1, 1, mirrored]) @ vt
    matrix[:3, 3] = moved_center - matrix[:3, :3] @ center
    left = points @ matrix[:3, :3].T + matrix[:3, 3] - moved
    return matrix, float(np.sqrt((left**2).sum(axis=1).mean()))


def own_frame(grid: Grid) -> Array:
    """Return the rigid 4 x 4 map from RAS mm to a volume's own RIRE coordinates in mm.

    Depends on where the voxels are, not on the order in which a file stores them. Raises
    GeometryError for a sheared grid.
    """
    counted = lph_grid(grid)
    frame: Array = np.diag([*counted.spacing, 1.0]) @ np.linalg.inv(counted.affine)
    require_rigid(frame, f"the frame of {grid}")
    return frame


def own_corners(grid: Grid) -> Array:
    """Return the corner voxels' centres (8, 3) in a volume's own coordinates, in RIRE's order."""
    counted = lph_grid(grid)
    return Grid(counted.shape, np.diag([*counted.spacing, 1.0])).corners()


def to_ras(transform: RireTransform, source: Grid, target: Grid) -> Array:
    """Return the 4 x 4 rigid map of RAS points of the From volume to RAS points of the To volume.

    Raises GeometryError if the points are not the corners of the source grid, or not rigid.
    """
    off = np.abs(transform.points - own_corners(source)).max()
    if not off <= CORNER_TOLERANCE_MM:
        raise GeometryError(
            f"the transform's points are not the corners of {source}: they are up to {off:.3g} mm "
            "away; give the volume that it was made for"
        )
    return np.asarray(np.linalg.inv(own_frame(target)) @ transform.rigid() @ own_frame(source))


def from_ras(
    matrix: Array, source: Grid, target: Grid, heading: Heading | None = None
) -> RireTransform:
    """Return a rigid 4 x 4 RAS map, From points to To points, as RIRE writes it.

    Raises GeometryError if the map is not rigid or a grid is sheared.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    require_rigid(matrix, "the transform")
    own = own_frame(target) @ matrix @ np.linalg.inv(own_frame(source))
    points = own_corners(source)
    return RireTransform(heading or Heading(), points, points @ own[:3, :3].T + own[:3, 3])


def is_rire_transform(path: Path) -> bool:
    """Tell by its beginning whether a file is a RIRE transform."""
    try:
        with path.open("rb") as file:
            return b"Transformation Parameters" in file.read(4096)
    except OSError:
        return False


def read_rire_transform(path: Path | str) -> RireTransform:
    """Read a transform file; raises FileError if it is missing or its points are not eight."""
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    values = {key.strip().lower(): value.strip() for key, value in pairs}
    heading = Heading(**{name: values.get(key.lower(), "") for name, key in _KEYS.items()})
    rows = [line.split() for line in text.splitlines() if re.match(r"\s*\d+\s+[-+.\d]", line)]
    try:
        numbers = np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise FileError(f"{path}: {error}; a point is a number and six coordinates") from error
    if numbers.shape != (8, 7) or not (np.abs(numbers) < MOST_MM).all():
        raise FileError(
            f"{path} holds {len(rows)} rows of points; a RIRE transform has eight of a number and "
            "six finite coordinates"
        )
    if numbers[:, 0].tolist() != list(range(1, 9)):
        raise FileError(f"{path}: points must be numbered 1 to 8 in order")
    return RireTransform(heading, numbers[:, 1:4], numbers[:, 4:])


def write_rire_transform(
    path: Path | str,
    matrix: Array,
    source: Grid,
    target: Grid,
    heading: Heading | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write a rigid 4 x 4 RAS map of source (CT) points to target (MR) points as RIRE wants it.

    source, target: the grids of the scans as they were handed out. Raises GeometryError if the
    map is not rigid, FileError if the file exists and overwrite is false.
    """
    text = rire_text(from_ras(matrix, source, target, heading))
    write_text(Path(path), text, overwrite=overwrite)


def rire_text(transform: RireTransform) -> str:
    """Return the text of a transform file, four decimals as the format asks for."""
    heading = {key: getattr(transform.heading, name) for name, key in _KEYS.items()}
    for key, value in heading.items():
        if "\n" in value or "\r" in value:
            raise ValueRangeError(f"{key} must be one line, got {value!r}")
    said = {key: f"{key}: {value}".rstrip() for key, value in heading.items()}
    rows = np.round(np.hstack([transform.points, transform.moved]), 4) + 0.0  # no -0.0000
    rule = "-" * 73
    return "\n".join(
        [
            rule,
            "Transformation Parameters",
            "",
            said["Investigator(s)"],
            "",
            said["Site"],
            "",
            *(said[key] for key in ("Method", "Date", "Patient number", "From", "To")),
            "",
            "Point      x          y          z        new_x       new_y       new_z",
            "",
            *(
                f"  {n}{x:13.4f} {y:10.4f} {z:10.4f} {a:9.4f} {b:11.4f} {c:11.4f}"
                for n, (x, y, z, a, b, c) in enumerate(rows.tolist(), start=1)
            ),
            "",
            "(All distances are in millimeters.)",
            rule,
            "",
        ]
    )


_KEYS = dict(
    zip(
        (field.name for field in fields(Heading)),
        ("Investigator(s)", "Site", "Method", "Date", "Patient number", "From", "To"),
        strict=True,
    )
)
