"""Draw the picture of docs/simulation.md: one head in every contrast and with every effect.

python docs/simulation_figures.py LABELS      a label map that reaches down to the teeth
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.anatomy import Anatomy, draw_anatomy
from mrtoct.simulation.bone import vary_bone
from mrtoct.simulation.brain import vary_brain
from mrtoct.simulation.cavities import vary_cavities
from mrtoct.simulation.contrast import ANY, SEQUENCES
from mrtoct.simulation.effects import EFFECTS, NOISE, PLAIN, SHAPE, chosen_effects
from mrtoct.simulation.hounsfield import draw_ct
from mrtoct.simulation.landmarks import Landmarks, find_landmarks
from mrtoct.simulation.scan import SURROUNDINGS, draw_raw
from mrtoct.simulation.sources import find_sources, read_source
from mrtoct.volume import Array

IMAGES = Path(__file__).parent / "images"
COLUMNS, CELL, DPI = 8, 1.25, 90
HALF = 14
"""Voxels on each side of a cut that are simulated with it."""
SEED = [5]
OF_SCANS = [n for n, keys in EFFECTS.items() if n == NOISE or "".join(keys).startswith("scan.")]
OF_ANATOMY = [name for name in EFFECTS if name not in OF_SCANS]
UPRIGHT = ("hair", "fat-shift", "slices", "faceless", "cut", "wrap")
"""Effects of scans that a sagittal cut shows best; the others are shown transverse."""
MILD = ("dropout", "flow", "ghost", "ringing", "bias", "noise", "headphones", "frame")
"""Effects that are faint in most scans: of some seeds the one that changes most is shown."""
SEEDS = 4

Cut = tuple[int, int]
"""Axis and index."""


def slab(anatomy: Anatomy, cut: Cut) -> tuple[Anatomy, int]:
    """Return what lies around a cut, and the cut's index in it."""
    axis, index = cut
    start = max(index - HALF, 0)
    part: list[slice] = [slice(None)] * 3
    part[axis] = slice(start, index + HALF + 1)
    box = tuple(part)
    return Anatomy(anatomy.tissue[box], anatomy.hu[box], anatomy.trusted[box]), index - start


def scanned(
    anatomy: Anatomy, cut: Cut, effects: str, sequence: str, seed: list[int] = SEED
) -> Array:
    """Return the cut through a scan with effects, the brightest 1."""
    part, index = slab(anatomy, cut)
    mr, _ = draw_raw(part, seed, chosen_effects(effects)[1], sequence=sequence)
    at = index + (SURROUNDINGS if cut[0] < 2 else 0)
    picture = np.take(mr, at, axis=cut[0]).astype(np.float32)
    return picture / np.percentile(picture, 99.3)


def most_changed(anatomy: Anatomy, cut: Cut, name: str) -> Array:
    """Return the cut through the scan, of several seeds, that an effect changes most."""
    made, change = [], []
    for seed in range(SEEDS):
        made.append(scanned(anatomy, cut, name, "t1", [seed]))
        bare = scanned(anatomy, cut, PLAIN, "t1", [seed])
        change.append(np.abs(made[-1] - bare).mean())
    return made[int(np.argmax(change))]


def changed(plain: Anatomy, marks: Landmarks, name: str) -> tuple[Anatomy, Cut]:
    """Return the head with an effect on its anatomy, and the cut in which most has changed."""
    settings, _ = chosen_effects(name)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        tissue = plain.tissue.copy()
        key = EFFECTS[name][0]
        if key.startswith("bone"):
            vary_bone(tissue, marks, settings.bone, rng)
        elif key.startswith("cavities"):
            vary_cavities(tissue, marks, settings.cavities, rng)
        else:
            vary_brain(tissue, settings.brain, rng)
        differs = tissue != plain.tissue
        if key.startswith("bone"):
            # Marrow is drawn anew in every head; it is not the effect.
            bone = (Tissue.CORTICAL_BONE, Tissue.DIPLOE)
            differs &= ~(np.isin(tissue, bone) & np.isin(plain.tissue, bone))
        if differs.sum() > 400:
            axis = 2
            index = int(differs.sum(axis=(0, 1)).argmax())
            return replace(plain, tissue=tissue), (axis, index)
    raise SystemExit(f"{name} changes nothing in this head")


def cells(labels: Path) -> Iterator[tuple[int, int, str, Array, bool]]:
    """Yield row, column, title, picture, and whether it is a CT."""
    (source,) = find_sources(labels)
    plain = draw_anatomy(read_source(source), SEED, chosen_effects(PLAIN)[0], has_ct=False)
    marks = find_landmarks(plain.tissue)
    brain, middle = (2, marks.eyes[2] + 8), (0, marks.middle)
    for column, sequence in enumerate((*SEQUENCES, ANY)):
        name = "random signals" if sequence == ANY else sequence
        yield 0, column, name, scanned(plain, brain, PLAIN, sequence), False
    for n, name in enumerate(OF_ANATOMY):
        row, column = 1 + 2 * (n // COLUMNS), n % COLUMNS
        if name == SHAPE:
            settings, _ = chosen_effects(name)
            head = draw_anatomy(plain, SEED, settings, has_ct=True)
            cut: Cut = (2, find_landmarks(head.tissue).eyes[2] + 8)
        else:
            head, cut = changed(plain, marks, name)
        yield row, column, name, scanned(head, cut, PLAIN, "t1"), False
        part, index = slab(head, cut)
        ct = draw_ct(part.tissue, np.random.default_rng(SEED))
        pads = [(SURROUNDINGS, SURROUNDINGS)] * (2 if cut[0] == 2 else 1)
        pads += [(0, 0)] * (2 - len(pads))
        below = np.pad(np.take(ct, index, axis=cut[0]), pads, constant_values=-1000)
        yield row + 1, column, "", below, True
    first = 1 + 2 * -(-len(OF_ANATOMY) // COLUMNS)
    for n, name in enumerate(OF_SCANS):
        cut = middle if name in UPRIGHT else brain
        shown = most_changed if name in MILD else partial(scanned, sequence="t1")
        picture = shown(plain, cut, name)
        yield first + n // COLUMNS, n % COLUMNS, name, picture, False


def draw(axis: Axes, title: str, picture: Array, ct: bool) -> None:
    """Show a cut in a window of its kind."""
    low, high = (-1000.0, 1600.0) if ct else (0.0, 1.0)
    axis.imshow(picture.T, origin="lower", cmap="gray", vmin=low, vmax=high, aspect="equal")
    axis.set_title(title, fontsize=7, pad=2)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    arguments = parser.parse_args()
    rows = 1 + 2 * -(-len(OF_ANATOMY) // COLUMNS) + -(-len(OF_SCANS) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(COLUMNS * CELL, rows * CELL * 1.12), layout="constrained"
    )
    for axis in axes.flat:
        axis.axis("off")
    for row, column, title, picture, ct in cells(arguments.labels):
        draw(axes[row, column], title, picture, ct)
    out = IMAGES / "simulation.png"
    figure.savefig(out, dpi=DPI, facecolor="white")
    plt.close(figure)
    with Image.open(out) as image:  # grey pictures need no colours
        gray = image.convert("L").quantize(64)
    gray.save(out, optimize=True)


if __name__ == "__main__":
    main()
