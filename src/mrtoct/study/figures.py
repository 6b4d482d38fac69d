"""Pictures of a study: slices of validation subjects in one fixed window, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mrtoct.assess import judged_mask
from mrtoct.io.atomic import new_file
from mrtoct.io.files import read_volume
from mrtoct.prepare.store import read_subject
from mrtoct.report.figures import FIGURE_WINDOW
from mrtoct.report.voxels import mask_box, to_ras
from mrtoct.study.folder import task_of
from mrtoct.study.judge import SCT
from mrtoct.study.plan import Plan, run_identity
from mrtoct.study.results import Results, Training
from mrtoct.volume import AIR_HU, Array, Volume

MOST_SUBJECTS = 4
HEIGHTS = (0.35, 0.65)
"""Where a head is cut, from its lowest slice (0) to its highest (1)."""
PANEL_INCHES = 1.65
DPI = 110

MR, CT = "MR", "real CT"


@dataclass(frozen=True)
class Picture:
    """A figure's file under figures/, and what it shows."""

    file: str
    title: str
    caption: str


@dataclass(frozen=True)
class Rows:
    """What a figure of slices shows beside the real CT: methods by name."""

    file: str
    title: str
    methods: tuple[str, ...]


FIGURES = (
    Rows(
        "section-4.1.png", "u-net with MAE and with GDL (section 4.1)", ("unet-mae", "unet-mae-gdl")
    ),
    Rows("section-4.2.png", "u-net and pix2pix (section 4.2)", ("unet-mae", "pix2pix")),
    Rows(
        "section-4.3.png",
        "pix2pix and fine-tuned on the brain (section 4.3)",
        ("pix2pix", "pix2pix-boost"),
    ),
    Rows(
        "auto-context.png",
        "3-D GAN with 1, 2 and 3 auto-context iterations",
        ("context-gan-1", "context-gan-2", "context-gan-3"),
    ),
    Rows(
        "modern.png",
        "the paper's models and the modern recipe",
        ("unet-mae", "pix2pix", "context-gan-3", "modern"),
    ),
)


def write_figures(results: Results) -> list[Picture]:
    """Write STUDY/figures/*.png of what is finished; replace older ones."""
    folder = results.study / "figures"
    shown = results.subjects("validation")[:MOST_SUBJECTS]
    made = []
    for rows in FIGURES:
        methods = [m for name in rows.methods if (m := results.method(name))]
        if len(methods) < len(rows.methods):
            continue
        columns = {m.title: m.name for m in methods}
        _save(slices_figure(results, shown, columns), folder / rows.file)
        made.append(
            Picture(
                rows.file,
                rows.title[0].upper() + rows.title[1:],
                f"Transverse slices of validation subjects of {results.cohort}; every CT in the "
                f"window {window_text()}. The patient's right is on the left.",
            )
        )
    if results.trainings:
        _save(curves_figure(results.trainings), folder / "learning-curves.png")
        made.append(
            Picture(
                "learning-curves.png",
                "Learning curves",
                f"Validation error in the head by training time, and what the discriminators make "
                f"of real and synthetic CT; {results.cohort}.",
            )
        )
    for stale in set(folder.glob("*.png")) - {folder / p.file for p in made}:
        stale.unlink()
    return made


def window_text() -> str:
    """Return the window of every CT, in words."""
    return f"{FIGURE_WINDOW.low:g} to {FIGURE_WINDOW.high:g} HU".replace("-", "−")


def slices_figure(results: Results, subjects: Sequence[str], methods: Mapping[str, str]) -> Figure:
    """Return rows of transverse slices: MR, real CT, and what methods (name by title) made."""
    cuts = [
        (f"{name}", cut)
        for name in subjects
        for cut in _cuts(_volumes(results, name, methods), HEIGHTS)
    ]
    titles = [MR, CT, *methods]
    reach = max(max(cut.extent) for _, cut in cuts) / 2
    figure = Figure(
        figsize=(PANEL_INCHES * len(titles) + 0.35, PANEL_INCHES * len(cuts) + 0.9),
        layout="constrained",
        facecolor="white",
    )
    grid: Array = np.asarray(figure.subplots(len(cuts), len(titles), squeeze=False))
    grays = Normalize(FIGURE_WINDOW.low, FIGURE_WINDOW.high)
    for row, (name, cut) in enumerate(cuts):
        wide, high = cut.extent
        for column, title in enumerate(titles):
            axes: Axes = grid[row, column]
            axes.set_facecolor("black")
            axes.imshow(
                cut.pictures[title],
                cmap="gray",
                norm=cut.of_mr if title == MR else grays,
                extent=(-wide / 2, wide / 2, -high / 2, high / 2),
                interpolation="nearest",
            )
            # One scale in mm for every head.
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_visible(False)
            if row == 0:
                axes.set_title(title, fontsize=9, wrap=True)
        grid[row, 0].set_ylabel(name, fontsize=8)
    bar = figure.colorbar(
        ScalarMappable(grays, "gray"),
        ax=grid[:, 1:],
        orientation="horizontal",
        extend="both",
        shrink=0.6,
        aspect=40,
        pad=0.02,
    )
    bar.set_label(f"HU, window {window_text()}", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def curves_figure(trainings: Sequence[Training]) -> Figure:
    """Return validation errors of all trainings, and the scores of those with two players."""
    two_players = [t for t in trainings if any(p.score_real is not None for p in t.curves)]
    panels = 1 + len(two_players)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained", facecolor="white")
    axes: list[Axes] = list(np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel())
    for training in trainings:
        points = [(p.seconds / 60, p.validation_mae) for p in training.curves]
        known = [(x, y) for x, y in points if y is not None]
        if known:
            axes[0].plot(*zip(*known, strict=True), marker=".", lw=1.2, label=training.title)
    axes[0].set(xlabel="minutes", ylabel="validation MAE, HU", title="Validation error")
    axes[0].legend(fontsize=7)
    for panel, training in zip(axes[1:], two_players, strict=False):
        minutes = [p.seconds / 60 for p in training.curves]
        for values, label, color in (
            ([p.score_real for p in training.curves], "real CT", "#0072b2"),
            ([p.score_fake for p in training.curves], "synthetic CT", "#d55e00"),
        ):
            panel.plot(minutes, values, marker=".", color=color, label=label)  # type: ignore[arg-type]
        panel.set(
            xlabel="minutes",
            ylabel="score",
            ylim=(-0.1, 1.1),
            title=f"Discriminator, {training.title}",
        )
        panel.legend(fontsize=7)
    for panel in axes:
        panel.grid(alpha=0.3)
        panel.title.set_fontsize(9)
    for panel in axes[panels:]:
        panel.set_visible(False)
    return figure


@dataclass(frozen=True)
class _Cut:
    """One slice of everything, as pictures by column, and their extent in mm."""

    pictures: dict[str, Array]
    of_mr: Normalize
    extent: tuple[float, float]


def _volumes(results: Results, name: str, methods: Mapping[str, str]) -> dict[str, Volume]:
    """Return mask, MR, CT and synthetic CTs of a validation subject by column."""
    subject = read_subject(results.plan.store, name)
    plan = results.plan
    fold = next(n for n, s in enumerate(plan.splits, start=1) if name in s.validation)
    volumes = {
        "mask": judged_mask(subject)[0],
        MR: subject.mr,
        CT: subject.ct,
    }
    for title, method in methods.items():
        volumes[title] = read_volume(_sct(results, plan, fold, method, name), "HU")
    return volumes


def _sct(results: Results, plan: Plan, fold: int, method: str, name: str) -> Path:
    experiment, its = next((e, m) for e in plan.experiments for m in e.methods if m.name == method)
    identity = run_identity(plan, experiment, plan.splits[fold - 1])
    return task_of(results.study, plan, fold, its, identity).folder / name / SCT


def _cuts(volumes: Mapping[str, Volume], heights: Sequence[float]) -> list[_Cut]:
    """Return slices of the mask's box; rows run from front to back, columns from the right."""
    box = mask_box(volumes["mask"])
    upright = {title: to_ras(v.cropped(box)) for title, v in volumes.items()}
    mask = upright.pop("mask")
    inside = mask.voxels > 0
    signal = upright[MR].voxels[inside]
    low, high = (float(q) for q in np.quantile(signal, (0.005, 0.995)))
    present = np.flatnonzero(inside.any(axis=(0, 1)))
    cuts = []
    for height in heights:
        index = int(present[round(height * (len(present) - 1))])
        pictures = {
            title: np.asarray(v.voxels[::-1, ::-1, index].T).astype(np.float64)
            for title, v in upright.items()
        }
        for title in set(pictures) - {MR}:
            pictures[title] = np.maximum(pictures[title], AIR_HU)
        i, j, _ = mask.grid.spacing
        extent = (mask.grid.shape[0] * i, mask.grid.shape[1] * j)
        cuts.append(_Cut(pictures, Normalize(low, max(high, low + 1e-9)), extent))
    return cuts


def _save(figure: Figure, path: Path) -> None:
    with new_file(path, overwrite=True) as part:
        figure.savefig(part, dpi=DPI, format="png")
