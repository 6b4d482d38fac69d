"""Any volumes as one scene: brought to the grid of the first, coded in two bytes a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrtoct.errors import GeometryError
from mrtoct.report.scene import Layer, LayerUnit, Overlay, Scene
from mrtoct.report.voxels import to_ras
from mrtoct.resample import coverage, resample
from mrtoct.volume import Array, Grid, Unit, Volume

MOST_LABELS = 255
DARKEST_SIGNAL = -500.0
"""A volume that goes lower is CT in HU: air is -1000 HU, and signal is hardly ever so negative."""
HIGHEST_CODE = 65535


@dataclass(frozen=True)
class NamedVolume:
    """A volume to show, under a title such as its file's name."""

    title: str
    volume: Volume
    transform: Array | None = None
    """4 x 4, RAS mm: points of the first volume to points of this one; None: one world."""


@dataclass(frozen=True)
class CodedScene:
    """A scene and, by layer, its codes as little-endian 16-bit bytes, first index fastest."""

    scene: Scene
    codes: dict[str, bytes]


def guess_unit(voxels: Array) -> Unit:
    """Return what voxels seem to hold: labels are whole numbers from 0 to 255, CT goes below air.

    A volume of more than two labels must be stored as integers, because MR rounded to few grey
    levels looks alike.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if low < DARKEST_SIGNAL:
        return "HU"
    if voxels.dtype.kind == "b":
        return "label"
    few = low >= 0 and high <= MOST_LABELS and np.unique(voxels).size <= 32
    if not few:
        return "a.u."
    whole = voxels.dtype.kind in "iu" or set(np.unique(voxels).tolist()) <= {0.0, 1.0}
    return "label" if whole else "a.u."


def scene_of_volumes(volumes: Sequence[NamedVolume]) -> CodedScene:
    """Return the volumes on the grid of the first, turned to RAS order.

    Raises GeometryError for one that does not touch the first's box.
    """
    first = to_ras(volumes[0].volume)
    layers, codes, unmeasured = [], {}, False
    for number, named in enumerate(volumes):
        key = f"layer{number}"
        volume, inside = _on_grid(named, first.grid, volumes[0].title)
        layer, stored = _coded(key, named.title, volume, inside)
        layers.append(layer)
        unmeasured |= inside is not None and volume.unit != "label"
        codes[key] = stored.ravel(order="F").astype("<u2").tobytes()
    scene = Scene(
        volumes[0].title,
        first.grid.shape,
        first.grid.spacing,
        np.round(first.affine, 5).tolist(),
        tuple(layers),
        _overlays(layers),
        unmeasured,
    )
    return CodedScene(scene, codes)


def _on_grid(named: NamedVolume, grid: Grid, reference: str) -> tuple[Volume, Array | None]:
    """Return the volume on the grid and where it was measured; None: everywhere."""
    volume = to_ras(named.volume)
    if named.transform is None and volume.grid.matches(grid):
        return volume, volume.measured
    inside = coverage(volume.grid, grid, named.transform)
    if not inside.any():
        raise GeometryError(
            f"{named.title} does not overlap {reference}: they cannot be shown in one place"
        )
    if volume.unit == "label":
        kept = resample(volume, grid, fill=0, transform=named.transform, interpolation="nearest")
        return kept, inside
    moved = resample(volume, grid, fill=0.0, transform=named.transform)
    return moved, moved.measured


def _coded(key: str, title: str, volume: Volume, inside: Array | None) -> tuple[Layer, Array]:
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    known = voxels if inside is None else voxels[inside]
    low, high = float(known.min()), float(known.max())
    # The viewer knows no windows for the maps that follow from a CT: it shows them like signal.
    unit: LayerUnit = "HU" if volume.unit == "HU" else "a.u."
    if volume.unit == "label":
        unit = "label"
        low, high = 0.0, max(high, 1.0)
    # Whole numbers stay whole where they fit, so that a readout says what the file says.
    whole = volume.voxels.dtype.kind in "iub" or unit in ("HU", "label")
    fits = high - low < HIGHEST_CODE - 1
    step = 1.0 if whole and fits else max((high - low) / (HIGHEST_CODE - 1), 1e-30)
    stored = np.rint((voxels - low) / step).clip(0, HIGHEST_CODE - 1).astype(np.uint16) + 1
    if inside is not None:
        stored[~inside] = 0
    levels = int(stored.max(initial=0)) + 1
    seen = known[known > low] if (known > low).any() else known
    dark, bright = (float(q) for q in np.quantile(seen, (0.01, 0.995)))
    window = (min(dark, low), bright if bright > min(dark, low) else low + 1.0)
    return Layer(key, title, title, unit, low, step, levels, 2, window), stored


def _overlays(layers: Sequence[Layer]) -> tuple[Overlay, ...]:
    """Return each label over everything, and the other volumes over one another's first."""
    pictures = [layer for layer in layers if layer.unit != "label"]
    overlays = [
        Overlay(f"{layer.title}", None, layer.key)
        for layer in layers
        if layer.unit == "label" and pictures
    ]
    overlays += [
        Overlay(f"{over.title} over {pictures[0].title}", pictures[0].key, over.key)
        for over in pictures[1:]
    ]
    return tuple(overlays)
