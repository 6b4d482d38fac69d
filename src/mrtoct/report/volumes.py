"""Any volumes as one scene: brought to the grid of the first, coded in two bytes a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.report.coding import HIGHEST_CODE, coded
from mrtoct.report.scene import Layer, Overlay, Scene
from mrtoct.report.voxels import to_ras
from mrtoct.resample import coverage, resample
from mrtoct.volume import Array, Grid, Unit, Volume

MOST_LABELS = 255
DARKEST_SIGNAL = -500.0
"""A volume that goes lower is CT in HU: air is -1000 HU, and signal is hardly ever so negative."""
DIFFERENCE_HU = 400.0


@dataclass(frozen=True)
class NamedVolume:
    """A volume to show, under a title such as its file's name."""

    title: str
    volume: Volume
    transform: Array | None = None
    """4 x 4, RAS mm: points of the first volume to points of this one; None: one world."""
    deviation: bool = False
    """Whether the values are a standard deviation, in the volume's unit."""
    reference: bool = False
    """Whether it is the real CT that the other CTs are compared with."""


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
    placed = [_on_grid(named, first.grid, volumes[0].title) for named in volumes]
    floor = _common_floor(volumes, placed)
    for number, (named, (volume, inside)) in enumerate(zip(volumes, placed, strict=True)):
        key = f"layer{number}"
        layer, stored = coded(
            key, named.title, volume, inside, deviation=named.deviation, floor=floor
        )
        layers.append(layer)
        unmeasured |= inside is not None and volume.unit != "label"
        codes[key] = stored.ravel(order="F").astype("<u2").tobytes()
    layers = _with_differences(layers, volumes)
    overlays = _overlays(layers)
    scene = Scene(
        volumes[0].title,
        first.grid.shape,
        first.grid.spacing,
        np.round(first.affine, 5).tolist(),
        tuple(layers),
        overlays,
        unmeasured,
        # A mask was named to be seen.
        overlay=0 if overlays and overlays[0].base is None else -1,
    )
    return CodedScene(scene, codes)


def _common_floor(
    volumes: Sequence[NamedVolume], placed: Sequence[tuple[Volume, Array | None]]
) -> float | None:
    """Return the HU at which the codes of all CTs begin where they are compared; None: nowhere."""
    if not any(named.reference for named in volumes):
        return None
    known = [
        volume.voxels if inside is None else volume.voxels[inside]
        for named, (volume, inside) in zip(volumes, placed, strict=True)
        if volume.unit == "HU" and not named.deviation
    ]
    low, high = min(float(v.min()) for v in known), max(float(v.max()) for v in known)
    if high - low >= HIGHEST_CODE - 1:
        raise ValueRangeError(
            f"CTs from {low:g} to {high:g} HU cannot be compared: one of them is not a CT in HU"
        )
    return low


def _with_differences(layers: Sequence[Layer], volumes: Sequence[NamedVolume]) -> list[Layer]:
    """Return the layers and, behind them, how each CT differs from the reference if there is one.

    Levels of CTs that are compared are made equal, so that a difference has a colour.
    """
    at = next((n for n, named in enumerate(volumes) if named.reference), None)
    if at is None:
        return list(layers)
    levels = max(layer.levels for layer in layers if layer.unit == "HU")
    even = [replace(n, levels=levels) if n.unit == "HU" else n for n in layers]
    real = even[at]
    made = list(even)
    for layer in even:
        if layer.unit != "HU" or layer is real:
            continue
        title = f"{layer.title} − {real.title}"
        pair, scale = (layer.key, real.key), (-DIFFERENCE_HU, DIFFERENCE_HU)
        made.append(
            Layer(f"{layer.key}-minus", title, title, "difference", 0.0, layer.step, levels, 0,
                  scale, pair, "HU")
        )  # fmt: skip
    return made


def _on_grid(named: NamedVolume, grid: Grid, reference: str) -> tuple[Volume, Array | None]:
    """Return the volume on the grid and where it was measured; None: everywhere."""
    volume = to_ras(named.volume)
    if named.transform is None and volume.grid.matches(grid):
        return volume, volume.measured
    inside = coverage(volume.grid, grid, named.transform)
    if not inside.any():
        raise GeometryError(
            f"{named.title} does not overlap {reference}: they cannot be shown together"
        )
    if volume.unit == "label":
        kept = resample(volume, grid, fill=0, transform=named.transform, interpolation="nearest")
        return kept, inside
    moved = resample(volume, grid, fill=0.0, transform=named.transform)
    return moved, moved.measured


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
    # What a CT is unsure of, or wrong in, is looked for on the CT, too.
    cts = [layer for layer in pictures[1:] if layer.unit == "HU"]
    overlays += [
        Overlay(f"{over.title} over {ct.title}", ct.key, over.key)
        for ct in cts[:1]
        for over in pictures
        if over.unit == "deviation" or (over.minus and over.minus[0] == ct.key)
    ]
    return tuple(overlays)
