"""mrtoct ultrasound: what a simulation of transcranial ultrasound takes from a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mrtoct.cli.options import Overwrite, Sct
from mrtoct.cli.terminal import about, command, console, say
from mrtoct.errors import ValueRangeError
from mrtoct.io.atomic import require_absent
from mrtoct.io.files import read_volume
from mrtoct.properties.skull import Thickness
from mrtoct.properties.sound import require_frequency
from mrtoct.properties.ultrasound import (
    find_mapping,
    skull_on_path,
    ultrasound_maps,
    write_ultrasound,
)


def ultrasound(
    sct: Sct,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The output folder.")],
    frequency: Annotated[
        float, typer.Option(metavar="MHZ", help="The transducer's frequency in MHz, such as 0.5.")
    ],
    mapping: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Published curves to use: k-plan, k-wave, marsac-2017, yaakub-2023, "
            "webb-ge-120kvp or "
            "mcdannold-2020.",
        ),
    ] = "k-plan",
    path: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,Z:X,Y,Z",
            help="From the transducer to the target, RAS mm: report the skull thickness on this "
            "path.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write skull, density, speed and attenuation of sound for k-Plan, PRESTUS, BabelBrain, k-Wave.

    FOLDER gets pseudoCT.nii.gz (HU), skull_mask.nii.gz, density.nii.gz (kg/m3), sound_speed.nii.gz
    (m/s), alpha_coeff.nii.gz (dB/(MHz^y cm), for this frequency alone) and ultrasound.json, which
    names the sources and y. The skull is the largest piece of bone, with gaps closed; the curves
    apply inside it, elsewhere are brain and water.
    """
    curves = find_mapping(mapping)
    require_frequency(frequency)
    ends = None if path is None else _ends(path)
    require_absent(folder, overwrite=overwrite)
    with console.status("reading") as stage, about(sct):
        volume = read_volume(sct, "HU")
        stage.update("mapping")
        maps = ultrasound_maps(volume, frequency, curves)
        on_path = None if ends is None else skull_on_path(maps, *ends)
        stage.update("writing")
        write_ultrasound(folder, maps, path=on_path, overwrite=overwrite)
    facts = maps.facts
    say(f"{folder}: {facts['skull_ml']:.0f} ml of skull, maps for {frequency:g} MHz by {mapping}")
    if on_path is not None:
        say(_told(on_path))
    for line in _notes(facts):
        say(f"note: {line}")
    say(f"next: {command('view', sct, '--mask', folder / 'skull_mask.nii.gz')}")


def _notes(facts: dict[str, Any]) -> list[str]:
    lines = []
    if facts["soft_in_skull_ml"]:
        lines.append(f"{facts['soft_in_skull_ml']} ml of the skull are below 0 HU: marrow or holes")
    for name in ("density", "speed"):
        beyond = facts[f"beyond_{name}"]
        if beyond["saturated_ml"]:
            lines.append(
                f"{beyond['saturated_ml']} ml of the skull are above "
                f"{beyond['saturated_above_hu']:g} HU, where the curve of {name} ends"
            )
        if beyond["raised_ml"]:
            lines.append(
                f"in {beyond['raised_ml']} ml of the skull the {name} was raised to water's"
            )
    if facts["air_in_head_ml"]:
        lines.append(f"{facts['air_in_head_ml']} ml of air in the head count as soft tissue")
    return lines


def _told(path: Thickness) -> str:
    if path.entry_mm is None:
        return "path: no skull on it"
    entry = ", ".join(f"{value:.1f}" for value in path.entry_mm)
    return (
        f"path: {path.bone_mm:.1f} mm of skull from ({entry}) on, {path.mean_hu:.0f} HU on "
        f"average, {path.lowest_hu:.0f} at least"
    )


def _ends(path: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:

    points = []
    for point in path.split(":"):
        try:
            x, y, z = map(float, point.split(","))
        except ValueError:
            break
        points.append((x, y, z))
    if len(points) != 2:
        raise ValueRangeError(
            f"--path takes two points, such as 0,-120,40:0,10,20 (RAS mm); got {path!r}"
        )
    return points[0], points[1]
