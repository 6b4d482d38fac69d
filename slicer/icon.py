"""Draw the module's icon: python slicer/icon.py."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Wedge

OUT = Path(__file__).parent / "MRToCT" / "Resources" / "Icons" / "MRToCT.png"


def draw() -> Figure:
    """Return half a head as MR and half as CT."""
    figure = Figure(figsize=(1.28, 1.28), dpi=100, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-1, 1), ylim=(-1, 1))
    axes.set_axis_off()
    head = Ellipse((0, 0), 1.5, 1.84, facecolor="#202428")
    axes.add_patch(head)
    parts = [
        (0.92, "#d7d2c8", "#555b63"),
        (0.80, "#202428", "#f4f1e8"),
        (0.66, "#8d9299", "#8d9299"),
    ]
    for radius, left, right in parts:
        for colour, angles in ((left, (90, 270)), (right, (270, 90))):
            half = Wedge((0, 0), radius, *angles, facecolor=colour, edgecolor="none")
            half.set_clip_path(head)
            axes.add_patch(half)
    axes.plot([0, 0], [-0.9, 0.9], color="#2f7fd1", linewidth=3)
    return figure


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    draw().savefig(OUT, transparent=True)
