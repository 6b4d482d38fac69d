"""mrtoct view: look at volumes in the browser."""

from __future__ import annotations

import signal
import webbrowser
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mrtoct.cli.options import listed
from mrtoct.cli.terminal import about, say
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.report.serve import scene_server
from mrtoct.report.volumes import NamedVolume, guess_unit, scene_of_volumes
from mrtoct.volume import Volume, outside


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
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen.", show_default="any free one")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Show volumes side by side in three planes and 3-D, with linked slices, windows and overlays.

    Volumes on other grids are brought to the first one's. What each holds is told by its voxels:
    below -500 it is CT in HU, few whole numbers from 0 are labels, all else is MR. The page is
    served to this machine alone, at an address that is printed, until Ctrl-C; no file is written
    and nothing leaves the machine.
    """
    volumes = []
    for path in files:
        with about(path):
            volume = _read(path)
        unit, voxels = guess_unit(volume.known), volume.voxels
        if volume.measured is not None:  # it was filled as if it were HU
            voxels = np.where(volume.measured, voxels, voxels.dtype.type(outside(unit)))
        volumes.append(NamedVolume(_title(path), volume.with_voxels(voxels, unit)))
    for path in map(Path, listed(mask)):
        with about(path):
            volumes.append(NamedVolume(_title(path), _labels(path)))
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


def _read(path: Path) -> Volume:
    """Read a volume of any kind; a DICOM folder's only CT, or else its only MR."""
    try:
        return read_volume(path, "HU")
    except FileError:
        if not path.is_dir():
            raise
        return read_volume(path, "a.u.")


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
