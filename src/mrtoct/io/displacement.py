"""Displacement fields in NIfTI as ITK, ANTs and 3D Slicer take them.

Five dimensions (I, J, K, 1, 3), intent "vector", and in each voxel of the fixed image (CT) how far
its point moves in LPS mm to come to the moving image (MR). Inside mrtoct it is RAS.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import new_file
from mrtoct.volume import Array, Grid

ENDINGS = (".nii.gz", ".nii")

_LPS = np.array([-1.0, -1.0, 1.0])


def require_field_name(path: Path) -> None:
    """Raise FileError unless a displacement field may be written under this name."""
    if not path.name.lower().endswith(ENDINGS):
        raise FileError(f"{path}: a displacement field's name ends in {' or '.join(ENDINGS)}")


def write_field(path: Path | str, field: Array, grid: Grid, *, overwrite: bool = False) -> None:
    """Write displacements (I, J, K, 3; RAS mm) of a grid's voxels, whole or not at all.

    Raises GeometryError if they do not fit the grid, FileError for another ending and for a file
    that exists.
    """
    path = Path(path)
    require_field_name(path)
    if field.shape != (*grid.shape, 3):
        raise GeometryError(f"a field on {grid} has shape {(*grid.shape, 3)}, got {field.shape}")
    vectors = np.asarray(field * _LPS, dtype=np.float32)[:, :, :, None, :]
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape(vectors.shape)
    header.set_intent("vector")
    header.set_xyzt_units("mm")
    header.set_sform(grid.affine, code="scanner")
    header.set_qform(grid.affine, code="scanner")
    header["vox_offset"] = header.single_vox_offset
    head = header.binaryblock.ljust(header.single_vox_offset, b"\0")
    content = head + vectors.tobytes(order="F")
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, compresslevel=1, mtime=0)
    with new_file(path, overwrite=overwrite) as part:
        part.write_bytes(content)
