"""Real MR beside what the shipped model makes of them: python docs/head_model_figures.py DATA.

DATA is a folder of real volumes, no part of the project; benchmarks/real_heads names them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mrtoct.io.files import read_volume
from mrtoct.resample import resample
from mrtoct.translation.translator import Translator
from mrtoct.volume import AIR_HU, Array

SCANS = (
    "rire/training_001_mr_T1.mha",
    "visible_human_male/mr.mha",
    "mr_heads/fnndsc/fnndsc_AX_FSE_T2_HFS.nii.gz",
    "mr_heads/fnndsc/fnndsc_mocoMEMPRAGE_220FOV_RMS_HFS.nii.gz",
)
BELOW_TOP_MM = (55, 95)
"""Of the two transverse slices, below the top of the head."""
SAGITTAL_MM = 170
"""Of the head, from its top down, in the sagittal slice."""
BONE_WINDOW = (-1000, 1500)
PICTURE = Path(__file__).parent / "images" / "head-model-real.png"


def draw(data: Path) -> None:
    """Write the picture."""
    translator = Translator.load()
    figure, axes = plt.subplots(len(SCANS), 6, figsize=(12, 8.4), facecolor="black")
    for row, name in zip(axes, SCANS, strict=True):
        mr = read_volume(data / name, "a.u.")
        sct = translator.translate(mr)
        grid = mr.grid.upright((1.0, 1.0, 1.0))
        signal = resample(mr, grid, fill=0.0).voxels
        hu = resample(sct, grid, fill=AIR_HU).voxels
        bright = float(np.percentile(signal[hu > -500], 99))
        for n, view in enumerate(_views(hu)):
            row[2 * n].imshow(np.rot90(signal[view]), cmap="gray", vmin=0, vmax=bright)
            low, high = BONE_WINDOW
            row[2 * n + 1].imshow(np.rot90(hu[view]), cmap="gray", vmin=low, vmax=high)
    for axis in axes.flat:
        axis.axis("off")
    plt.subplots_adjust(0, 0, 1, 1, 0.02, 0.02)
    figure.savefig(PICTURE, dpi=75, facecolor="black")


def _views(hu: Array) -> list[tuple[slice | int, ...]]:
    inside = np.argwhere(hu > -500)
    low, high = inside.min(axis=0), inside.max(axis=0)
    i, j = (slice(max(int(low[a]) - 6, 0), int(high[a]) + 6) for a in (0, 1))
    top = int(high[2])
    middle = int(low[0] + high[0]) // 2 + 4  # beside the falx
    transverse = [(i, j, max(top - depth, 0)) for depth in BELOW_TOP_MM]
    return [*transverse, (middle, j, slice(max(top - SAGITTAL_MM, 0), top + 6))]


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
