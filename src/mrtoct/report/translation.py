"""The page of one translation: MR, synthetic CT and deviation in the linked viewer, with words.

One HTML file with everything inside, as the report's, but with no real CT to judge by: so it says
what the guard found, what the model is for, and what no picture can show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mrtoct.check.finding import Finding, verdict_of
from mrtoct.io.atomic import require_absent, write_text
from mrtoct.report.niivue import packed_niivue
from mrtoct.report.page import VIEWER_SCRIPTS, controls_for, render_template, script_json
from mrtoct.report.scales import deviation_limit
from mrtoct.report.scene import Overlay, Scene, stored_layer, viewer_data
from mrtoct.report.voxels import (
    HU_STEP,
    PackedVolume,
    coarser,
    mask_box,
    pack,
    pack_hu,
    pack_in_a_byte,
    pack_mask,
    to_ras,
)
from mrtoct.resample import measured_on, resample
from mrtoct.volume import AIR_HU, Array, Grid, Volume
from mrtoct.volume.picture import share

MARGIN_MM = 12.0
"""Shown around the head: whether the head was found whole is seen on the MR beside it."""
BONE_HU = 250.0
UNSURE_HU = 200.0
"""Where the deviation is above it, bone may be air, or air bone."""


@dataclass(frozen=True)
class Translation:
    """What is shown of one translated MR; the synthetic CT's grid is the page's."""

    title: str
    mr: Volume
    sct: Volume
    deviation: Volume | None = None
    """Standard deviation in HU, 0 outside the head; None: not estimated."""
    findings: Sequence[Finding] = ()
    """What is odd about the MR, as the guard found, and about the synthetic CT by itself."""
    model: Mapping[str, str] = field(default_factory=dict)
    """What is known of the model, such as its name and version."""
    intended_use: str = ""
    """What the model is for, in a sentence or two."""
    voxel_budget: int = 12_000_000
    """A head of more voxels is shown coarser than it was translated."""


@dataclass(frozen=True)
class PackedTranslation:
    """A scene and the packed volumes of its layers by key."""

    scene: Scene
    mask: str
    volumes: Mapping[str, PackedVolume]


def write_translation_page(path: Path, shown: Translation, *, overwrite: bool = False) -> None:
    """Write the page to path, whole or not at all; an existing file stays unless overwrite."""
    require_absent(path, overwrite=overwrite)  # before the work of rendering
    write_text(path, render_translation(shown), overwrite=overwrite)


def render_translation(shown: Translation) -> str:
    """Return the page's HTML."""
    packed = pack_translation(shown)
    niivue = packed_niivue()
    return render_template(
        "translation.html.j2",
        shown=shown,
        standing={"ok": "good", "doubtful": "caution", "unusable": "bad"}[
            verdict_of(shown.findings)
        ],
        facts=result_facts(shown),
        coarse=packed.scene.spacing != to_ras(shown.sct).grid.spacing,
        packed=packed,
        viewer=script_json(viewer_data([packed.scene], served=False, niivue=niivue is not None)),
        niivue=niivue,
        scripts=VIEWER_SCRIPTS,
        titles=[packed.scene.name],
        **controls_for([packed.scene]),
        hu_step=HU_STEP,
    )


def pack_translation(shown: Translation) -> PackedTranslation:
    """Return the volumes around the head, in RAS order, packed for the viewer."""
    head = shown.sct.with_voxels(shown.sct.voxels > AIR_HU, "label")
    box = mask_box(head, margin=round(MARGIN_MM / min(shown.sct.spacing)))
    grid = to_ras(shown.sct.cropped(box)).grid
    floor = min(grid.spacing)
    while np.prod(coarser(grid, floor).shape) > shown.voxel_budget:
        floor *= 1.05
    grid = coarser(grid, floor)
    # All around the head is shown, too: the mask, which the viewer wants, is what was measured.
    known = np.ones(grid.shape, dtype=np.bool_)
    if shown.sct.measured is not None:
        known = measured_on(shown.sct, grid)
    signal, hu = _onto(shown.mr, grid, 0.0), _onto(shown.sct, grid, AIR_HU)
    volumes = {"mr": pack_in_a_byte(signal, known), "sct": pack_hu(hu, known)}
    levels = {key: volume.highest + 2 for key, volume in volumes.items()}
    layers = [
        stored_layer("mr", "MR", "MR", "a.u.", volumes["mr"], levels["mr"]),
        stored_layer("sct", "Synthetic CT", "synthetic CT", "HU", volumes["sct"], levels["sct"]),
    ]
    overlays = [Overlay("synthetic CT over MR", "mr", "sct")]
    if shown.deviation is not None:
        deviation = _onto(shown.deviation, grid, 0.0)
        # Not in a byte: the few highest values are what is looked for.
        volume = volumes["deviation"] = pack(deviation, known, 0.0, HU_STEP, 2)
        name = "standard deviation"
        layer = stored_layer(
            "deviation", "Standard deviation", name, "deviation", volume, volume.highest + 2
        )
        layers.append(replace(layer, window=(0.0, deviation_limit(deviation))))
        overlays += [Overlay(f"{name} over MR", "mr", "deviation")]
        overlays += [Overlay(f"{name} over synthetic CT", "sct", "deviation")]
    affine = np.round(grid.affine, 5).tolist()
    scene = Scene(
        shown.title,
        grid.shape,
        grid.spacing,
        affine,
        tuple(layers),
        tuple(overlays),
        unmeasured=not known.all(),
    )
    return PackedTranslation(scene, pack_mask(known), volumes)


def _onto(volume: Volume, grid: Grid, fill: float) -> Array:
    """Return the voxels on a grid in RAS order: cut out where they lie on it, else resampled."""
    turned = to_ras(volume)
    corner = np.rint(turned.grid.to_index(grid.to_world([(0, 0, 0)])))[0].astype(int)
    if (corner >= 0).all() and (corner + grid.shape <= turned.grid.shape).all():
        i, j, k = (slice(c, c + n) for c, n in zip(corner.tolist(), grid.shape, strict=True))
        if turned.grid.cropped((i, j, k)).matches(grid):
            return turned.voxels[i, j, k]
    return resample(volume, grid, fill=fill).voxels


def result_facts(shown: Translation) -> dict[str, str]:
    """Return the numbers of a translation, in words."""
    inside = shown.sct.voxels > AIR_HU
    hu = shown.sct.voxels[inside]
    facts = {"Grid": str(shown.sct.grid)}
    if shown.sct.measured is not None:
        facts["Not measured"] = f"{share(shown.sct.unmeasured)} of the grid"
    if hu.size == 0:
        return facts
    milliliter = shown.sct.grid.voxel_volume / 1000
    facts["Head"] = f"{hu.size * milliliter:.0f} mL"
    facts["Bone in it"] = f"{(hu > BONE_HU).sum() * milliliter:.0f} mL above {BONE_HU:.0f} HU"
    facts["Median"] = f"{np.median(hu):.0f} HU"
    if shown.deviation is not None:
        deviation = shown.deviation.voxels[inside]
        facts["Standard deviation"] = f"median {np.median(deviation):.0f} HU"
        facts["Unsure"] = f"{100 * (deviation > UNSURE_HU).mean():.0f} % above {UNSURE_HU:.0f} HU"
    return facts
