"""Part two: bone of the Visible Human's CT against the synthetic CT of his MR.

The way from one scan to the other is not known, so the synthetic bone is brought onto the real one.
The two scans are not of one scale: by their spacings the skull of the CT is 3 to 5 % larger in each
direction, whatever makes the synthetic CT. The bones are therefore compared twice, after a rigid
alignment and after one that also fits a scale along each axis.
"""

from __future__ import annotations

import numpy as np

from mrtoct.io.files import read_volume
from mrtoct.resample import coverage, resample
from mrtoct.volume import AIR_HU

from .bones import align_bones, bone_scores
from .part import Setting, Table, Translates
from .real_mrs import real_sct
from .scores import BONE_HU, Row

FOLDER = "visible_human_male"
NAME = "Visible Human T1, 5 mm"
POSE = np.array(
    [
        [0.998, -0.049, -0.031, -12.4],
        [0.046, 0.994, -0.100, 101.2],
        [0.036, 0.099, 0.994, 84.9],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
"""From the CT's points to the MR's, RAS mm: about right, found once with a good synthetic CT."""
STARTS = {
    "rigid": (np.zeros(6), np.array([-0.6, 0.0, -0.4, -7.3, 4.9, -0.8])),
    "rigid, scaled along axes": (np.array([-1.3, -3.9, 4.1, 8.8, 0.8, -1.0, -5.5, -3.2, -2.7]),),
}
"""What the searches begin with beyond it, as align_bones has it; the best end counts."""


def judge_visible_human(translator: Translates, setting: Setting) -> list[Table]:
    """Return a row for each way of alignment."""
    mask = read_volume(setting.data / FOLDER / "ct_bone_mask.nii.gz", "label")
    full = mask.with_voxels((mask.voxels == mask.voxels.max()).astype(np.float32), "a.u.")
    real = resample(full, full.grid.upright((1.0, 1.0, 1.0)), fill=0.0)
    made = real_sct(translator, setting, NAME)
    rows: list[Row] = []
    for alignment, starts in STARTS.items():
        ends: list[Row] = []
        for start in starts:
            pose = align_bones(real, made.sct, POSE, start)
            sct = resample(made.sct, real.grid, fill=AIR_HU, transform=pose)
            seen = coverage(made.sct.grid, real.grid, pose)
            scores = bone_scores(sct.voxels > BONE_HU, real.voxels > 0.5, seen)
            i, j, k = np.linalg.norm(pose[:3, :3], axis=0)
            ends.append({**scores, "scale": f"{i:.3f} {j:.3f} {k:.3f}"})
        best = max(ends, key=lambda row: row["bone Dice"])
        rows.append({"MR": NAME, "alignment": alignment, **best})
        setting.say(f"{NAME}, {alignment}: bone Dice {best['bone Dice']:.3f}")
    note = "In the MR's field of view. Scale: of the MR's skull over the CT's, by their spacings."
    return [Table("Visible Human, bone of his CT", note, rows)]
