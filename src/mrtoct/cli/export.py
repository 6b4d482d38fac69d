"""mrtoct export: a model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mrtoct.cli.options import Overwrite, model_names
from mrtoct.cli.terminal import console, say
from mrtoct.translation.export import export_onnx
from mrtoct.translation.pretrained.shipped import find_bundle


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped (head) or fetched model, or a bundle.",
            autocompletion=model_names,
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .onnx.")],
    to: Annotated[Literal["onnx"], typer.Option(help="The format.")] = "onnx",
    overwrite: Overwrite = False,
) -> None:
    """Write a model as ONNX, for programs that run networks without Python or torch.

    Its inputs are the MR's signal on an upright grid, the head mask and the signal's percentiles in
    it, its output is HU. It includes scaling and averaging; its metadata describe pre- and
    postprocessing. It is kept only if it agrees with the model to 1 HU. Needs the extra
    mrtoct[onnx]; a model of 11 million weights takes a minute.
    """
    with console.status("exporting"):
        made = export_onnx(find_bundle(model), out, overwrite=overwrite)
    sides = " x ".join(f"{n} n" for n in made.multiples)
    say(f"{out}: sides must be {sides}; within {made.apart:.2g} HU of torch's result")
