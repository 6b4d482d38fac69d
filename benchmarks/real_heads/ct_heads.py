"""Part one: real CTs against what the model makes of MR simulated from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Volume

from .part import Made, Setting, Table, Translates, translated
from .pictures import draw
from .scores import Row, ct_scores, deviation_scores
from .simulated import CONTRASTS, QUICK, Simulated, simulated_heads
from .vault import vault_difference


def judge_ct_heads(translator: Translates, setting: Setting) -> list[Table]:
    """Return a row for each head and contrast."""
    rows: list[Row] = []
    for simulated in simulated_heads(setting.data, setting.cache):
        for contrast in QUICK if setting.quick else CONTRASTS:
            mr = simulated.mr(contrast)
            made = translated(translator, mr, deviation=not setting.quick)
            row = _judged(simulated, mr, made)
            name = simulated.head.name
            rows.append({"head": name, "MR": contrast.title, **row})
            setting.say(f"{name}, {contrast.title}: MAE {row['MAE']:.0f} HU")
            if setting.pictures:
                ct = resample(simulated.head.ct, mr.grid, fill=AIR_HU)
                draw(setting.out / f"{name} {contrast.title}", mr, made, ct, simulated.eye)
    return [
        Table(
            "Real CT heads, simulated MR",
            "In HU, inside the head, where nothing else is said; thickness over the vault.",
            rows,
        )
    ]


def _judged(simulated: Simulated, mr: Volume, made: Made) -> Row:
    head = simulated.head
    # Thick slices are judged on their own grid: nothing is added between them.
    ct = resample(head.ct, mr.grid, fill=AIR_HU)
    judged = resample_mask(head.ct.with_voxels(head.judged, "label"), mr.grid).voxels
    row = ct_scores(made.sct.voxels, ct.voxels, judged)
    row |= vault_difference(made.sct, replace(ct, voxels=_only_head(simulated, mr, ct)))
    if made.deviation is not None:
        row |= deviation_scores(made.sct.voxels, made.deviation.voxels, ct.voxels, judged)
    return row


def _only_head(simulated: Simulated, mr: Volume, ct: Volume) -> np.ndarray:
    """Return the CT without its table, which rays might meet."""
    head = simulated.head
    inside = resample_mask(head.ct.with_voxels(head.head, "label"), mr.grid).voxels
    return np.where(inside, ct.voxels, AIR_HU)
