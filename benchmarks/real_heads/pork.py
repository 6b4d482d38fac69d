"""Part six, apart: pork on bone, the one real pair with HU at hand. It is no head."""

from __future__ import annotations

import numpy as np

from mrtoct.errors import MrtoctError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.resample import coverage, resample, resample_mask
from mrtoct.volume import AIR_HU

from .part import Setting, Table, Translates, translated
from .pictures import draw
from .scores import Row, ct_scores, deviation_scores

FOLDER = "pork_phantom_ct_mr"


def judge_pork(translator: Translates, setting: Setting) -> list[Table]:
    """Return one row; the alignment is the one that comes with the data."""
    folder = setting.data / FOLDER
    mr = read_volume(folder / "mr_t2_full.nii.gz", "a.u.")
    ct = read_volume(folder / "ct_full.nii.gz", "HU")
    ct_to_mr = read_transform(folder / "ct_to_mr.tfm")
    note = "A block of pork, T2 of 2.5 mm: no head, so no aim; HU."
    title = "Pork"
    try:
        made = translated(translator, mr, deviation=setting.pictures)
    except MrtoctError as error:
        return [Table(title, note, [{"refused": str(error)}])]
    ct = ct.with_voxels(ct.voxels.clip(AIR_HU))
    body = head_mask_ct(ct)
    # The CT is carried onto the MR, as the scores of the heads are on the MR's grid.
    mr_to_ct = np.linalg.inv(ct_to_mr)
    real = resample(ct, mr.grid, fill=AIR_HU, transform=mr_to_ct)
    inside = resample_mask(body, mr.grid, mr_to_ct).voxels & coverage(ct.grid, mr.grid, mr_to_ct)
    row: Row = ct_scores(made.sct.voxels, real.voxels, inside)
    if made.deviation is not None:
        row |= deviation_scores(made.sct.voxels, made.deviation.voxels, real.voxels, inside)
    if setting.pictures:
        draw(setting.out / "pork", mr, made, real)
    return [Table(title, note, [row])]
