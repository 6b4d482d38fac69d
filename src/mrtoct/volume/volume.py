"""Voxels on a grid in a unit, from and to what other packages hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.volume import exchange
from mrtoct.volume.exchange import NibabelImage, SimpleItkImage
from mrtoct.volume.grid import Array, Grid

Unit = Literal["HU", "a.u.", "label", "kg/m3", "1", "1/cm", "m/s", "dB/cm", "dB/(MHz^y cm)", "Gy"]
"""HU for CT, arbitrary units for MR signal, label for masks and segmentations; the others are those
of the maps that follow from a CT, 1 for what is relative to water."""

AIR_HU = -1024.0
"""What CT holds where nothing was measured: the lower end of the usual 12-bit HU range."""
AIR_BELOW_HU, BONE_ABOVE_HU = -250.0, 250.0
"""What counts as air inside a head and as bone, where training and figures tell them apart."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a grid, in a unit: a CT, an MR or a mask.

    World coordinates are RAS+ in mm, arrays are indexed (I, J, K), as in nibabel.

    Parameters
    ----------
    voxels : ndarray of shape (I, J, K)
        The values. Kept as they are, not copied.
    grid : Grid
        Where the voxels are.
    unit : {"HU", "a.u.", "label", ...}
        HU for CT, a.u. (arbitrary units) for MR, label for masks and segmentations; those of the
        maps that follow from a CT are in mrtoct.volume.Unit.

    Raises
    ------
    GeometryError
        If the voxels do not have the grid's shape.
    ValueRangeError
        If the unit is another one.

    Examples
    --------
    >>> import numpy as np
    >>> import mrtoct
    >>> affine = np.diag([1.5, 1.5, 4.0, 1.0])  # index to RAS mm
    >>> mr = mrtoct.Volume.from_numpy(np.zeros((96, 128, 30), np.int16), affine, "a.u.")
    >>> mr
    Volume(96 x 128 x 30, 1.5 x 1.5 x 4 mm, RAS, 0 to 0 a.u., int16)
    >>> mr.to_simpleitk().GetSpacing()
    (1.5, 1.5, 4.0)
    """

    voxels: Array
    grid: Grid
    unit: Unit

    def __post_init__(self) -> None:
        require_unit(self.unit)
        if self.voxels.shape != self.grid.shape:
            raise GeometryError(
                f"voxels of shape {self.voxels.shape} do not fit a grid of {self.grid.shape}"
            )

    @property
    def affine(self) -> Array:
        """The 4 x 4 map from index to RAS mm."""
        return self.grid.affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along I, J, K in mm."""
        return self.grid.spacing

    def with_voxels(self, voxels: Array, unit: Unit | None = None) -> Volume:
        """Return other voxels on the same grid."""
        return replace(self, voxels=voxels, unit=unit or self.unit)

    def cropped(self, box: tuple[slice, slice, slice]) -> Volume:
        """Return the part inside a box of index slices (a view, not a copy)."""
        grid = self.grid.cropped(box)
        return replace(self, voxels=self.voxels[box], grid=grid)

    @classmethod
    def from_numpy(cls, voxels: npt.ArrayLike, affine: npt.ArrayLike, unit: Unit) -> Volume:
        """Return a volume of an array (I, J, K), not copied, and its 4 x 4 map to RAS mm."""
        values = np.asarray(voxels)
        if values.ndim != 3:
            raise GeometryError(
                f"a volume has three dimensions (I, J, K), got an array of {values.shape}"
            )
        if values.dtype.kind not in "biuf":
            raise ValueRangeError(f"voxels must be real numbers, got {values.dtype}")
        return cls(values, Grid(values.shape, np.asarray(affine)), unit)

    def to_numpy(self) -> tuple[Array, Array]:
        """Return the voxels (I, J, K), not copied, and a copy of the affine (RAS mm)."""
        return self.voxels, self.affine.copy()

    @classmethod
    def from_nibabel(cls, image: NibabelImage, unit: Unit) -> Volume:
        """Return a copy of an image of nibabel, its values scaled as it says."""
        return cls.from_numpy(*exchange.from_nibabel(image), unit)

    def to_nibabel(self) -> Any:
        """Return a Nifti1Image with a copy of the voxels."""
        return exchange.to_nibabel(self.voxels, self.affine)

    @classmethod
    def from_simpleitk(cls, image: SimpleItkImage, unit: Unit) -> Volume:
        """Return a copy of an image of SimpleITK, LPS turned into RAS, (K, J, I) into (I, J, K)."""
        return cls.from_numpy(*exchange.from_simpleitk(image), unit)

    def to_simpleitk(self) -> Any:
        """Return a SimpleITK image with a copy of the voxels; GeometryError for a sheared grid."""
        return exchange.to_simpleitk(self.voxels, self.affine)

    @classmethod
    def from_torch(cls, tensor: exchange.Tensor, affine: npt.ArrayLike, unit: Unit) -> Volume:
        """Return a copy of a tensor (I, J, K) of any device; its affine maps indices to RAS mm."""
        return cls.from_numpy(exchange.from_torch(tensor), affine, unit)

    def to_torch(self) -> exchange.Tensor:
        """Return a tensor (I, J, K) on the CPU with a copy of the voxels."""
        return exchange.to_torch(self.voxels)

    @classmethod
    def from_image(cls, image: NibabelImage | SimpleItkImage, unit: Unit) -> Volume:
        """Return a copy of an image of nibabel or SimpleITK; ValueRangeError for all else."""
        if isinstance(image, NibabelImage):
            return cls.from_nibabel(image, unit)
        if isinstance(image, SimpleItkImage):
            return cls.from_simpleitk(image, unit)
        raise ValueRangeError(
            f"a volume must be a Volume or an image of nibabel or SimpleITK, got "
            f"{type(image).__name__}"
        )

    def __repr__(self) -> str:
        from mrtoct.volume.picture import summary

        facts = summary(self)
        size = ", ".join(facts[name] for name in ("shape", "spacing", "axes"))
        return f"Volume({size}, {facts['values']} {facts['unit']}, {facts['type']})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the facts and three slices."""
        from mrtoct.volume.picture import as_html

        return as_html(self)


def require_unit(unit: str) -> None:
    """Raise ValueRangeError for a unit that is none."""
    if unit not in get_args(Unit):
        raise ValueRangeError(f"the unit {unit!r} is unknown; allowed: {', '.join(get_args(Unit))}")


def require_signal(volume: Volume, kind: str) -> None:
    """Raise ValueRangeError if every voxel is the same; kind names the volume in the message."""
    low, high = volume.voxels.min(), volume.voxels.max()
    if low == high:
        raise ValueRangeError(f"the {kind} is constant: every voxel is {float(low):g}")
