"""One synthetic CT against the real one: every metric, its mask and its definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage

from mrtoct.errors import ValueRangeError
from mrtoct.io.json_text import finite
from mrtoct.judging.metrics import tissue
from mrtoct.judging.metrics.levels import LevelError, level_errors
from mrtoct.judging.metrics.metric import METRICS
from mrtoct.judging.metrics.paper import PaperMetrics, paper_metrics
from mrtoct.judging.metrics.seams import Seam, TileGrid, seam
from mrtoct.judging.metrics.slices import SliceError, slice_profile
from mrtoct.judging.metrics.synthrad import SynthRad2023, SynthRad2025, synthrad_2023, synthrad_2025
from mrtoct.judging.metrics.tissue import BiasBin, ClassError, StructureError
from mrtoct.volume import Array, Volume, require_same_grid

DEFINITIONS = "1"
"""Version of the metrics' definitions: numbers under different versions are not comparable.

A metric that is added needs no new version: in older files it is undefined.
"""


@dataclass(frozen=True)
class MaskDescription:
    """Where the mask came from and how much it holds."""

    source: str
    voxels: int
    milliliters: float


@dataclass(frozen=True)
class LeftOut:
    """What of the mask is not judged, because it was not measured in either CT."""

    part: float
    """0 to 1, of the mask's voxels."""
    mae: float
    """HU, of the whole mask: what body.mae would be if it were judged, too."""


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one synthetic CT; HU unless a field says otherwise, NaN where undefined."""

    definitions: str
    mask: MaskDescription
    body: ClassError
    soft_tissue: StructureError
    bone: StructureError
    air: StructureError
    paper: PaperMetrics
    synthrad_2023: SynthRad2023
    synthrad_2025: SynthRad2025
    bias_curve: tuple[BiasBin, ...]
    slice_profile: tuple[SliceError, ...]
    """By transverse slice: its index along the array's axis that is nearest to the vertical."""
    levels: tuple[LevelError, ...] = ()
    seam: Seam | None = None
    """At the borders of tiles, where such were named."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """What each of METRICS that measures for itself gave, by its key."""
    left_out: LeftOut | None = None
    """None where all of the mask was measured."""

    def to_json(self) -> dict[str, Any]:
        """Return nested plain JSON values; NaN and infinity become null."""
        plain: dict[str, Any] = finite(asdict(self))
        return plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Evaluation:
        """Return what `to_json` wrote; null becomes NaN."""
        if values.get("definitions") != DEFINITIONS:
            raise ValueRangeError(
                f"an evaluation under definitions {values.get('definitions')!r} cannot be read; "
                f"this version knows {DEFINITIONS!r}: evaluate again"
            )
        v = _restored(values)
        return cls(
            definitions=v["definitions"],
            mask=MaskDescription(**v["mask"]),
            body=ClassError(**v["body"]),
            soft_tissue=StructureError(**v["soft_tissue"]),
            bone=StructureError(**v["bone"]),
            air=StructureError(**v["air"]),
            paper=PaperMetrics(**v["paper"]),
            synthrad_2023=SynthRad2023(**v["synthrad_2023"]),
            synthrad_2025=SynthRad2025(**v["synthrad_2025"]),
            bias_curve=tuple(BiasBin(**row) for row in v["bias_curve"]),
            slice_profile=tuple(SliceError(**row) for row in v["slice_profile"]),
            levels=tuple(LevelError(**row) for row in v.get("levels", ())),
            seam=_seam(values.get("seam")),
            measured=v["measured"],
            left_out=LeftOut(**v["left_out"]) if values.get("left_out") else None,
        )


def evaluation_of(
    sct: Volume, ct: Volume, mask: Volume, mask_source: str, *, tiles: TileGrid | None = None
) -> Evaluation:
    """Return every metric of a synthetic CT against the real one, on one grid, in HU.

    Voxels count where mask > 0 and both were measured. mask_source says in words where the mask
    came from, because errors inside different masks are not comparable. The paper's metrics run
    over the whole bounding box of what counts. tiles are those that the synthetic CT was put
    together from. Raises GeometryError for different grids, and ValueRangeError for other
    units, voxels that are not finite, and a mask that is empty or was nowhere measured.
    """
    require_same_grid(sct.grid, ct.grid, "synthetic CT", "CT")
    require_same_grid(mask.grid, ct.grid, "mask", "CT")
    for volume, name in ((sct, "synthetic CT"), (ct, "CT")):
        if volume.unit != "HU":
            raise ValueRangeError(f"the {name} is in {volume.unit}, metrics need HU")
        bad = int(np.count_nonzero(~np.isfinite(volume.voxels)))
        if bad:
            raise ValueRangeError(f"the {name} holds {bad} voxels that are NaN or infinite")
    whole = np.asarray(mask.voxels > 0)
    if not whole.any():
        raise ValueRangeError("the mask is empty: there is no voxel to evaluate")
    seen = ct.measured_where(sct.measured).measured
    inside = whole if seen is None else whole & seen
    if not inside.any():
        raise ValueRangeError("no voxel of the mask was measured: there is none to evaluate")

    real, synthetic, grid = ct.voxels, sct.voxels, ct.grid
    box = ndimage.find_objects(inside.astype(np.uint8))[0]
    voxels = int(inside.sum())
    return Evaluation(
        definitions=DEFINITIONS,
        mask=MaskDescription(mask_source, voxels, voxels * mask.grid.voxel_volume / 1000),
        body=tissue.class_error(synthetic, real, inside),
        soft_tissue=tissue.structure_error(synthetic, real, inside, grid, tissue.soft_tissue),
        bone=tissue.structure_error(synthetic, real, inside, grid, tissue.bone),
        air=tissue.structure_error(synthetic, real, inside, grid, tissue.air),
        paper=paper_metrics(synthetic[box], real[box]),
        synthrad_2023=synthrad_2023(synthetic, real, inside),
        synthrad_2025=synthrad_2025(synthetic, real, inside),
        bias_curve=tissue.bias_curve(synthetic, real, inside),
        slice_profile=slice_profile(synthetic, real, inside, grid),
        levels=level_errors(synthetic, real, inside, grid),
        seam=seam(synthetic, real, inside, tiles) if tiles else None,
        measured={
            metric.key: metric.measure(synthetic, real, inside, grid)
            for metric in METRICS.values()
            if metric.measure
        },
        left_out=_left_out(synthetic, real, whole, inside),
    )


def _left_out(sct: Array, ct: Array, whole: Array, inside: Array) -> LeftOut | None:
    """Return how much of a mask lies outside of what is judged, and what it would change."""
    part = 1 - inside.sum() / whole.sum()
    return LeftOut(float(part), tissue.class_error(sct, ct, whole).mae) if part else None


def _seam(values: dict[str, Any] | None) -> Seam | None:
    if values is None:
        return None
    v = _restored(values)
    tiles = TileGrid(tuple(v["tiles"]["size"]), tuple(v["tiles"]["origin"]))
    return Seam(tiles, v["steps"], v["across"], v["elsewhere"])


def _restored(value: Any) -> Any:
    """Replace None by NaN, at any depth."""
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return float("nan") if value is None else value
