"""mrtoct curves: the curves from HU to a property, and tables of them for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mrtoct.cli.options import Overwrite
from mrtoct.cli.terminal import say
from mrtoct.errors import ValueRangeError
from mrtoct.properties.curves.find import CURVES, find_curve, find_quantity
from mrtoct.properties.quantity import QUANTITIES
from mrtoct.properties.tables.files import write_table
from mrtoct.wording import counted


def curves(
    quantity: Annotated[
        str | None,
        typer.Argument(
            metavar="QUANTITY",
            help="density, red, spr, mu511, sound-speed or attenuation.",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        str | None,
        typer.Argument(metavar="CURVE", help="One of its curves, or a table.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Write the curve as a table: .hlut (matRad), .kct (k-Plan), .txt, or a folder "
            "(MCsquare, OpenTPS).",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """List the curves from HU to a property, show one, or write it for another program.

    A CT's calibration belongs to its scanner and tube voltage. A synthetic CT has those of its
    model's training CTs.
    """
    wanted = None if quantity is None else find_quantity(quantity)
    if out is not None and wanted is None:
        raise ValueRangeError("--out writes one curve: give a quantity and a curve")
    console = Console(highlight=False)
    if wanted is None or (curve is None and out is None):
        table = Table("quantity", "curve", "source")
        for known in QUANTITIES.values() if wanted is None else (wanted,):
            for one in CURVES[known.name].values():
                usual = " (default)" if one.name == known.default else ""
                table.add_row(f"{known.name} [{known.unit}]", one.name + usual, one.source)
        console.print(table, markup=False)
        return
    chosen = find_curve(wanted, curve)
    if out is not None:
        write_table(out, chosen, wanted, overwrite=overwrite)
        say(f"{out}: {wanted.title} by {chosen.name}, {counted(len(chosen.hu), 'point')}")
        return
    console.print(f"{wanted.title} [{wanted.unit}]; {chosen.source}", markup=False)
    table = Table("HU", str(wanted.unit))
    for hu, value in zip(chosen.hu, chosen.values, strict=True):
        table.add_row(f"{hu:g}", f"{value:.5g}")
    console.print(table, markup=False)
