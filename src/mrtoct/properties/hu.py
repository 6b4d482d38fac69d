"""Is what comes in a CT in HU? A curve makes a map of anything, and a wrong one of an MR."""

from __future__ import annotations

import numpy as np

from mrtoct.check.hounsfield import check_scale
from mrtoct.check.values import find_peaks
from mrtoct.errors import ValueRangeError
from mrtoct.volume import Array, Volume, require_same_grid, require_signal

AIR_HU = -900.0
"""Any CT of a head holds air as low as this."""
BODY_HU = (-150.0, 120.0)
LEAST_BODY = 0.3
"""Fat, brain and muscle: about three quarters of what a head holds besides air."""


def require_hu(sct: Volume) -> None:
    """Raise ValueRangeError, with what the values look like, unless a volume is a CT in HU."""
    require_signal(sct, "synthetic CT")
    findings = check_scale(sct, find_peaks(sct.voxels))
    if not findings or (findings[0].kind == "no-hu" and _has_air_and_body(sct.voxels)):
        return
    raise ValueRangeError(findings[0].sentence)


def _has_air_and_body(voxels: Array) -> bool:
    """Tell whether there is air and, for the most part, soft tissue.

    The air of a synthetic CT is often one value and its bone smooth: peaks tell less than in CT.
    """
    tissue = voxels[voxels > -500]
    body = (tissue > BODY_HU[0]) & (tissue < BODY_HU[1])
    return bool(voxels.min() < AIR_HU) and float(body.mean()) > LEAST_BODY


def require_deviation(sct: Volume, deviation: Volume) -> None:
    """Raise an error unless a standard deviation in HU belongs to a synthetic CT."""
    require_same_grid(sct.grid, deviation.grid, "the synthetic CT", "its standard deviation")
    low, high = float(deviation.voxels.min()), float(deviation.voxels.max())
    if low < 0:
        raise ValueRangeError(
            f"a standard deviation is at least 0 HU, its values run from {low:g} to {high:g}: is "
            "it another volume?"
        )


def millilitres(where: Array, volume: Volume) -> float:
    """Return the volume of some voxels, rounded."""
    return round(int(np.count_nonzero(where)) * volume.grid.voxel_volume / 1000, 2)
