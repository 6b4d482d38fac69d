"""Make the pictures of README and docs from a tour's folder.

mrtoct tour --out mrtoct-tour && python docs/figures.py mrtoct-tour
python docs/figures.py mrtoct-tour --real MR.mha     adds the translation of a real scan
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mrtoct import Translator, read_volume
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.phantom import DEMO, make_subject
from mrtoct.prepare.store import read_subject
from mrtoct.report.colors import Window
from mrtoct.report.contents import SubjectResult
from mrtoct.report.figures import panel_figure
from mrtoct.report.panels import Bar, Row, Scale, gray_scale, panel_grid, paper_style
from mrtoct.report.slices import AXES, extent, picture, upright

WHOLE = Window("whole", -1024, 1500)
DPI = 110
IMAGES = Path(__file__).parent / "images"


def demo_figure(tour: Path) -> Figure:
    """MR, synthetic CT, CT and difference of the tour's held-out heads."""
    results = []
    for folder in sorted((tour / "run" / "evaluation").iterdir()):
        record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        subject = read_subject(tour / "store", record["subject"])
        mask = subject.head.with_voxels(subject.head.voxels & subject.covered.voxels)
        sct = read_volume(folder / "sct.nii.gz", "HU")
        evaluations = {m: Evaluation.from_json(e) for m, e in record["methods"].items()}
        results.append(
            SubjectResult(
                subject.name, record["role"], subject.mr, subject.ct, sct, mask, evaluations
            )
        )
    return panel_figure(results)


def phantom_figure() -> Figure:
    """T1, CT in two windows and labels of two heads, transverse and sagittal."""
    figure, axes = plt.subplots(2, 8, figsize=(16, 4.6), layout="constrained", facecolor="white")
    for row, seed in enumerate(([1, 0], [1, 1])):
        subject = make_subject(seed, DEMO)
        shown = [
            (subject.mr["T1"], "gray", (0, np.percentile(subject.mr["T1"].voxels, 99.5)), "T1"),
            (subject.ct, "gray", (-1024, 2000), "CT, bone window"),
            (subject.ct, "gray", (-20, 100), "CT, brain window"),
            (subject.labels, "tab20", (0, int(subject.labels.voxels.max())), "tissues"),
        ]
        for column, (volume, colors, (low, high), title) in enumerate(shown):
            i, _, k = volume.grid.shape
            di, dj, dk = volume.spacing
            cuts = [
                (volume.voxels[:, :, int(0.42 * k)], dj / di),
                (volume.voxels[i // 2 + round(14 / di)], dk / dj),
            ]
            for plane, (cut, aspect) in enumerate(cuts):
                axis = axes[row, 2 * column + plane]
                axis.imshow(
                    cut.T,
                    origin="lower",
                    cmap=colors,
                    vmin=low,
                    vmax=high,
                    aspect=aspect,
                    interpolation="nearest",
                )
                axis.axis("off")
                if row == 0 and plane == 0:
                    axis.set_title(title, loc="left")
    return figure


def real_figure(bundle: Path, path: Path) -> Figure:
    """A real MR and what the bundle makes of it, in three planes through its middle."""
    mr = read_volume(path, "a.u.")
    sct = Translator.load(bundle).translate(mr)
    whole = mr.with_voxels(np.ones(mr.grid.shape, dtype=bool), "label")
    shown = upright({"mr": mr, "sct": sct}, whole)
    signal, hu = Scale("gray", Normalize(0, np.percentile(mr.voxels, 99.5))), gray_scale(WHOLE)
    rows = [
        Row(
            plane,
            plane,
            extent(shown["mr"], plane),
            [
                (picture(volume, plane, volume.grid.shape[axis] // 2), scale)
                for volume, scale in ((shown["mr"], signal), (shown["sct"], hu))
            ],
        )
        for plane, axis in AXES.items()
    ]
    return panel_grid(rows, ("MR", "Synthetic CT"), [Bar("HU", hu, 1, 1)], width=110.0)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tour", type=Path)
    parser.add_argument("--real", type=Path, help="a real head MR")
    arguments = parser.parse_args()
    with paper_style():
        write(arguments)


def write(arguments: argparse.Namespace) -> None:
    """Draw and save them."""
    figures = {"demo": demo_figure(arguments.tour), "phantom": phantom_figure()}
    if arguments.real:
        figures["real"] = real_figure(arguments.tour / "run" / "best", arguments.real)
    IMAGES.mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(IMAGES / f"{name}.png", dpi=DPI)


if __name__ == "__main__":
    main()
