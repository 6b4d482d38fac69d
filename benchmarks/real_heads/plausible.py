"""Part five: what can be said of a synthetic CT without any other: is this a head in CT?"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.prepare.mask import head_mask_mr
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Volume

from .enclosed import intracranial
from .heads import with_open_air
from .part import Setting, Table, Translates
from .real_mrs import FILES, read_mr, real_sct
from .scores import AIR_HU as INNER_AIR_HU
from .scores import Row
from .vault import directions, middle_of, vault

DEEP_MM = 12
"""The brain is judged so far inside the skull."""
OUTSIDE_HU = -1000.0
MARGIN_MM = 4
"""Air is judged so far outside the MR's head."""


def judge_plausible(translator: Translates, setting: Setting) -> list[Table]:
    """Return a row for each real MR."""
    rows = []
    for name in FILES:
        made = real_sct(translator, setting, name)
        rows.append({"MR": name, **plausibility(made.sct, head_mask_mr(read_mr(setting, name)))})
    note = "The brain's median HU deep inside the skull; the vault along rays; air in the head."
    return [Table("Real MR: plausible?", note, rows)]


def plausibility(sct: Volume, head: Volume) -> Row:
    """Measure a synthetic CT (HU) by itself; head is the MR's mask on the same grid."""
    grid = sct.grid.upright((1.0, 1.0, 1.0))
    even = resample(sct, grid, fill=AIR_HU)
    mask = resample(head, grid, fill=0.0).voxels >= 0.5
    inside = intracranial(even)
    deep = ndimage.distance_transform_edt(inside) > DEEP_MM
    ways = directions()
    wall = vault(even, middle_of(even), ways)
    thickness = wall.thickness[wall.known & np.isfinite(wall.thickness)]
    quantiles = np.percentile(thickness, (5, 50, 95)) if thickness.size else [float("nan")] * 3
    outside = ~ndimage.binary_dilation(mask, iterations=MARGIN_MM)
    inner = with_open_air(mask) & (even.voxels < INNER_AIR_HU)
    inner &= ndimage.binary_erosion(with_open_air(mask), iterations=3)
    return {
        "brain, HU": float(np.median(even.voxels[deep])) if deep.any() else float("nan"),
        "inside of the skull, ml": float(inside.sum() / 1000),
        "rays known, %": 100 * float(wall.known.mean()),
        "skull closed, %": 100 * wall.closed,
        "thickness, mm": float(quantiles[1]),
        "5 %": float(quantiles[0]),
        "95 %": float(quantiles[2]),
        "outside at -1000 or below, %": 100 * float((even.voxels[outside] <= OUTSIDE_HU).mean())
        if outside.any()
        else float("nan"),
        "air in the head, ml": float(inner.sum() / 1000),
    }
