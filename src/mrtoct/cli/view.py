"""mrtoct view: look at volumes in the browser."""

from __future__ import annotations

import signal
import webbrowser
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mrtoct.cli.any_volume import read_any
from mrtoct.cli.options import listed
from mrtoct.cli.terminal import about, say, warn
from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.report.apart import MOST_APART_MM, heads_apart
from mrtoct.report.serve import scene_server
from mrtoct.report.volumes import NamedVolume, scene_of_volumes
from mrtoct.volume import Array, Volume


def view(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="NIfTI or MetaImage files, or folders of DICOM or RIRE; the first gives the grid.",
        ),
    ],
    mask: Annotated[
        list[str],
        typer.Option(
            metavar="A,B", help="Masks or labels to lay over the others.", show_default=False
        ),
    ] = [],  # noqa: B006
    transform: Annotated[
        list[str],
        typer.Option(
            metavar="TFM,...",
            help="Lay the further files on the first: an ITK transform of the first's points to "
            "theirs, as 'mrtoct register CT MR --out TFM' finds it. One for all of them, or one "
            "for each in turn, 'none' for one that lies right.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen.", show_default="any free one")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Show volumes side by side in three planes and 3-D, with linked slices, windows and overlays.

    Volumes on other grids are brought to the first one's. What each holds is told by its voxels:
    below -500 it is CT in HU, few whole numbers from 0 are labels, all else is MR. Where two heads
    do not lie on each other it says so: --transform lays them so. The page is
    served to this machine alone, at an address that is printed, until Ctrl-C; no file is written
    and nothing leaves the machine.
    """
    transforms = [None, *_transforms(listed(transform), len(files) - 1)]
    volumes = []
    for path, matrix in zip(files, transforms, strict=True):
        with about(path):
            volumes.append(NamedVolume(_title(path), read_any(path), matrix))
    for path in map(Path, listed(mask)):
        with about(path):
            volumes.append(NamedVolume(_title(path), _labels(path)))
    for named in volumes[1:]:
        apart = heads_apart(volumes[0].volume, named.volume, named.transform)
        if apart is not None and apart > MOST_APART_MM:
            warn(
                f"warning: the heads of {volumes[0].title} and {named.title} lie about {apart:.0f} "
                "mm apart: --transform lays one on the other (mrtoct register finds it)"
            )
    server, address = scene_server(scene_of_volumes(volumes), port=port)
    typer.echo(address)
    say("Ctrl-C ends it.")
    if browser:
        _open(address)
    # A shell that starts it in the background has it ignore the only signal that ends it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass  # how it is meant to end
    finally:
        server.server_close()


def _transforms(named: tuple[str, ...], further: int) -> list[Array | None]:
    """Return the transform of each further file; ValueRangeError for another number of them."""
    if not named:
        return [None] * further
    if len(named) not in (1, further):
        raise ValueRangeError(
            f"--transform takes one for all further files or one for each; got {len(named)} for "
            f"{further}"
        )
    read = [None if name == "none" else read_transform(name) for name in named]
    return read * further if len(named) == 1 else read


def _labels(path: Path) -> Volume:

    volume = read_volume(path, "label")
    values = np.unique(volume.voxels)
    if values[0] < 0 or values[-1] > 65_000 or not np.array_equal(values, np.rint(values)):
        raise ValueRangeError(
            "a mask holds whole numbers from 0 to 65000, "
            f"got values from {float(values[0]):g} to {float(values[-1]):g}"
        )
    return volume.with_voxels(volume.voxels.astype(np.uint16))


def _title(path: Path) -> str:
    """Return a short name: the file's own, or a folder's."""
    return path.resolve().name


def _open(address: str) -> None:
    """Open the page; a machine without a browser, such as a server, is no error."""
    try:
        opened = webbrowser.open(address)
    except webbrowser.Error:
        opened = False
    if not opened:
        say("No browser could be opened: paste the address into one on this machine.")
