"""Voxels and affines from and to what other packages hold; each is imported when it is needed.

ITK and its SimpleITK have world coordinates in LPS and arrays indexed (K, J, I); nibabel and torch
users have RAS and (I, J, K), as we do.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.volume.grid import Array

if TYPE_CHECKING:
    from torch import Tensor as Tensor

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
"""Of nibabel's names; all else, unknown too, is millimetre."""


@runtime_checkable
class NibabelImage(Protocol):
    """An image of nibabel, of any of its formats."""

    @property
    def affine(self) -> Any:
        """4 x 4, index to RAS."""

    @property
    def dataobj(self) -> Any:
        """The voxels, perhaps still on disk."""


@runtime_checkable
class SimpleItkImage(Protocol):
    """An image of SimpleITK."""

    def GetOrigin(self) -> Any:  # noqa: N802
        """Return where the first voxel's centre is, LPS mm."""

    def GetDirection(self) -> Any:  # noqa: N802
        """Return the axes as the columns of a matrix, row by row."""


def storable(voxels: Array) -> Array:
    """Return the voxels in a type that files and ITK hold: bool as uint8, floats as float32."""
    if voxels.dtype.kind not in "biuf":
        raise ValueRangeError(f"voxels must be real numbers, got {voxels.dtype}")
    if voxels.dtype.kind == "b":
        return voxels.astype(np.uint8)
    kept = np.dtype(np.float32) if voxels.dtype.kind == "f" else voxels.dtype.newbyteorder("=")
    return voxels.astype(kept, copy=False)


def from_nibabel(image: NibabelImage) -> tuple[Array, Array]:
    """Return a copy of an image's voxels, scaled as it says, and its affine in mm."""
    shape = tuple(int(n) for n in image.dataobj.shape)
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise GeometryError(
            f"a volume has three dimensions and one frame, got an image of shape {shape}"
        )
    if image.affine is None:
        raise GeometryError("the image has no affine, so the positions of its voxels are unknown")
    try:
        # Too large for float32 becomes infinite, which is refused where finite values are needed.
        with np.errstate(over="ignore"):
            voxels = storable(np.asanyarray(image.dataobj))
    except (OSError, EOFError, zlib.error) as error:  # its file is only now read to the end
        raise FileError(f"the image's voxels cannot be read: {error}") from error
    affine = np.array(image.affine, dtype=np.float64)
    units = getattr(getattr(image, "header", None), "get_xyzt_units", None)
    affine[:3] *= MM_PER_UNIT.get(units()[0], 1.0) if units else 1.0
    return np.array(voxels, order="C").reshape(shape[:3]), affine


def to_nibabel(voxels: Array, affine: Array) -> Any:
    """Return a Nifti1Image in mm whose sform and qform say the same."""
    import nibabel

    kept = storable(voxels)
    image = nibabel.Nifti1Image(np.array(kept, order="C"), affine, dtype=kept.dtype)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code="scanner")
    # A qform is a rotation: for a sheared affine it would contradict the sform, so it is left out.
    image.set_qform(affine, code="scanner", update_affine=False)
    if not np.allclose(image.get_qform(), affine, atol=1e-3):
        image.set_qform(None, code="unknown", update_affine=False)
    return image


def from_simpleitk(image: SimpleItkImage) -> tuple[Array, Array]:
    """Return a copy of an image's voxels (I, J, K) and its affine in RAS mm."""
    import SimpleITK as sitk

    given: Any = image
    if given.GetDimension() != 3:
        raise GeometryError(
            f"a volume has three dimensions, got an image of size {given.GetSize()}"
        )
    if given.GetNumberOfComponentsPerPixel() != 1:
        raise ValueRangeError(
            "voxels must be real numbers, got an image with "
            f"{given.GetNumberOfComponentsPerPixel()} components per voxel"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(given.GetDirection(), (3, 3)) * given.GetSpacing()
    affine[:3, 3] = given.GetOrigin()
    # A view into the image's memory dies with it: always copy.
    voxels = np.array(storable(sitk.GetArrayViewFromImage(given)).T, order="C")
    return voxels, LPS_TO_RAS @ affine


def to_simpleitk(voxels: Array, affine: Array) -> Any:
    """Return a SimpleITK image; GeometryError where its grid is sheared, which ITK cannot hold."""
    import SimpleITK as sitk

    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    direction = lps[:3, :3] / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise GeometryError(
            "SimpleITK cannot hold a sheared grid; resample the volume to an upright one first"
        )
    image = sitk.GetImageFromArray(np.ascontiguousarray(storable(voxels).T))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def from_torch(tensor: Tensor) -> Array:
    """Return a copy of a tensor (I, J, K) of any device; half precision becomes float32."""
    if tensor.ndim != 3:
        raise GeometryError(
            f"a volume has three dimensions (I, J, K), got a tensor of {tuple(tensor.shape)}; "
            "take one channel of one head"
        )
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.float()  # NumPy has no bfloat16
    return np.array(tensor.numpy(), order="C")


def to_torch(voxels: Array) -> Tensor:
    """Return a copy of the voxels as a tensor (I, J, K) on the CPU."""
    import torch

    if voxels.dtype.kind not in "biuf":
        raise ValueRangeError(f"voxels must be real numbers, got {voxels.dtype}")
    return torch.from_numpy(np.array(voxels, dtype=voxels.dtype.newbyteorder("="), order="C"))
