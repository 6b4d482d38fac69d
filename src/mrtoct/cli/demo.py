"""mrtoct demo: the shipped model on one head, and a page to look at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli.options import FILES, Device, Overwrite
from mrtoct.cli.terminal import console, say
from mrtoct.cli.translate import translate
from mrtoct.errors import FileError
from mrtoct.io.atomic import require_absent
from mrtoct.io.files import read_volume, write_volume
from mrtoct.phantom import PhantomSettings, make_subject
from mrtoct.translation.bundle import read_description
from mrtoct.translation.pretrained.shipped import DEFAULT, bundle_path

OUTPUTS = ("mr.nii.gz", "sct.nii.gz", "deviation.nii.gz", "page.html")
SEED = 4
"""Of the generated head."""
SHAPES = "This head is a phantom: it shows that everything works, not how good the model is."
HONESTLY = """\
A synthetic CT shows what heads usually look like, not what the MR does not show. Errors are
largest at bone and air, which are both dark in MR. Research software, not a medical device: not for
diagnosis, not for treatment planning.
next, with your own head MR:
  mrtoct translate MR.nii.gz SCT.nii.gz --page PAGE.html"""


def demo(
    mr: Annotated[
        Path | None,
        typer.Argument(
            metavar="MR",
            help=f"A head MR of any contrast: {FILES}, or a folder of DICOM files. Default: a "
            "generated phantom head.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the outputs.")] = Path("mrtoct-demo"),
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Translate a head with the shipped model and show the result on a page.

    Offline, on a CPU, in about a minute. Writes the MR, the synthetic CT and its standard deviation
    as NIfTI on one grid, and page.html, which shows all three. For research only.
    """
    started = time.monotonic()
    if out.exists() and not out.is_dir():
        raise FileError(f"{out} is a file; name a folder")
    scan, sct, deviation, page = (out / name for name in OUTPUTS)
    for path in (scan, sct, deviation, page):
        require_absent(path, overwrite=overwrite)
    estimates = read_description(bundle_path(DEFAULT)).translator.deviation is not None
    if mr is None:
        with console.status("generating a head"):
            volume = make_subject(SEED, head_settings()).mr["T1"]
        write_volume(scan, volume, overwrite=overwrite)
    else:
        write_volume(scan, read_volume(mr, "a.u."), overwrite=overwrite)
    translate(
        mr or scan,
        sct,
        uncertainty=deviation if estimates else None,
        page=page,
        device=device,
        overwrite=overwrite,
    )
    lines = [f"\nDone in {time.monotonic() - started:.0f} seconds. Look at"]
    for path, what in (
        (scan, "the MR"),
        (sct, "the synthetic CT in HU"),
        (deviation, "its standard deviation in HU"),
        (page, "all of them in a viewer: open it in a browser"),
    ):
        if path != deviation or estimates:
            lines.append(f"  {path!s:<{len(str(deviation))}}   {what}")
    lines += [SHAPES] if mr is None else []
    say("\n".join([*lines, HONESTLY]))


def head_settings() -> PhantomSettings:
    """Return the scan of the head that is made up: T1, 1 mm, with the neck's beginning."""
    return PhantomSettings(
        ct_shape=(24, 24, 24),  # not looked at
        ct_spacing=(10.0, 10.0, 10.0),
        mr_shape=(192, 240, 224),
        mr_spacing=(1.0, 1.0, 1.0),
        lesion_probability=0.0,
        metal_probability=0.0,
    )
