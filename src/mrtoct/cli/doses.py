"""The part of mrtoct compare-dose that asks an engine for doses: tables and files of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mrtoct.cli.options import listed
from mrtoct.errors import ValueRangeError
from mrtoct.io.files import write_volume
from mrtoct.properties.dose.compare import CRITERIA, REAL, SYNTHETIC, DoseComparison
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
    """Print what the plan gives the target on each CT, and how far doses are apart."""
    criteria = [str(criterion) for criterion in CRITERIA]
    table = Table(
        "dose", "on", *(f"gamma {c}" for c in criteria), "mean |.|", "target mean, Gy", "D98", "D2",
        "V95",
    )  # fmt: skip
    for found in comparisons:
        for name, figures in found.figures.items():
            target = figures.target
            apart = [f"{figures.gamma[c]:.1f} %" for c in criteria]
            apart.append(f"{figures.mean_difference_percent:.2f} %")
            table.add_row(
                found.plan.modality if name == REAL else "",
                name,
                *(["-"] * len(apart) if name == REAL else apart),
                f"{target.mean_gy:.3f}",
                f"{target.d98_gy:.3f}",
                f"{target.d2_gy:.3f}",
                f"{target.v95_percent:.1f} %",
            )
        table.add_section()
    engine, plan = comparisons[0].answer.engine, comparisons[0].plan
    table.caption = (
        f"planned on the CT by {engine}, generic machine, {plan.prescribed_gy:g} Gy; the same plan "
        f"on the others. Mean |.|: of the prescription, where the CT's dose is above "
        f"{CRITERIA[0].cutoff_percent:g} %. 'No bone' is what a missing skull would score"
    )
    Console().print(table)


def write_doses(folder: Path, comparisons: Sequence[DoseComparison]) -> list[str]:
    """Write picture, numbers, curves and the doses into a folder that is being made."""
    (folder / "doses.png").write_bytes(dose_figure(comparisons))
    told = {found.plan.modality: found.facts() for found in comparisons}
    (folder / "doses.json").write_text(json.dumps(told, indent=1) + "\n")
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
