"""What stands where nothing was measured: NaN in other programs' files, a fill value in ours."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume.grid import Array

Unit = Literal["HU", "a.u.", "label", "kg/m3", "1", "1/cm", "m/s", "dB/cm", "dB/(MHz^y cm)", "Gy"]
"""HU for CT, arbitrary units for MR signal, label for masks and segmentations; the others are those
of the maps that follow from a CT, 1 for what is relative to water."""

AIR_HU = -1024.0
"""What CT holds where nothing was measured: the lower end of the usual 12-bit HU range."""


def outside(unit: Unit) -> float:
    """Return what a voxel of a unit holds where nothing was measured: -1024 HU, otherwise 0."""
    return AIR_HU if unit == "HU" else 0.0


def without_nan(voxels: Array, unit: Unit) -> tuple[Array, Array | None]:
    """Return voxels (I, J, K) with NaN replaced, and where they were measured, None: everywhere.

    Resampling programs (SPM, ANTs, PET reconstructions) write NaN outside a scan. Labels, which
    nobody measures, are returned as they are. Raises ValueRangeError where every voxel is NaN.
    """
    if voxels.dtype.kind != "f" or unit == "label":
        return voxels, None
    measured = ~np.isnan(voxels)
    if measured.all():
        return voxels, None
    if not measured.any():
        raise ValueRangeError("every voxel is NaN: nothing was measured")
    return np.where(measured, voxels, voxels.dtype.type(outside(unit))), measured
