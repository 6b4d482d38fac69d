"""The part of mrtoct compare-dose that asks an engine for doses: tables and files of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mrtoct.cli.options import listed
from mrtoct.errors import ValueRangeError
from mrtoct.io.files import write_volume
from mrtoct.io.json_text import json_text
from mrtoct.properties.dose.compare import BONELESS, CRITERIA, REAL, SYNTHETIC, DoseComparison
from mrtoct.properties.dose.dvh import cumulative
from mrtoct.properties.dose.engine import Modality
from mrtoct.report.doses import dose_figure

MODALITIES: dict[str, tuple[Modality, ...]] = {
    "protons": ("protons",),
    "photons": ("photons",),
    "both": ("protons", "photons"),
}
"""Protons first: photons hide what is wrong with bone."""


def angles(given: str) -> tuple[float, ...]:
    """Return gantry angles of a list with commas."""
    try:
        degrees = tuple(float(entry) for entry in listed([given]))
    except ValueError:
        degrees = ()
    if not degrees or not all(0 <= angle < 360 for angle in degrees):
        raise ValueRangeError(
            f"--gantry takes angles from 0 to below 360 degrees, such as 90,210; got {given!r}"
        )
    return degrees


def show_doses(comparisons: Sequence[DoseComparison]) -> None:
    """Print how far the doses of a plan are apart, and what the target gets on each CT."""
    console = Console()
    criteria = [str(criterion) for criterion in CRITERIA]
    for found in comparisons:
        table = Table("on", *criteria, "mean |.|", "mean", "D98", "D2")
        table.title = f"{found.plan.modality}: gamma pass rates, difference; target, Gy"
        for name, figures in found.figures.items():
            apart = [f"{figures.gamma[c]:.1f} %" for c in criteria]
            apart.append(f"{figures.mean_difference_percent:.2f} %")
            target = (figures.target.mean_gy, figures.target.d98_gy, figures.target.d2_gy)
            cells = ["-"] * len(apart) if name == REAL else apart
            table.add_row(name, *cells, *(f"{gy:.3f}" for gy in target))
        console.print(table)
    found = comparisons[0]
    console.print(
        f"Planned on the CT by {found.answer.engine}, generic machine, "
        f"{found.plan.prescribed_gy:g} Gy; the same plan on the others. Mean |.|: of the "
        f"prescription, where the CT's dose is above {CRITERIA[0].cutoff_percent:g} % of it. "
        f"{BONELESS.capitalize()}: the score of a missing skull.",
        highlight=False,
    )


def write_doses(folder: Path, comparisons: Sequence[DoseComparison]) -> list[str]:
    """Write picture, numbers, curves and the doses into a folder that is being made."""
    (folder / "doses.png").write_bytes(dose_figure(comparisons))
    told = {found.plan.modality: found.facts() for found in comparisons}
    (folder / "doses.json").write_text(json_text(told) + "\n")
    with (folder / "dvh.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("dose", "on", "structure", "dose_gy", "volume_percent"))
        for found in comparisons:
            structures = {"target": found.head.target, "body": found.head.body}
            for name, dose in found.doses.items():
                for structure, mask in structures.items():
                    for gy, percent in zip(*cumulative(dose, mask), strict=True):
                        row = (name, structure, f"{gy:.4f}", f"{percent:.3f}")
                        table.writerow((found.plan.modality, *row))
    files = ["doses.png", "doses.json", "dvh.csv"]
    for found in comparisons:
        for name, short in ((REAL, "ct"), (SYNTHETIC, "sct")):
            files.append(f"{found.plan.modality}-on-{short}.nii.gz")
            write_volume(folder / files[-1], found.doses[name])
    return files
