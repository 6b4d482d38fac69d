"""Rigid transforms in ITK's text format (.tfm), which 3D Slicer, ANTs and SimpleITK share.

ITK works in LPS; inside mrtoct a transform is a 4 x 4 matrix in RAS mm. Both map a point of the
fixed image (CT) to the moving image (MR): only the signs of the first two axes differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import write_text
from mrtoct.io.itk_text import MOST_BYTES, parse, text_of
from mrtoct.volume import Array

ENDINGS = (".tfm", ".txt")
"""What ITK takes for a text transform."""

RIGIDITY_TOLERANCE = 1e-3
"""How far M M^T may be from 1: files hold at least six digits, a 0.1 % scaling is no rounding."""

_RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_transform(path: Path | str, *, rigid: bool = False) -> Array:
    """Read an ITK text transform as a 4 x 4 matrix in RAS mm, fixed point to moving point.

    Any linear transform is taken (Euler3D, VersorRigid3D, Similarity3D, Affine, ...), and any
    composite of linear ones. Raises FileError for a missing, damaged or non-linear file, and with
    rigid also GeometryError if the matrix scales, shears or mirrors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    if path.suffix.lower() not in ENDINGS:
        raise FileError(f"{path} is not a text transform; allowed: {', '.join(ENDINGS)}")
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise FileError("it is too long for a linear transform")
        matrix = _RAS_LPS @ parse(content.decode("utf-8")) @ _RAS_LPS
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is damaged or not an ITK text transform") from error
    except FileError as error:
        raise FileError(f"{path} cannot be used as an ITK text transform: {error}") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    if rigid:
        require_rigid(matrix, str(path))
    return matrix


def write_transform(
    path: Path | str, matrix: Array, *, rigid: bool = True, overwrite: bool = False
) -> None:
    """Write a 4 x 4 matrix in RAS mm as an ITK affine transform, whole or not at all.

    Raises GeometryError if the matrix is not an invertible affine map or, with rigid, not rigid,
    and FileError if the file exists and overwrite is false or its name ends otherwise than .tfm
    or .txt.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise FileError(f"{path}: a transform's name ends in {' or '.join(ENDINGS)}")
    matrix = np.asarray(matrix, dtype=np.float64)
    _require_affine(matrix)
    if rigid:
        require_rigid(matrix, "the transform")
    lps = _RAS_LPS @ matrix @ _RAS_LPS
    write_text(path, text_of(lps), overwrite=overwrite)


def require_rigid(matrix: Array, name: str) -> None:
    """Raise GeometryError unless a 4 x 4 matrix only rotates and translates."""
    rotation = matrix[:3, :3]
    departure = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if departure > RIGIDITY_TOLERANCE or np.linalg.det(rotation) < 0:
        mirrored = " and mirrors" if np.linalg.det(rotation) < 0 else ""
        raise GeometryError(
            f"{name} is not rigid: its matrix departs from a rotation by {departure:.2g}"
            f"{mirrored}; allowed is {RIGIDITY_TOLERANCE:g}"
        )


def _require_affine(matrix: Array) -> None:
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise GeometryError(f"a transform is a finite 4 x 4 matrix, got shape {matrix.shape}")
    if not np.allclose(matrix[3], (0, 0, 0, 1)) or abs(np.linalg.det(matrix[:3, :3])) < 1e-6:
        raise GeometryError("a transform is invertible and its last row is 0 0 0 1")
