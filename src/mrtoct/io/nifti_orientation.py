"""Where a NIfTI header says that its voxels lie, and what of that contradicts itself.

A header says it up to three times: pixdim (spacing), qform (rotation, spacing from pixdim) and
sform (any matrix). Programs differ in whom they believe, so that one file lies in two places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import nibabel as nib
import numpy as np

from mrtoct.errors import GeometryError
from mrtoct.volume import Array, Grid

MM_PER_UNIT = {1: 1000.0, 3: 0.001}
"""NIfTI's codes for metre and micrometre; all else, unknown too, is millimetre."""
APART_MM = 1.0
"""How far sform and qform may place a voxel apart before it is said."""
SPACING_TOLERANCE = 0.02
"""Part by which the lengths of the sform's axes may differ from pixdim: headers are rounded."""
ALONG_DEGREES = 5.0
"""An uncoded qform counts where its axes are so near to those of the sform."""

Kind = Literal["no-orientation", "two-orientations", "two-spacings"]


@dataclass(frozen=True)
class Contradiction:
    """What a header leaves open or says twice, in words that go on after the file's name."""

    kind: Kind
    sentence: str


def orientation_of(header: nib.Nifti1Header) -> tuple[Array, Contradiction | None]:
    """Return the affine that is used, 4 x 4 in RAS mm, and what contradicts it.

    The sform is used, else the qform, else nibabel's default. A sform whose axes are not as long as
    pixdim says gives way to a qform that agrees with its directions; where there is none, nobody
    can tell which is right. Raises GeometryError then, and for a spacing that is not positive.
    """
    spacing = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise GeometryError(f"voxel spacing must be positive, got {spacing.tolist()}")
    if header["pixdim"][0] != -1:
        header["pixdim"][0] = 1  # the qform's handedness; all but -1 means 1
    unit = MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    used, said = _chosen(header, spacing)
    affine = np.array(used, dtype=np.float64)
    affine[:3] *= unit
    return affine, said


def _chosen(header: nib.Nifti1Header, spacing: Array) -> tuple[Array, Contradiction | None]:
    has_matrix, has_rotation = int(header["sform_code"]) > 0, int(header["qform_code"]) > 0
    if not has_matrix:
        if has_rotation:
            return header.get_best_affine(), None
        return header.get_best_affine(), Contradiction(
            "no-orientation",
            "states no orientation (sform and qform codes are 0), so left and right are guessed; "
            "convert it again from the scanner's DICOM files",
        )
    matrix = np.asarray(header.get_sform(), dtype=np.float64)
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    if not (np.isfinite(matrix).all() and lengths.all()):
        return matrix, None  # no grid at all: who makes one says so
    if not np.allclose(lengths, spacing, rtol=SPACING_TOLERANCE, atol=0.01):
        return _with_pixdim(header, matrix, lengths, spacing)
    if not has_rotation:
        return matrix, None
    return matrix, _two_places(header, matrix)


def _with_pixdim(
    header: nib.Nifti1Header, matrix: Array, lengths: Array, spacing: Array
) -> tuple[Array, Contradiction]:
    """Return the qform where it has the sform's directions and pixdim's spacing."""
    told = f"its sform has voxels of {_mm(lengths)} mm, its pixdim of {_mm(spacing)} mm"
    rotation = _rotation(header)
    coded = int(header["qform_code"]) > 0
    if not coded and (spacing == 1).all():
        return matrix, Contradiction(
            "two-spacings", f"{told}, which looks unset; the sform is used"
        )
    if rotation is None or not (coded or _along(rotation, matrix)):
        raise GeometryError(
            f"{told}, and there is no qform to decide; convert it again from the scanner's DICOM "
            "files"
        )
    return rotation, Contradiction("two-spacings", f"{told}; the qform, which agrees, is used")


def _two_places(header: nib.Nifti1Header, matrix: Array) -> Contradiction | None:
    rotation = _rotation(header)
    if rotation is None:
        return None
    i, j, k = (int(n) for n in header.get_data_shape()[:3])
    first, second = Grid((i, j, k), matrix), Grid((i, j, k), rotation)
    apart = float(np.abs(first.corners() - second.corners()).max())
    if apart <= APART_MM:
        return None
    mirrored = np.linalg.det(matrix[:3, :3]) * np.linalg.det(rotation[:3, :3]) < 0
    which = "mirror each other" if mirrored else f"place voxels up to {apart:.0f} mm apart"
    return Contradiction(
        "two-orientations",
        f"its two orientations, sform and qform, {which}; they should agree. The sform is used: "
        "compare left and right with the original scan",
    )


def _rotation(header: nib.Nifti1Header) -> Array | None:
    """Return the qform's affine whatever its code; None where its quaternion is none."""
    try:
        affine = np.asarray(header.get_qform(), dtype=np.float64)
    except ValueError:
        return None
    return affine if np.isfinite(affine).all() else None


def _along(rotation: Array, matrix: Array) -> bool:
    """Tell whether two affines have the same directions, to a few degrees."""
    first, second = (m[:3, :3] / np.linalg.norm(m[:3, :3], axis=0) for m in (rotation, matrix))
    return bool((np.sum(first * second, axis=0) > np.cos(np.deg2rad(ALONG_DEGREES))).all())


def _mm(lengths: Array) -> str:
    return " x ".join(f"{n:.3g}" for n in lengths)
