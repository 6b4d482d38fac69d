"""Draw the pictures of docs/way.md from a tour's folder: one for each step of the way.

mrtoct tour --out mrtoct-tour && python docs/way_figures.py mrtoct-tour
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mrtoct import Volume, read_volume
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import read_subject
from mrtoct.report.registration import registration_figure

IMAGES = Path(__file__).parent / "images"
BONE = (-1024.0, 1500.0)
BRIGHT = 99.5  # percentile of the MR that is white


def panels(shown: list[tuple[Volume, tuple[float, float], str]]) -> Figure:
    """Draw volumes side by side: a transverse and a sagittal cut of each through its middle."""
    figure, axes = plt.subplots(
        1, 2 * len(shown), figsize=(4 * len(shown), 2.7), layout="constrained", facecolor="white"
    )
    for n, (volume, (low, high), title) in enumerate(shown):
        i, _, k = volume.grid.shape
        di, dj, dk = volume.spacing
        cuts = ((volume.voxels[:, :, int(0.45 * k)], dj / di), (volume.voxels[i // 2], dk / dj))
        for axis, (cut, aspect) in zip(axes[2 * n : 2 * n + 2], cuts, strict=True):
            axis.imshow(cut.T, origin="lower", cmap="gray", vmin=low, vmax=high, aspect=aspect)
            axis.axis("off")
        axes[2 * n].set_title(title, loc="left", fontsize=11)
    return figure


def white(mr: Volume) -> tuple[float, float]:
    """Return the window of an MR: from nothing to nearly its brightest."""
    return 0.0, float(np.percentile(mr.voxels, BRIGHT))


def figures(tour: Path, name: str) -> dict[str, Figure]:
    """Return the pictures by name: raw, registered, prepared, translated."""
    raw_mr = read_volume(tour / "raw" / name / "mr.nii.gz", "a.u.")
    raw_ct = read_volume(tour / "raw" / name / "ct.nii.gz", "HU")
    subject = read_subject(tour / "store", name)
    mr, transform = subject.mr, np.array(subject.registration["transform"])
    shown = MrScaling().apply(mr.voxels, subject.mr_head.voxels)
    sct = read_volume(tour / "run" / "evaluation" / name / "sct.nii.gz", "HU")
    on_mr = read_volume(tour / "sct" / f"{name}.nii.gz", "HU")
    return {
        "raw": panels([(raw_mr, white(raw_mr), "MR"), (raw_ct, BONE, "CT with table and holder")]),
        "registered": registration_figure(
            raw_ct, raw_mr, transform, raw_ct.grid, subject.registration["reason"]
        ),
        "prepared": panels(
            [
                (mr.with_voxels(shown), (0.0, 1.2), "MR as the network sees it"),
                (subject.ct, BONE, "CT to learn from"),
                (subject.head.with_voxels(subject.head.voxels.astype(int)), (0, 1), "head"),
            ]
        ),
        "translated": panels(
            [
                (on_mr, BONE, "synthetic CT on the MR's grid"),
                (sct, BONE, "the same, upright"),
                (subject.ct, BONE, "real CT"),
            ]
        ),
    }


def main() -> None:
    """Write the pictures of a subject that the tour judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tour", type=Path)
    tour = parser.parse_args().tour
    judged = json.loads((tour / "run" / "run.json").read_text(encoding="utf-8"))["split"]["test"]
    IMAGES.mkdir(exist_ok=True)
    for name, figure in figures(tour, judged[0]).items():
        figure.savefig(IMAGES / f"way-{name}.png", dpi=80)


if __name__ == "__main__":
    main()
