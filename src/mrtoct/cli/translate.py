"""mrtoct translate: an MR volume into a synthetic CT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import Device, Overwrite


def translate(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="Folder with bundle.json, such as RUN/best.")
    ],
    input: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Head MR: .nii.gz, .nii, .mha or .mhd.")
    ],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Synthetic CT to write, of any of these kinds.")
    ],
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Translate a head MR into a synthetic CT.

    The MR may have any orientation, spacing and slice thickness. The output lies on exactly its
    grid: int16 HU, -1024 where the head is not. A bundle only knows MR like the ones it was
    trained on: the same contrast, the same part of the body.
    """
    from mrtoct.cli.terminal import about, console, say
    from mrtoct.io.atomic import check_absent
    from mrtoct.io.files import ending, read_volume, write_volume

    # Before the work, not after it: what could not be written anyway.
    ending(output)
    check_absent(output, overwrite=overwrite)
    mr = read_volume(input, "a.u.")
    from mrtoct.translate import Translator

    translator = Translator.load(bundle, device)
    with console.status("translating"), about(input):
        sct = translator.translate(mr)
    write_volume(output, sct, overwrite=overwrite)
    say(f"{output}: {sct.grid}, {sct.voxels.min()} to {sct.voxels.max()} HU")
