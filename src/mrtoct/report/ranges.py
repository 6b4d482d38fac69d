"""Pictures of a comparison of ranges: each beam's error, over the target and as a histogram."""

from __future__ import annotations

import io
import math

import numpy as np
from matplotlib.figure import Figure, SubFigure

from mrtoct.properties.ranges import RangeComparison
from mrtoct.properties.wepl import PIXEL_MM, BeamPaths
from mrtoct.volume import Array

SHOWN_BEAMS = 8
LIMIT_MM = 4.0
"""At the ends of the colours: more than margins of proton plans allow."""


def range_figure(result: RangeComparison) -> bytes:
    """Return a PNG: error by beam, its histogram, and beam's eye views of some beams."""
    figure = Figure(figsize=(11, 7), layout="constrained")
    parts: Array = np.asarray(figure.subfigures(2, 1, height_ratios=(1.2, 1)))
    _by_beam(parts[0], result)
    _views(parts[1], result.paths)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _by_beam(figure: SubFigure, result: RangeComparison) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    names = list(result.by_beam)
    errors = list(result.by_beam.values())
    at = np.arange(len(names))
    mean = np.array([e.mean_mm for e in errors])
    sd = np.array([e.sd_mm for e in errors])
    left.fill_between(at, mean - sd, mean + sd, alpha=0.25, label="one SD over the rays")
    left.plot(at, mean, marker=".", label="mean")
    left.axhline(0, color="grey", linewidth=0.8)
    shown = at[:: max(len(at) // 9, 1)]
    left.set_xticks(shown, [names[n].removeprefix("gantry ") for n in shown], rotation=30)
    left.set(xlabel="gantry angle, degrees", ylabel="range error, mm of water")
    left.legend(frameon=False)
    every = np.concatenate([p.error_mm for p in result.paths])
    right.hist(every, bins=60, color="tab:blue")
    right.axvline(0, color="grey", linewidth=0.8)
    right.set(xlabel="range error, mm of water", ylabel="rays")
    right.set_title(
        f"{result.all.mean_mm:+.2f} ± {result.all.sd_mm:.2f} mm, 95 % within "
        f"{result.all.p95_abs_mm:.1f} mm"
    )


def _views(figure: SubFigure, paths: list[BeamPaths]) -> None:
    chosen = paths[:: max(math.ceil(len(paths) / SHOWN_BEAMS), 1)][:SHOWN_BEAMS]
    axes = np.atleast_1d(figure.subplots(1, len(chosen)))
    limit = max(LIMIT_MM, *(float(np.abs(p.error_mm).max()) for p in chosen if p.error_mm.size))
    limit = min(limit, 3 * LIMIT_MM)
    image = None
    for ax, path in zip(axes, chosen, strict=True):
        place = np.rint(path.across_mm / PIXEL_MM).astype(int)
        place -= place.min(axis=0)
        view = np.full(place.max(axis=0) + 1, np.nan)
        view[tuple(place.T)] = path.error_mm
        image = ax.imshow(view.T, origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set_title(path.beam.name, fontsize=9)
        ax.set_axis_off()
    if image is not None:
        figure.colorbar(image, ax=list(axes), label="mm of water")
