"""Pictures of a study: slices of validation subjects in one fixed window, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrtoct.io.atomic import new_file
from mrtoct.io.files import read_volume
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.run import SCT
from mrtoct.prepare.store import read_subject
from mrtoct.report.figures import FIGURE_WINDOW
from mrtoct.report.panels import (
    Bar,
    Row,
    Scale,
    gray_scale,
    panel_grid,
    paper_style,
    signal_scale,
)
from mrtoct.report.slices import at_height, extent, picture, upright
from mrtoct.study.folder import task_of
from mrtoct.study.plan import Plan, run_identity
from mrtoct.study.results import Results, Training
from mrtoct.volume import AIR_HU, Volume

MOST_SUBJECTS = 4
HEIGHTS = (0.35, 0.65)
"""Where a head is cut, from its lowest slice (0) to its highest (1)."""
DPI = 150

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
    grays = gray_scale(FIGURE_WINDOW)
    rows = [
        row
        for name in subjects
        for row in _rows(name, _volumes(results, name, methods), HEIGHTS, grays)
    ]
    titles = [MR, CT, *methods]
    bar = Bar(f"HU, window {window_text()}", grays, 1, len(titles) - 1)
    with paper_style():
        return panel_grid(rows, titles, [bar])


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


def _rows(
    title: str, volumes: Mapping[str, Volume], heights: Sequence[float], grays: Scale
) -> list[Row]:
    """Return slices of the mask's box in their order: MR, real CT, what methods made."""
    shown = upright(volumes, volumes["mask"])
    inside = shown.pop("mask").voxels > 0
    of_mr = signal_scale(shown[MR].voxels[inside])
    rows = []
    for height in heights:
        index = at_height(inside, "transverse", height)
        pictures = []
        for name, volume in shown.items():
            cut = picture(volume, "transverse", index).astype(np.float64)
            pictures.append((cut, of_mr) if name == MR else (np.maximum(cut, AIR_HU), grays))
        rows.append(Row(title, "transverse", extent(shown[MR], "transverse"), pictures))
    return rows


def _save(figure: Figure, path: Path) -> None:
    with new_file(path, overwrite=True) as part:
        figure.savefig(part, dpi=DPI, format="png")
