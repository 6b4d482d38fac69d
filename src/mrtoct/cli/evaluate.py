"""mrtoct evaluate: a synthetic CT against the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    sct: Annotated[Path, typer.Argument(metavar="SCT", help="Synthetic CT in HU.")],
    ct: Annotated[Path, typer.Argument(metavar="CT", help="Real CT in HU, on the same grid.")],
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Where to compare (above 0), on the same grid. Default: the head, found on the CT."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare a synthetic CT with the real CT, in HU inside a mask.

    Mean absolute error, bias, bone overlap, the SynthRAD challenge's metrics and the paper's own.
    Volumes on different grids are an error, never resampled silently. Errors inside different
    masks are not comparable: the mask is part of the output.
    """
    import json as json_module

    import numpy as np

    from mrtoct.cli.terminal import about, say
    from mrtoct.errors import ValueRangeError
    from mrtoct.evaluation.evaluate import evaluate as evaluate_volumes
    from mrtoct.io.files import read_volume
    from mrtoct.volume import AIR_HU, check_same_grid

    synthetic, real = read_volume(sct, "HU"), read_volume(ct, "HU")
    check_same_grid(synthetic.grid, real.grid, str(sct), str(ct))
    for path, volume in ((sct, synthetic), (ct, real)):
        low, high = float(volume.voxels.min()), float(volume.voxels.max())
        doubt = (
            f"{path}: values run from {low:g} to {high:g}; in HU air is near -1000 and fat "
            "below 0 (was a rescale intercept left out?)"
        )
        if low >= 0 and mask is None:
            raise ValueRangeError(doubt)  # without air no head is found either
        if low >= 0:
            say(f"warning: {doubt}")
    # Padding outside a scanner's field of view was never measured: it counts as air.
    synthetic, real = (v.with_voxels(np.maximum(v.voxels, AIR_HU)) for v in (synthetic, real))
    if mask is not None:
        inside, source = read_volume(mask, "label"), mask.name
        check_same_grid(inside.grid, real.grid, str(mask), str(ct))
        if not (inside.voxels > 0).any():
            raise ValueRangeError(f"{mask} is empty: no voxel is above 0")
    else:
        from mrtoct.prepare.mask import head_mask_ct

        with about(ct):
            inside, source = head_mask_ct(real), "head found on the CT"
    result = evaluate_volumes(synthetic, real, inside, source)
    if json:
        typer.echo(json_module.dumps(result.to_json(), indent=1))
        return
    from rich.console import Console
    from rich.markup import escape

    from mrtoct.report.tables import subject_table

    Console().print(subject_table({escape(sct.name): result}, title=escape(f"mask: {source}")))
