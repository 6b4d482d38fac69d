"""Voxels on a grid in a unit, from and to what other packages hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.volume import exchange
from mrtoct.volume.exchange import NibabelImage, SimpleItkImage
from mrtoct.volume.grid import Array, Grid
from mrtoct.volume.missing import Unit, without_nan

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
    measured : ndarray of bool of shape (I, J, K), optional
        Where the voxels say anything. The others were outside a scan: they hold what stands for
        nothing (0 in an MR, -1024 in a CT) and are neither air nor water. None, and never an array
        that is true throughout, where every voxel was measured.

    Raises
    ------
    GeometryError
        If the voxels, or what was measured, do not have the grid's shape.
    ValueRangeError
        If the unit is another one, or a volume of labels, which nobody measures, has measured.

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
    measured: Array | None = None

    def __post_init__(self) -> None:
        require_unit(self.unit)
        if self.voxels.shape != self.grid.shape:
            raise GeometryError(
                f"voxels of shape {self.voxels.shape} do not fit a grid of {self.grid.shape}"
            )
        if self.measured is not None:
            object.__setattr__(self, "measured", self._unless_everywhere(self.measured))

    def _unless_everywhere(self, measured: Array) -> Array | None:
        if measured.shape != self.grid.shape or measured.dtype != np.bool_:
            raise GeometryError(
                f"what was measured must be booleans of shape {self.grid.shape}, got "
                f"{measured.dtype} of {measured.shape}"
            )
        if self.unit == "label":
            raise ValueRangeError("a volume of labels is not measured; leave measured out")
        return None if measured.all() else measured

    @property
    def affine(self) -> Array:
        """The 4 x 4 map from index to RAS mm."""
        return self.grid.affine

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along I, J, K in mm."""
        return self.grid.spacing

    @property
    def unmeasured(self) -> float:
        """The part of the voxels that was not measured, 0 to 1."""
        return 0.0 if self.measured is None else float(1 - self.measured.mean())

    @property
    def known(self) -> Array:
        """The voxels that were measured, in a row (N,), or all (I, J, K) where all were."""
        return self.voxels if self.measured is None else self.voxels[self.measured]

    def with_voxels(self, voxels: Array, unit: Unit | None = None) -> Volume:
        """Return other voxels on the same grid, measured where these are; labels are nowhere."""
        unit = unit or self.unit
        measured = None if unit == "label" else self.measured
        return replace(self, voxels=voxels, unit=unit, measured=measured)

    def measured_where(self, measured: Array | None) -> Volume:
        """Return the same voxels, of which only those were measured that already were and are true.

        measured is a boolean array (I, J, K), or None for everywhere.
        """
        if measured is None or self.measured is None:
            return replace(self, measured=self.measured if measured is None else measured)
        return replace(self, measured=self.measured & measured)

    def cropped(self, box: tuple[slice, slice, slice]) -> Volume:
        """Return the part inside a box of index slices (a view, not a copy)."""
        grid = self.grid.cropped(box)
        measured = None if self.measured is None else self.measured[box]
        return replace(self, voxels=self.voxels[box], grid=grid, measured=measured)

    def stored_as(self, grid: Grid) -> Volume:
        """Return the same voxels with axes in the order and the directions of another grid.

        Nothing is interpolated: where that alone does not bring the voxels to the grid's places,
        the volume comes back as it is.
        """
        if self.grid.matches(grid):
            return self
        from nibabel.orientations import (
            apply_orientation,
            inv_ornt_aff,
            io_orientation,
            ornt_transform,
        )

        turn = ornt_transform(io_orientation(self.affine), io_orientation(grid.affine))
        voxels = apply_orientation(self.voxels, turn)
        there = Grid(voxels.shape, self.affine @ inv_ornt_aff(turn, self.voxels.shape))
        if not there.matches(grid):
            return self
        measured = None if self.measured is None else apply_orientation(self.measured, turn)
        return replace(self, voxels=voxels, grid=there, measured=measured)

    @classmethod
    def from_numpy(cls, voxels: npt.ArrayLike, affine: npt.ArrayLike, unit: Unit) -> Volume:
        """Return a volume of an array (I, J, K), not copied, and its 4 x 4 map to RAS mm.

        NaN was not measured: such voxels are replaced, in a copy, and noted in measured.
        """
        values = np.asarray(voxels)
        if values.ndim != 3:
            raise GeometryError(
                f"a volume has three dimensions (I, J, K), got an array of {values.shape}"
            )
        if values.dtype.kind not in "biuf":
            raise ValueRangeError(f"voxels must be real numbers, got {values.dtype}")
        require_unit(unit)
        values, measured = without_nan(values, unit)
        return cls(values, Grid(values.shape, np.asarray(affine)), unit, measured)

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
        values = f"{facts['values']} {facts['unit']}, {facts['type']}"
        missing = f", {facts['not measured']} not measured" if "not measured" in facts else ""
        return f"Volume({size}, {values}{missing})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the facts and three slices."""
        from mrtoct.volume.picture import as_html

        return as_html(self)


def require_unit(unit: str) -> None:
    """Raise ValueRangeError for a unit that is none."""
    if unit not in get_args(Unit):
        raise ValueRangeError(f"the unit {unit!r} is unknown; allowed: {', '.join(get_args(Unit))}")


def require_signal(volume: Volume, kind: str) -> None:
    """Raise ValueRangeError if all that was measured is the same; kind names it in the message."""
    low, high = volume.known.min(), volume.known.max()
    if low == high:
        raise ValueRangeError(f"the {kind} is constant: every voxel is {float(low):g}")
