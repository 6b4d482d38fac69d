"""mrtoct inspect: is a synthetic CT plausible, without a CT to compare it with?"""

from __future__ import annotations

from typing import Annotated

import typer

from mrtoct.cli.options import Sct, model_names
from mrtoct.cli.terminal import about, console, say
from mrtoct.io.files import read_volume
from mrtoct.io.json_text import json_text
from mrtoct.properties.bone_hu import BoneHu
from mrtoct.properties.plausible import Plausibility, look_at_sct


def inspect(
    sct: Sct,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|BUNDLE",
            autocompletion=model_names,
            help="The model that made it: bone is then compared with that of the model's training "
            "CTs, if recorded.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the plausibility of a synthetic CT without a reference.

    Amount and density of bone, thickness of the vault, holes in it, its symmetry, and air in brain
    or vault. Implausible findings are reported; an error that looks plausible is not detected.
    Nothing is written.

    The exit status is 0 if nothing is implausible, 1 otherwise.
    """
    trained = None if model is None else _bone_of(model)
    with console.status("checking"), about(sct):
        found = look_at_sct(read_volume(sct, "HU"), trained)
    if json:
        typer.echo(json_text(found.facts()))
    else:
        show(found)
    if any(finding.weight != "note" for finding in found.findings):
        raise typer.Exit(1)


def _bone_of(model: str) -> BoneHu | None:
    # Reading a bundle's description takes torch, for which others need not wait.
    from mrtoct.translation.bundle import read_description
    from mrtoct.translation.pretrained.shipped import find_bundle

    cts = read_description(find_bundle(model)).translator.cts
    if cts is None or cts.bone is None:
        say(
            f"note: {model} has no record of its training CTs' bone; it is compared with that of "
            "real heads"
        )
        return None
    return cts.bone


def show(found: Plausibility) -> None:
    """Print what was measured, then what is odd."""
    low, median, high = found.bone_hu
    thin, middle, thick = found.thickness_mm
    holes = ", ".join(f"{area:g}" for area in found.holes_cm2[:3]) or "none"
    typer.echo(f"bone above 300 HU   {found.bone_part:.1%} of the head")
    typer.echo(f"its HU              {median:.0f} ({low:.0f} to {high:.0f} in four fifths of it)")
    typer.echo(f"vault thickness     {middle:.1f} mm ({thin:.1f} to {thick:.1f})")
    typer.echo(f"holes in it         {holes}" + (" cm2" if found.holes_cm2 else ""))
    right, left = found.open_temples
    typer.echo(f"temples, no bone in {right:.0%} of the right, {left:.0%} of the left")
    typer.echo(
        f"right and left      {found.sides_mm[0]:.1f} and {found.sides_mm[1]:.1f} mm, "
        f"{found.sides_hu[0]:.0f} and {found.sides_hu[1]:.0f} HU"
    )
    typer.echo(
        f"air                 {found.brain_air_ml:g} ml in the brain, in "
        f"{found.wall_air_cm2:g} cm2 of the vault"
    )
    typer.echo(f"bone in the brain   {found.brain_bone_ml:g} ml")
    for finding in found.findings:
        typer.echo(f"{'note' if finding.weight == 'note' else '!'} {finding.sentence}")
