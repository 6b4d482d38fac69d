"""A volume as codes of two bytes a voxel, with the unit, scale and window it is shown in."""

from __future__ import annotations

import numpy as np

from mrtoct.report.scales import MAP_WINDOWS, WRITTEN, deviation_limit
from mrtoct.report.scene import Layer, LayerUnit
from mrtoct.volume import Array, Unit, Volume

HIGHEST_CODE = 65535


def coded(
    key: str,
    title: str,
    volume: Volume,
    inside: Array | None,
    *,
    deviation: bool = False,
    floor: float | None = None,
) -> tuple[Layer, Array]:
    """Return the layer of a volume and its codes as uint16 (I, J, K), 0 outside of inside.

    deviation: whether the values are a standard deviation in the volume's unit. The codes of a CT
    begin at floor (HU) if it is given, so that those of several can be subtracted.
    """
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    known = voxels if inside is None else voxels[inside]
    low, high = float(known.min()), float(known.max())
    unit = _layer_unit(volume.unit, deviation=deviation)
    if unit == "label":
        low, high = 0.0, max(high, 1.0)
    if unit == "deviation":
        low = 0.0  # from which its colours begin
    if unit == "HU" and floor is not None:
        low = floor
    # Whole numbers stay whole where they fit, so that a readout says what the file says.
    whole = volume.voxels.dtype.kind in "iub" or unit in ("HU", "label")
    fits = high - low < HIGHEST_CODE - 1
    step = 1.0 if whole and fits else max((high - low) / (HIGHEST_CODE - 1), 1e-30)
    stored = np.rint((voxels - low) / step).clip(0, HIGHEST_CODE - 1).astype(np.uint16) + 1
    if inside is not None:
        stored[~inside] = 0
    levels = int(stored.max(initial=0)) + 1
    measure = WRITTEN.get(volume.unit, "")
    window = _first_window(unit, volume.unit, known, low)
    layer = Layer(key, title, title, unit, low, step, levels, 2, window,
                  measure=measure)  # fmt: skip
    return layer, stored


def _layer_unit(unit: Unit, *, deviation: bool) -> LayerUnit:
    if deviation:
        return "deviation"
    return unit if unit in ("HU", "a.u.", "label") else "map"


def _first_window(unit: LayerUnit, measure: Unit, known: Array, low: float) -> tuple[float, float]:
    """Return what is black and what is white, or the ends of the colours, at first."""
    if unit == "deviation" and measure == "HU":
        return 0.0, deviation_limit(known)
    if unit == "map" and measure in MAP_WINDOWS:
        return MAP_WINDOWS[measure]
    seen = known[known > low] if (known > low).any() else known
    dark, bright = (float(q) for q in np.quantile(seen, (0.01, 0.995)))
    dark = 0.0 if unit == "deviation" else min(dark, low)
    return dark, bright if bright > dark else dark + 1.0
