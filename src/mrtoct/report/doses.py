"""Pictures of a comparison of doses: the plan, what differs, gamma, and dose volumes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mrtoct.properties.dose.compare import BONELESS, CRITERIA, REAL, SYNTHETIC, DoseComparison
from mrtoct.properties.dose.dvh import cumulative
from mrtoct.volume import Array

LEAST_SHOWN = 0.05
"""Part of the prescription; less dose is not drawn over the CT."""
DIFFERENCE = 0.1
"""Part of the prescription at the ends of the colours."""
CLOSE = 0.15
"""Part of the prescription around it, of which curves are drawn."""
COLORS = {REAL: "black", SYNTHETIC: "tab:blue", BONELESS: "tab:orange"}


def dose_figure(comparisons: Sequence[DoseComparison]) -> bytes:
    """Return a PNG: a row a plan with the dose, its change, gamma and dose-volume curves."""
    figure = Figure(figsize=(14, 3.9 * len(comparisons)), layout="constrained")
    rows = np.atleast_2d(figure.subplots(len(comparisons), 4, width_ratios=(1, 1, 1, 1.2)))
    for axes, found in zip(rows, comparisons, strict=True):
        _slices(figure, axes[:3], found)
        _volumes(axes[3], found)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _slices(figure: Figure, axes: Array, found: DoseComparison) -> None:
    """Draw the transverse slice through the target's middle as it is looked at: right is left."""
    target = found.head.target
    middle = round(float(np.argwhere(target.voxels)[:, 2].mean()))
    prescribed = found.plan.prescribed_gy
    real, synthetic = (found.doses[name].voxels for name in (REAL, SYNTHETIC))
    change = np.where(
        np.maximum(real, synthetic) > LEAST_SHOWN * prescribed, synthetic - real, np.nan
    )
    shown: list[tuple[str, Array, dict[str, Any]]] = [
        (
            f"{found.plan.modality} on the CT, Gy",
            np.where(real > LEAST_SHOWN * prescribed, real, np.nan),
            {"cmap": "turbo", "vmin": 0, "vmax": 1.1 * prescribed},
        ),
        (
            "synthetic CT minus CT, Gy",
            change,
            {"cmap": "RdBu_r", "vmin": -DIFFERENCE * prescribed, "vmax": DIFFERENCE * prescribed},
        ),
        (
            f"gamma {CRITERIA[0]}, {found.figures[SYNTHETIC].gamma[str(CRITERIA[0])]:.1f} % pass",
            found.gamma[SYNTHETIC],
            {"cmap": "RdYlGn_r", "vmin": 0, "vmax": 2},
        ),
    ]
    ct = found.head.cts[REAL].voxels

    def upright(voxels: Array) -> Array:
        return voxels[::-1, :, middle].T

    for ax, (title, voxels, colours) in zip(axes, shown, strict=True):
        place: dict[str, Any] = {"origin": "lower", "interpolation": "nearest"}
        ax.imshow(upright(ct), cmap="gray", vmin=-500, vmax=1500, **place)
        image = ax.imshow(upright(voxels), alpha=0.75, **place, **colours)
        ax.contour(upright(target.voxels), levels=[0.5], colors="k", linewidths=0.8)
        ax.set_title(title, fontsize=10)
        ax.set_axis_off()
        figure.colorbar(image, ax=ax, shrink=0.8)


def _volumes(ax: Any, found: DoseComparison) -> None:
    """Draw the target's dose-volume curves, around the prescription where they differ."""
    prescribed = found.plan.prescribed_gy
    for name, dose in found.doses.items():
        doses, percent = cumulative(dose, found.head.target)
        ax.plot(doses, percent, color=COLORS[name], label=name)
    ax.axvline(prescribed, color="grey", linewidth=0.8)
    ax.set(xlabel="dose, Gy", ylabel="volume, %", ylim=(0, 101))
    ax.set_xlim((1 - CLOSE) * prescribed, (1 + CLOSE) * prescribed)
    ax.set_title("target", fontsize=10)
    ax.legend(frameon=False, fontsize=9, loc="lower left")
