"""Parts three and four: one head in two contrasts, and lying in four positions.

The two MR are aligned by mrtoct's own registration, which knows nothing of the synthetic CTs; the
second synthetic CT is then carried onto the first's voxels and compared where both MR show head.
"""

from __future__ import annotations

import numpy as np

from mrtoct.judging.metrics.tissue import dice
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.registration.register import register
from mrtoct.resample import coverage, resample, resample_mask
from mrtoct.volume import AIR_HU, Volume

from .bones import bone_scores
from .part import Made, Setting, Table, Translates
from .real_mrs import read_mr, real_sct
from .scores import AIR_HU as INNER_AIR_HU
from .scores import BONE_HU, SOFT_HU, Row

SPACING_MM = 1.0
"""Pairs are compared on upright voxels of so many mm."""


def judge_two_contrasts(translator: Translates, setting: Setting) -> list[Table]:
    """Return one row: T1 against T2."""
    row = _pair(translator, setting, "volunteer T1", "volunteer T2, 2.5 mm")
    return [Table("One head in two contrasts", "HU where nothing else is said.", [row])]


def judge_positions(translator: Translates, setting: Setting) -> list[Table]:
    """Return a row for each position against the first."""
    others = ("localiser HFP", "localiser HFDL", "localiser HFDR")
    rows = [_pair(translator, setting, "localiser HFS", other) for other in others]
    return [Table("One head in four positions", "Sagittal slices of 4.8 mm; HU.", rows)]


def _pair(translator: Translates, setting: Setting, first: str, second: str) -> Row:
    one, other = (read_mr(setting, name) for name in (first, second))
    found = register(one, other)
    made = [real_sct(translator, setting, name) for name in (first, second)]
    row = agreement((one, made[0]), (other, made[1]), found.transform)
    setting.say(f"{first}, {second}: {row['mean difference']:.0f} HU")
    return {"one": first, "other": second, "alignment": found.verdict, **row}


def agreement(one: tuple[Volume, Made], other: tuple[Volume, Made], pose: np.ndarray) -> Row:
    """Compare two synthetic CTs of one head; pose maps the first MR's points to the second's."""
    grid = one[0].grid.upright((SPACING_MM,) * 3)
    heads = (
        resample_mask(head_mask_mr(one[0]), grid).voxels,
        resample_mask(head_mask_mr(other[0]), grid, pose).voxels,
    )
    both = heads[0] & heads[1] & coverage(other[0].grid, grid, pose)
    a = resample(one[1].sct, grid, fill=AIR_HU).voxels
    b = resample(other[1].sct, grid, fill=AIR_HU, transform=pose).voxels
    difference = np.abs(a - b)[both]
    soft = ((a >= SOFT_HU) & (a <= BONE_HU) & (b >= SOFT_HU) & (b <= BONE_HU))[both]
    scores = bone_scores(a > BONE_HU, b > BONE_HU, both)
    return {
        "mean difference": float(difference.mean()),
        "median difference": float(np.median(difference)),
        "difference, both soft": float(difference[soft].mean()),
        **scores,
        "air Dice": dice((a < INNER_AIR_HU) & both, (b < INNER_AIR_HU) & both),
    }
