"""How synthetic and real HU agree voxel by voxel: errors by tissue, and after Bland and Altman."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics import tissue
from mrtoct.report.colors import METHOD_COLORS
from mrtoct.report.contents import SubjectResult
from mrtoct.report.panels import BAR_MM, SMALL_POINTS, TWO_COLUMNS_MM, place
from mrtoct.volume import AIR_HU, Array

STEP_HU = 25.0
MEANS = np.arange(-1025.0, 2000.1, STEP_HU)
DIFFERENCES = np.arange(-1500.0, 1500.1, STEP_HU)
FINE = np.arange(-4096.5, 4097.0)
"""Edges of bins of 1 HU, for percentiles."""
CLASSES = {"soft tissue": tissue.soft_tissue, "bone": tissue.bone, "air": tissue.air}
LEAST_PERCENT = 1e-3
HEIGHT_MM = 74.0


@dataclass(frozen=True)
class Agreement:
    """Shares of the voxels inside the masks, each subject counting alike, and what they say in HU.

    joint holds those (MEANS, DIFFERENCES) of mean and difference of synthetic and real CT, by_class
    those of differences (DIFFERENCES) in the reference's tissues; low and high hold 95 % of the
    differences between them. Values beyond the outermost bins are left out of joint and by_class,
    not out of the numbers.
    """

    voxels: int
    mean: float
    low: float
    high: float
    joint: Array
    by_class: dict[str, Array]


def agreement(subjects: Sequence[SubjectResult]) -> Agreement:
    """Compare HU, synthetic minus real, over every voxel inside the masks of subjects."""
    if not subjects:
        raise ValueRangeError("an agreement needs at least one subject, got none")
    joint = np.zeros((len(MEANS) - 1, len(DIFFERENCES) - 1))
    fine = np.zeros(len(FINE) - 1)
    by_class = {name: np.zeros(len(DIFFERENCES) - 1) for name in CLASSES}
    voxels, means = 0, []
    for subject in subjects:
        inside = subject.mask.voxels > 0
        sct, ct = (
            np.maximum(v.voxels[inside].astype(np.float64), AIR_HU)
            for v in (subject.sct, subject.ct)
        )
        error = sct - ct
        part = 1 / (error.size * len(subjects))
        voxels += error.size
        means.append(float(error.mean()))
        joint += part * np.histogram2d((sct + ct) / 2, error, (MEANS, DIFFERENCES))[0]
        fine += part * np.histogram(np.clip(error, FINE[0], FINE[-1]), FINE)[0]
        everywhere = np.ones(ct.shape, dtype=bool)
        for name, of in CLASSES.items():
            by_class[name] += part * np.histogram(error[of(ct, everywhere)], DIFFERENCES)[0]
    shares = np.cumsum(fine)
    low, high = (float(FINE[np.searchsorted(shares, q)] + 0.5) for q in (0.025, 0.975))
    return Agreement(voxels, float(np.mean(means)), low, high, joint, by_class)


def agreement_figure(found: Agreement) -> Figure:
    """Return the distribution of errors by tissue, and differences against means with limits."""
    figure = Figure(figsize=(TWO_COLUMNS_MM / 25.4, HEIGHT_MM / 25.4), facecolor="white")
    errors = place(figure, 16, 5, 66, HEIGHT_MM - 17)
    middles = (DIFFERENCES[1:] + DIFFERENCES[:-1]) / 2
    for (name, counts), (color, _) in zip(found.by_class.items(), METHOD_COLORS[3:], strict=False):
        if counts.sum():
            share = 100 * counts / counts.sum()
            errors.plot(middles, np.where(share > 0, share, np.nan), color=color, label=name)
    errors.axvline(0, color="black", lw=0.6, dashes=(4, 3))
    errors.set(
        yscale="log",
        xlabel="synthetic − real, HU",
        ylabel=f"voxels per {STEP_HU:g} HU, %",
        xlim=(DIFFERENCES[0], DIFFERENCES[-1]),
        ylim=(LEAST_PERCENT, None),
    )
    errors.legend(frameon=False)

    altman = place(figure, 99, 5, 57, HEIGHT_MM - 17)
    shares = 100 * np.where(found.joint > 0, found.joint, np.nan).T
    shown = altman.pcolormesh(
        MEANS, DIFFERENCES, shares, norm=LogNorm(), cmap="cividis_r", rasterized=True
    )
    for value, line, side in (
        (found.mean, "-", "center"),
        (found.low, "--", "top"),
        (found.high, "--", "bottom"),
    ):
        altman.axhline(value, color="black", lw=0.8, ls=line)
        text = f"{value:+.0f}".replace("-", "−")
        altman.text(MEANS[-1] + 40, value, text, va=side, fontsize=SMALL_POINTS)
    altman.set(
        xlabel="mean of synthetic and real CT, HU",
        ylabel="synthetic − real, HU",
        xlim=(MEANS[0], MEANS[-1]),
        xticks=(-1000, 0, 1000, 2000),
        ylim=(DIFFERENCES[0], DIFFERENCES[-1]),
    )
    bar = figure.colorbar(shown, cax=place(figure, 166, 5, BAR_MM, HEIGHT_MM - 17))
    bar.set_label("voxels, %", labelpad=1)
    for axes, letter in ((errors, "a"), (altman, "b")):
        axes.set_title(letter, loc="left", fontweight="bold", pad=3)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
