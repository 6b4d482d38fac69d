"""mrtoct view: look at volumes in the browser."""

from __future__ import annotations

import signal
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mrtoct.cli.any_volume import AnyVolume, find_any
from mrtoct.cli.options import listed
from mrtoct.cli.shown import scans_to_show, titles_of
from mrtoct.cli.terminal import about, say, warn
from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.io.scan import Scan
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
            help="NIfTI, MetaImage or NRRD files, or folders of DICOM or RIRE; the first defines "
            "the grid.",
        ),
    ],
    mask: Annotated[
        list[str],
        typer.Option(
            metavar="A,B", help="Masks or labels to overlay on the others.", show_default=False
        ),
    ] = [],  # noqa: B006
    deviation: Annotated[
        list[str],
        typer.Option(
            metavar="SD,...",
            help="Standard deviations in HU, from 'mrtoct translate --uncertainty'; only needed "
            "for files not recognised by header or name.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="CT",
            help="The real CT: show it, too, and the difference of the other CTs from it.",
            show_default=False,
        ),
    ] = None,
    series: Annotated[
        list[str],
        typer.Option(
            metavar="A,B",
            help="Which series of a DICOM folder: number, UID or part of the description (see "
            "'mrtoct series'); several are shown side by side. For several folders, one for each "
            "in order.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    transform: Annotated[
        list[str],
        typer.Option(
            metavar="TFM,...",
            help="Align the other files with the first: an ITK transform of the first's points to "
            "theirs, from 'mrtoct register CT MR --out TFM'. One for all of them, or one for each "
            "in order, 'none' for one already aligned.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port of the server.", show_default="any free port"),
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Show volumes side by side in three planes and 3-D, with linked slices, windows and overlays.

    Volumes on other grids are resampled to the first one's. Their kind is taken from the header, as
    for the maps and standard deviations that mrtoct writes, or else from the voxels: values below
    -500 mean CT in HU, a few integers from 0 labels, all else MR. A warning says if two heads are
    not aligned; --transform aligns them. The page is served only to this machine, at the printed
    address, until Ctrl-C; no file is written and nothing leaves the machine.
    """
    scans = scans_to_show([*files, *map(Path, listed(deviation))], listed(series))
    if against is not None:
        scans.append(Scan(against))
    further = _transforms(listed(transform), len(scans) - 1)
    volumes = []
    spreads = {Path(name) for name in listed(deviation)}
    for scan, matrix in zip(scans, [None, *further], strict=True):
        with about(scan.path):
            found = find_any(scan.path, scan.series)
        if found.note:
            warn(f"note: {found.note}; --series shows others")
        is_deviation, is_real = scan.path in spreads, scan.path is against
        volume = found.volume
        if is_deviation or is_real:
            with about(scan.path):
                volume = _in_hu(found, "standard deviation" if is_deviation else "CT")
        volumes.append(NamedVolume("", volume, matrix, found.deviation or is_deviation, is_real))
    masks = [Path(name) for name in listed(mask)]
    for path in masks:
        with about(path):
            volumes.append(NamedVolume("", _labels(path)))
    titles = titles_of([*scans, *map(Scan, masks)])
    volumes = [replace(one, title=title) for one, title in zip(volumes, titles, strict=True)]
    if against is not None and not any(_is_ct(one) and not one.reference for one in volumes):
        raise ValueRangeError(f"--against {against}: none of the other files is a CT in HU")
    for named in volumes[1:]:
        apart = heads_apart(volumes[0].volume, named.volume, named.transform)
        if apart is not None and apart > MOST_APART_MM:
            warn(
                f"warning: the heads of {volumes[0].title} and {named.title} are about {apart:.0f} "
                "mm apart: align them with --transform (see mrtoct register)"
            )
    server, address = scene_server(scene_of_volumes(volumes), port=port)
    typer.echo(address)
    say("Press Ctrl-C to stop.")
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


def _is_ct(named: NamedVolume) -> bool:
    return named.volume.unit == "HU" and not named.deviation


def _in_hu(found: AnyVolume, what: str) -> Volume:
    """Return a volume as HU; ValueRangeError for what cannot be the CT or deviation it is named."""
    volume = found.volume
    if what == "CT":
        if volume.unit != "HU" or found.deviation:
            raise ValueRangeError("--against needs a CT in HU, and this is not one")
        return volume
    if volume.known.min() < 0:
        raise ValueRangeError(
            f"a standard deviation is 0 or more, got values from {float(volume.known.min()):g}"
        )
    return volume if found.deviation else volume.with_voxels(volume.voxels, "HU")


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
            "a mask holds integers from 0 to 65000, "
            f"got values from {float(values[0]):g} to {float(values[-1]):g}"
        )
    return volume.with_voxels(volume.voxels.astype(np.uint16))


def _open(address: str) -> None:
    """Open the page; a machine without a browser, such as a server, is no error."""
    try:
        opened = webbrowser.open(address)
    except webbrowser.Error:
        opened = False
    if not opened:
        say("No browser could be opened: open the address in one on this machine.")
