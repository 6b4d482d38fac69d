"""mrtoct convert: a synthetic CT as a map of a physical property."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.calibrated import curve_for
from mrtoct.cli.options import FILES, Overwrite, Sct
from mrtoct.cli.terminal import about, command, console, say
from mrtoct.io.files import ending, read_volume
from mrtoct.properties.convert import convert as convert_volume
from mrtoct.properties.curves.find import find_quantity
from mrtoct.properties.files import deviation_file, require_map_absent, write_map

QUANTITIES = "density, red, spr, mu511, sound-speed or attenuation"


def convert(
    sct: Sct,
    output: Annotated[Path, typer.Argument(metavar="OUT", help=f"The map to write: {FILES}.")],
    to: Annotated[str, typer.Option(metavar="QUANTITY", help=f"The property: {QUANTITIES}.")],
    curve: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|TABLE",
            help="A published curve (see 'mrtoct curves') or your own table: .hlut, .kct, .txt or "
            "an MCsquare folder.",
            show_default="the property's default, for SCT's tube voltage if known",
        ),
    ] = None,
    frequency: Annotated[
        float | None,
        typer.Option(
            metavar="MHZ",
            help="Ultrasound frequency in MHz, required for attenuation.",
            show_default=False,
        ),
    ] = None,
    deviation: Annotated[
        Path | None,
        typer.Option(
            metavar="SD",
            help="The synthetic CT's standard deviation in HU, from 'mrtoct translate "
            "--uncertainty': also write that of the map, OUT_sd.",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn a synthetic CT into a map of a physical property.

    density (kg/m3), red and spr (electron density and proton stopping power, relative to water),
    mu511 (attenuation of 511 keV photons, 1/cm), sound-speed (m/s) and attenuation (of sound,
    dB/cm). The map is on the CT's grid; its header names the unit, and OUT.json beside it records
    the curve, its source, and how much of the head is beyond its range.
    """
    quantity = find_quantity(to)
    chosen, why = curve_for(quantity, curve, sct)
    ending(output)
    require_map_absent(output, with_deviation=deviation is not None, overwrite=overwrite)
    with console.status("reading") as stage:
        volume = read_volume(sct, "HU")
        spread = None if deviation is None else read_volume(deviation, "HU")
        stage.update("converting")
        with about(sct):
            made = convert_volume(
                volume, quantity, chosen, deviation=spread, frequency_mhz=frequency
            )
        stage.update("writing")
        write_map(output, made, facts={"made_from": sct.name}, overwrite=overwrite)
    facts = made.facts
    say(
        f"{output}: {facts['title']}, {facts['lowest']:.4g} to {facts['highest']:.4g} "
        f"{facts['unit']}, by {facts['curve']}"
    )
    if made.deviation is not None:
        say(f"{deviation_file(output)}: its standard deviation")
    for line in [why, *beyond_curve(facts)] if why else beyond_curve(facts):
        say(f"note: {line}")
    say(f"next: {command('view', sct, output)}")


def beyond_curve(facts: dict[str, object]) -> list[str]:
    """Return sentences on what of a head a curve does not cover."""
    lines = []
    if facts["saturated_ml"]:
        lines.append(
            f"{facts['saturated_ml']} ml are above {facts['saturated_above_hu']:g} HU, where the "
            "curve ends, and were set to its last value"
        )
    if facts["raised_ml"]:
        lines.append(
            f"{facts['raised_ml']} ml were below {facts['raised_to']:g} {facts['unit']} and were "
            "raised to that"
        )
    if facts.get("soft_in_skull_ml"):
        lines.append(f"{facts['soft_in_skull_ml']} ml of the skull are below 0 HU: marrow or holes")
    if facts.get("air_in_head_ml"):
        lines.append(f"{facts['air_in_head_ml']} ml of air in the head count as soft tissue")
    return lines
