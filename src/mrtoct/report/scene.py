"""What the viewer shows at once: layers on one grid, and which may lie over which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from mrtoct.report.colors import deviation_table, error_table
from mrtoct.report.scales import DEVIATION_LIMITS_HU
from mrtoct.report.voxels import PackedSubject, PackedVolume
from mrtoct.volume.picture import STRIPES

LayerUnit = Literal["HU", "a.u.", "label", "map", "difference", "deviation"]
"""How a layer is coloured: HU by the window, signal and maps by their own, the last two by colour
scales."""


@dataclass(frozen=True)
class Layer:
    """One picture of a scene; stored code 0 is nothing, any other the value low + (code-1) step."""

    key: str
    title: str
    short: str
    """Its name beside a value."""
    unit: LayerUnit
    low: float
    step: float
    levels: int
    """Codes go from 0 to levels - 1."""
    bytes: int
    window: tuple[float, float]
    """Black and white at first, in the layer's unit; of HU the viewer's own window holds."""
    minus: tuple[str, str] | None = None
    """Not stored: the first of these layers minus the second."""
    measure: str = ""
    """The unit that is written behind values, such as HU; signal and labels have none."""


@dataclass(frozen=True)
class Overlay:
    """A layer that can be laid over another, or over all where base is None."""

    title: str
    base: str | None
    over: str


@dataclass(frozen=True)
class Scene:
    """Layers on a grid in RAS order: spacing in mm, affine from index to RAS mm."""

    name: str
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    affine: list[list[float]]
    layers: tuple[Layer, ...]
    overlays: tuple[Overlay, ...]
    unmeasured: bool = False
    """Where a picture is nothing, nothing was measured: striped. Else it is outside the mask."""
    overlay: int = -1
    """Which overlay lies over the pictures at first; -1: none."""


def subject_scene(packed: PackedSubject) -> Scene:
    """Return MR, synthetic and real CT, their difference and, where estimated, the deviation."""
    levels = max(packed.ct.highest, packed.sct.highest) + 2
    sct = stored_layer("sct", "Synthetic CT", "synthetic CT", "HU", packed.sct, levels)
    layers = [
        stored_layer("mr", "MR", "MR", "a.u.", packed.mr, packed.mr.highest + 2),
        sct,
        stored_layer("ct", "Real CT", "real CT", "HU", packed.ct, levels),
        Layer(
            "error",
            "Synthetic − real",
            "error",
            "difference",
            low=0.0,
            step=sct.step,
            levels=levels,
            bytes=0,
            window=(-400.0, 400.0),
            minus=("sct", "ct"),
            measure="HU",
        ),
    ]
    overlays = [
        Overlay("real CT over synthetic", "sct", "ct"),
        Overlay("difference over MR", "mr", "error"),
        Overlay("difference over real CT", "ct", "error"),
        Overlay("synthetic CT over MR", "mr", "sct"),
    ]
    if packed.deviation is not None:
        layer = stored_layer(
            "deviation",
            "Standard deviation",
            "standard deviation",
            "deviation",
            packed.deviation,
            packed.deviation.highest + 2,
        )
        layers.append(replace(layer, window=(0.0, packed.deviation_limit)))
        overlays.append(Overlay("standard deviation over MR", "mr", "deviation"))
    return Scene(
        packed.name, packed.shape, packed.spacing, packed.affine, tuple(layers), tuple(overlays)
    )


def viewer_data(scenes: Sequence[Scene], *, served: bool, niivue: bool) -> dict[str, Any]:
    """Return what the viewer's script reads: where voxels come from, colours, scenes."""
    return {
        "served": served,
        "niivue": niivue,
        "deviation": deviation_scale_of(scenes),
        "scenes": [asdict(scene) for scene in scenes],
        "tables": {
            "error": error_table().ravel().tolist(),
            "deviation": deviation_table().ravel().tolist(),
            "stripes": STRIPES,
        },
    }


def stored_layer(
    key: str, title: str, short: str, unit: LayerUnit, volume: PackedVolume, levels: int
) -> Layer:
    """Return the layer of a packed volume, shown over its whole range at first."""
    window = (volume.low, volume.low + volume.highest * volume.step)
    measure = "HU" if unit in ("HU", "deviation") else ""
    return Layer(
        key, title, short, unit, volume.low, volume.step, levels, volume.bytes_per_voxel, window,
        measure=measure,
    )  # fmt: skip


def deviation_scale_of(scenes: Sequence[Scene]) -> float:
    """Return how far the colours of standard deviations in HU go: far enough for every scene."""
    limits = [
        layer.window[1]
        for scene in scenes
        for layer in scene.layers
        if layer.unit == "deviation" and layer.measure == "HU"
    ]
    return max(limits, default=float(DEVIATION_LIMITS_HU[2]))
